import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GearmanServerConfig } from '../../src/config/types.ts';
import { needPackage } from './debian-package.ts';
import { programPath, run } from './mariadb.ts';
import { awaitReady, findFreePort } from './server-process.ts';

/** The Gearman job server of the system on a port of its own, and its client and workers. */
export class Gearmand {
  readonly config: GearmanServerConfig;
  readonly #directory: string;
  readonly #workers: ChildProcess[] = [];
  #process: ChildProcess | null = null;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.config = { host: '127.0.0.1', port };
  }

  /** Resolves when it takes connections. */
  static async create(): Promise<Gearmand> {
    await needPackage('gearman-job-server', 'the Gearman job server', ['gearmand']);
    await needPackage('gearman-tools', 'the Gearman client', ['gearman']);
    const server = new Gearmand(await mkdtemp(join(tmpdir(), 'nodepool-gearmand-')), await findFreePort());
    await server.start();
    return server;
  }

  /** Starts it again after {@link kill}, on the same port. */
  async start(): Promise<void> {
    const { host, port } = this.config;
    // It replaces whatever is at the place of its pid file: never name a device.
    const place = ['--listen', host, '--port', String(port), '--pid-file', join(this.#directory, 'pid')];
    const log = ['--log-file', 'stderr', '--verbose', 'INFO'];
    const child = spawn(programPath('gearmand') ?? 'gearmand', [...place, ...log], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    running.add(child);
    await awaitReady('gearmand', child.stderr, (line) => line.includes('Listening on'));
  }

  /** Ends it as a crash does. Jobs are gone with it. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child) await end(child);
  }

  /** Stops it in its tracks: connections stay, and nothing is answered. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** Queues jobs that nobody waits for. */
  async queue(name: string, count = 1): Promise<void> {
    for (let job = 0; job < count; job += 1) await run(gearman(), [...this.#place(), '-b', '-s', '-f', name]);
  }

  /** Jobs of a function that wait or are being worked on. */
  async jobs(name: string): Promise<number> {
    const lines = await this.#ask('--status');
    const [, jobs = '0'] = lines.map((line) => line.split('\t')).find(([first]) => first === name) ?? [];
    return Number(jobs);
  }

  /** Connections whose client calls itself `name`. */
  async clients(name: string): Promise<number> {
    return (await this.#ask('--workers')).filter((line) => line.split(' ')[2] === name).length;
  }

  /**
   * Starts a worker that runs `command` for each job, with the job's payload on standard input.
   *
   * @param style how the answer comes: with the news that the job is done, or before it, as Zuul's launchers send it
   */
  work(name: string, command: readonly string[], style: 'whole' | 'before' = 'whole'): Worker {
    const how = [...this.#place(), '-w', ...(style === 'before' ? ['-N'] : []), '-f', name];
    const child = spawn(gearman(), [...how, '--', ...command], { stdio: 'ignore' });
    this.#workers.push(child);
    running.add(child);
    return { stop: () => end(child) };
  }

  async remove(): Promise<void> {
    for (const worker of this.#workers) await end(worker);
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #ask(what: string): Promise<readonly string[]> {
    const program = programPath('gearadmin') ?? 'gearadmin';
    const { stdout } = await promisify(execFile)(program, [...this.#place(), what]);
    return stdout.split('\n');
  }

  #place(): readonly string[] {
    return ['-h', this.config.host, '-p', String(this.config.port)];
  }
}

export interface Worker {
  stop(): Promise<void>;
}

const gearman = (): string => programPath('gearman') ?? 'gearman';

/** Each test ends what it started; this is for a run that is cut off. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

async function end(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
