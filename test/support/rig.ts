/**
 * The acceptance rig: a real OpenStack on this machine, in a network namespace of its own. Its scripts are not part of
 * this repository; they stand beside it (`../shared/rig`), or where `NODEPOOL_RIG` says.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface Rig {
  /** Where its scripts are. */
  readonly scripts: string;
  /** Where it keeps its state: `clouds.yaml`, keys, logs, process ids. */
  readonly state: string;
}

/** The rig on this machine. Throws what to do when it has no scripts. */
export async function findRig(): Promise<Rig> {
  const scripts = resolve(
    process.env['NODEPOOL_RIG'] ?? fileURLToPath(new URL('../../../shared/rig', import.meta.url)),
  );
  if (!existsSync(join(scripts, 'openstack-up'))) {
    throw new Error('These tests need the OpenStack rig: set NODEPOOL_RIG to the directory that holds openstack-up.');
  }
  const { stdout } = await execute('bash', ['-c', '. "$0/lib.sh" && printf %s "$RIG_DIR"', scripts]);
  return { scripts, state: stdout };
}

/** Its scripts wait for a service this long, in seconds: long enough for a machine ten times slower than ours. */
const SERVICE_TIMEOUT_S = '900';

/** Runs one of its scripts to the end. */
export async function runRigScript({ scripts, state }: Rig, name: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  // They give up at once where another one runs, such as that of a run that was cut off and still stops the rig.
  if (existsSync(state)) await execute('flock', [join(state, 'lock'), 'true']);
  const own = { RIG_TIMEOUT: SERVICE_TIMEOUT_S, ...process.env, ...env };
  // Not through pipes: the services that it starts keep them open.
  const child = spawn(join(scripts, name), { cwd: scripts, env: own, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${name} of the rig ended with exit code ${code}`);
}

/** Whether it was started and not stopped. Parts of it may have ended, or not be there yet: `openstack-up` sees to that. */
export function isRigUp({ scripts }: Rig): Promise<boolean> {
  // Not by a call: on a busy machine no answer in time does not mean that nobody uses it.
  return execute('bash', ['-c', '. "$0/lib.sh" && alive keystone', scripts]).then(
    () => true,
    () => false,
  );
}

/** What the ordinary OpenStack client says, as JSON. */
export async function askOpenStack<T>({ state }: Rig, cloud: string, ...args: string[]): Promise<T> {
  const env = { ...process.env, OS_CLIENT_CONFIG_FILE: join(state, 'clouds.yaml') };
  const options = { env, cwd: state, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await execute('openstack', ['--os-cloud', cloud, ...args, '-f', 'json'], options);
  return JSON.parse(stdout) as T;
}

/** As {@link askOpenStack}, for what changes nothing: the client gives up when a service does not answer once, this does not. */
export function readOpenStack<T>(rig: Rig, cloud: string, ...args: string[]): Promise<T> {
  // Should it fail again, that is told.
  return askOpenStack<T>(rig, cloud, ...args).catch(() => askOpenStack<T>(rig, cloud, ...args));
}

/** Runs a command of the ordinary OpenStack client that answers nothing. */
export async function tellOpenStack({ state }: Rig, cloud: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, OS_CLIENT_CONFIG_FILE: join(state, 'clouds.yaml') };
  await execute('openstack', ['--os-cloud', cloud, ...args], { env, cwd: state });
}

/** Stops one service of the rig, given by the name of its file of process ids. */
export function stopService({ state }: Rig, name: string): void {
  // The file holds the process id and when that process was started. Each service leads a process group.
  const pid = Number(readFileSync(join(state, 'run', `${name}.pid`), 'utf8').split(' ', 1)[0]);
  process.kill(-pid, 'SIGKILL');
}
