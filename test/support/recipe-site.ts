/**
 * A pool on the fake cloud whose nodes can be logged in to, and somebody who runs what is in config/recipes on it. Behind each
 * node that is READY stands an OpenSSH server of its own, whose directory is the home of who logs in: the node's disk.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/lib/clock.ts';
import type { NodeRecord, RequestRecord } from '../../src/lifecycle/records.ts';
import { cleanEnvironment, type DaemonProcess, type Ended } from './daemon-process.ts';
import { needPackage } from './debian-package.ts';
import { programPath, run } from './mariadb.ts';
import { aLabelEntry, aProviderEntry, dburiOf, RealPool, until } from './real-pool.ts';
import { Sshd } from './sshd.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const RECIPES = join(root, 'config/recipes');
const fixtures = join(root, 'test/fixtures/recipes');
/** Stands in for java on the nodes. */
export const JAVA = join(fixtures, 'jenkins-java.mjs');

/** READY nodes that the pool keeps. */
const READY = 2;

/** Carries a connection of ssh to a port of this machine. */
const CARRIER = `const socket = require('node:net').connect(process.argv[2], '127.0.0.1');
process.stdin.pipe(socket).pipe(process.stdout)`;

/** What a job does to wait until {@link RecipeSite.letGo} is called. */
export function waits(flag = 'go'): string {
  return `until [ -e "$HOME/${flag}" ]; do sleep 0.1; done`;
}

/** A recipe that runs, in a process group that is not that of the tests. */
export interface Running {
  /** What it has printed up to now. */
  output(): string;
  /** Signals the process of the recipe alone. */
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

export class RecipeSite {
  readonly pool: RealPool;
  readonly daemon: DaemonProcess;
  readonly #machines = new Map<number, Sshd>();
  readonly #running: ChildProcess[] = [];
  readonly #key: string;
  /** Ids of nodes that are of no interest any more. */
  #forgotten = new Set<number>();
  #apiUrl = '';

  private constructor(pool: RealPool, key: string) {
    this.pool = pool;
    this.#key = key;
    this.#configure();
    this.#makePrograms();
    this.daemon = pool.start();
  }

  /** Resolves when the pool is full, and its nodes can be logged in to. */
  static async open(): Promise<RecipeSite> {
    await needPackage('curl', 'curl', ['curl']);
    await needPackage('openssh-client', 'the OpenSSH client', ['ssh', 'ssh-keygen']);
    const pool = await RealPool.open('SQLite');
    const key = join(pool.directory, 'id_ed25519');
    await run(programPath('ssh-keygen') ?? 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
    const site = new RecipeSite(pool, key);
    const { host, port } = await site.daemon.logged(({ msg }) => msg === 'listening');
    site.#apiUrl = `http://${String(host)}:${String(port)}`;
    const { token } = await pool.ask<{ token: string }>('token', 'create', 'recipes');
    site.secretFile('nodepool.token', token);
    return site;
  }

  /** Resolves when the pool is full, and its nodes can be logged in to. What jobs left before is forgotten. */
  async begin(): Promise<void> {
    this.#forgotten = new Set(this.#machines.keys());
    for (const node of await this.pool.full({ small: READY })) {
      const machine = this.#machines.get(node.id) ?? (await this.#boot(node));
      await this.#setHostKey(node.id, await machine.hostKey('ed25519'));
      this.#forgotten.delete(node.id);
    }
  }

  /** Has the pool expect another host key of its nodes, until the next test begins. */
  async changeHostKeys(hostKey: string): Promise<void> {
    for (const { id } of await this.pool.nodes()) await this.#setHostKey(id, hostKey);
  }

  /** Leaves nobody a node, as if all were in use: there is no room for more. The answer ends that. */
  async occupy(): Promise<() => Promise<void>> {
    const ids = (await this.pool.nodes()).map(({ id }) => String(id));
    await this.pool.nodepool('hold', ...ids);
    return async () => void (await this.pool.nodepool('unhold', ...ids));
  }

  /** Settings with which a recipe takes nodes over HTTP. */
  overHttp(): NodeJS.ProcessEnv {
    const files = { NODEPOOL_TOKEN_FILE: this.#file('nodepool.token'), NODEPOOL_KEY: this.#key };
    return { NODEPOOL_URL: this.#apiUrl, ...files };
  }

  /** Settings with which the pauses of a recipe take a hundredth of their time. */
  inHaste(): NodeJS.ProcessEnv {
    const directory = this.#file('hasty');
    mkdirSync(directory, { recursive: true });
    const pause = "$(printf '%d.%02d' $(($1 / 100)) $(($1 % 100)))";
    writeFileSync(join(directory, 'sleep'), `#!/bin/sh\nexec ${programPath('sleep')} ${pause}\n`, { mode: 0o755 });
    return { PATH: `${directory}:${this.#programs}:${process.env['PATH']}` };
  }

  /** A file for whoever runs the recipes. */
  secretFile(name: string, secret: string): string {
    const path = this.#file(name);
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    return path;
  }

  /** The environment of whoever runs the recipes: the programs that they call are found, and nodes are reached. */
  environment(settings: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return cleanEnvironment({
      PATH: `${this.#programs}:${process.env['PATH']}`,
      // What a killed one leaves goes with the pool.
      TMPDIR: this.pool.directory,
      NODEPOOL_CONFIG: this.pool.configPath,
      NODEPOOL_STATE_DIR: join(this.pool.directory, 'daemon'),
      ...settings,
    });
  }

  /** Starts one of the recipes. */
  start(recipe: string, args: readonly string[], settings: NodeJS.ProcessEnv, input: string | null = null): Running {
    const child = spawn(join(RECIPES, recipe), args, {
      env: this.environment(settings),
      cwd: this.pool.directory,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#running.push(child);
    if (input !== null) child.stdin.end(input);
    const written = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...written }));
    return { output: () => written.stdout + written.stderr, kill: (signal) => void child.kill(signal), ended };
  }

  /** The lines of the file `jobs` in the homes of all nodes that there were, and whether the node is still there. */
  async left(): Promise<readonly string[]> {
    const there = new Set((await this.pool.nodes()).map(({ id }) => id));
    return [...this.#machines].flatMap(([id, { directory }]) => {
      const path = join(directory, 'jobs');
      // What is behind the last line end is none, or is being written.
      const lines =
        existsSync(path) && !this.#forgotten.has(id) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
      return lines.map((line) => `${line} on one that is ${there.has(id) ? 'there' : 'gone'}`);
    });
  }

  /** Resolves when a job has left something. */
  async jobRuns(): Promise<void> {
    await until('a job runs', async () => ((await this.left()).length > 0 ? true : null));
  }

  /** Lets the job go on that {@link waits} for this. */
  letGo(flag = 'go'): void {
    for (const [id, { directory }] of this.#machines) {
      if (!this.#forgotten.has(id)) writeFileSync(join(directory, flag), '');
    }
  }

  /** Everything that lies on the disks of nodes. */
  onDisks(): string {
    const below = (directory: string): string =>
      readdirSync(directory, { withFileTypes: true })
        .map((entry) => {
          const path = join(directory, entry.name);
          if (entry.isDirectory()) return below(path);
          return entry.isFile() ? `${path}\n${readFileSync(path, 'latin1')}` : '';
        })
        .join('\n');
    return [...this.#machines.values()].map(({ directory }) => below(directory)).join('\n');
  }

  /** Every row of every table, as text. */
  async inDatabase(): Promise<string> {
    const { knex } = this.pool.database;
    const tables = (await knex('sqlite_master').where({ type: 'table' }).pluck('name')) as string[];
    return JSON.stringify(await Promise.all(tables.map((table) => knex(table).select())));
  }

  /** How many requests there have been. */
  async requests(): Promise<number> {
    return (await this.pool.database.knex('request').select('id')).length;
  }

  /** Resolves with the end of the only lease that there is, as soon as that is later than `after`. */
  async leaseEnd(after = 0): Promise<number> {
    return until('a lease that lasts longer', async () => {
      const { requests } = await this.pool.database.store.readPool();
      const expiresAt = requests.find(({ state }) => state === 'granted')?.expiresAt ?? 0;
      return expiresAt > after ? expiresAt : null;
    });
  }

  /** What the daemon has logged. */
  logged(): string {
    return JSON.stringify(this.daemon.lines);
  }

  /** Resolves with the request that ended last when none is open, its node is gone, and the pool is full again. */
  async cleared(): Promise<RequestRecord> {
    const { store } = this.pool.database;
    const ended = await until('all requests have ended', async () => {
      const { requests } = await store.readPool();
      const [last] = await store.requests.ended(1);
      return requests.length === 0 && last ? last : null;
    });
    await this.pool.full({ small: READY });
    return ended;
  }

  async close(): Promise<void> {
    for (const { pid } of this.#running) if (pid !== undefined) endGroup(pid);
    await Promise.all([...this.#machines.values()].map((machine) => machine.remove()));
    await this.pool.close();
  }

  #file(name: string): string {
    return join(this.pool.directory, name);
  }

  get #programs(): string {
    return this.#file('programs');
  }

  #configure(): void {
    const image = { name: 'plain', 'base-image': 'Base', 'min-ram': 1024, setup: 'prepare_node_devstack.sh' };
    const login = { username: userInfo().username, 'private-key': this.#key };
    this.pool.writeConfig(
      JSON.stringify({
        'script-dir': join(root, 'tools/fake-scripts'),
        dburi: dburiOf(this.pool.database.config),
        api: { port: 0 },
        providers: [aProviderEntry({ 'max-servers': READY, images: [{ ...image, ...login }] })],
        labels: [aLabelEntry({ 'min-ready': READY })],
        targets: [{ name: 'requests' }],
      }),
    );
  }

  /** `nodepool` as npm installs it, and an ssh that reaches the addresses of the fake cloud. */
  #makePrograms(): void {
    mkdirSync(this.#programs);
    writeFileSync(this.#sshConfig, '');
    writeFileSync(this.#carrier, CARRIER);
    this.#makeProgram('nodepool', `${process.execPath} ${join(root, 'bin/nodepool')}`);
    this.#makeProgram('ssh', `${programPath('ssh')} -F ${this.#sshConfig}`);
  }

  #makeProgram(name: string, command: string): void {
    writeFileSync(join(this.#programs, name), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  }

  get #carrier(): string {
    return join(this.#programs, 'carrier.cjs');
  }

  get #sshConfig(): string {
    return this.#file('ssh_config');
  }

  /** Puts a server with the image of the recipes behind a node. */
  async #boot({ id, ip }: NodeRecord): Promise<Sshd> {
    const machine = await Sshd.start();
    this.#machines.set(id, machine);
    copyFileSync(`${this.#key}.pub`, join(machine.directory, 'authorized_keys'));
    installRunner(join(machine.directory, 'actions-runner'));
    const carrier = `${process.execPath} ${this.#carrier} ${machine.port}`;
    writeFileSync(this.#sshConfig, `Host ${ip}\n  ProxyCommand ${carrier}\n`, { flag: 'a' });
    return machine;
  }

  async #setHostKey(nodeId: number, hostKey: string): Promise<void> {
    await this.pool.database.store.patch('node', nodeId, {}, { hostKey });
  }
}

function installRunner(directory: string): void {
  mkdirSync(directory);
  copyFileSync(join(fixtures, 'github-runner.mjs'), join(directory, 'runner.mjs'));
  writeFileSync(join(directory, 'run.sh'), `#!/bin/sh\nexec '${process.execPath}' "$(dirname "$0")/runner.mjs" "$@"\n`);
  chmodSync(join(directory, 'run.sh'), 0o755);
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, as it should have.
  }
}

/** Looks at the arguments of all processes of this machine, as `ps` shows them, again and again until `work` is done. */
export async function watchArguments<T>(work: (look: () => void) => Promise<T>): Promise<{ result: T; seen: string }> {
  const seen = new Set<string>();
  const controller = new AbortController();
  const look = (): void => {
    for (const pid of readdirSync('/proc')) if (/^\d+$/.test(pid)) seen.add(argumentsOf(pid));
  };
  const watching = (async () => {
    while (!controller.signal.aborted) {
      look();
      await systemClock.sleep(3, controller.signal);
    }
  })();
  try {
    return { result: await work(look), seen: [...seen].join('\n') };
  } finally {
    controller.abort();
    await watching;
  }
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // The process has ended meanwhile.
    return '';
  }
}
