/**
 * A pool as an operator has it: a configuration file, a database, daemons and commands as processes of their own.
 * Each daemon has fake clouds of its own in its memory, which end with it.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import {
  cleanEnvironment,
  runProgram,
  startDaemon,
  type DaemonProcess,
  type Ended,
  type Start,
} from './daemon-process.ts';
import { openFreshStore, type DatabaseKind, type OpenedStore } from './with-database.ts';

const SCRIPTS = fileURLToPath(new URL('../../tools/fake-scripts', import.meta.url));
const READY_SCRIPT = 'multinode_setup.sh';

/** Entries of a configuration file, under the keys that they have there. */
export type Entry = Readonly<Record<string, unknown>>;

export interface PoolFile {
  readonly providers?: readonly Entry[];
  readonly labels?: readonly Entry[];
  readonly targets?: readonly Entry[];
}

/** A provider on the fake cloud that is called `east` and has the image `plain`. */
export function aProviderEntry({ fake = {}, ...overrides }: Entry & { fake?: Entry } = {}): Entry {
  const image = { name: 'plain', 'base-image': 'Base', 'min-ram': 1024, setup: 'prepare_node_devstack.sh' };
  return {
    name: 'east',
    driver: 'fake',
    'max-servers': 12,
    rate: 0,
    // How long the pool waits for the server of a create call whose answer was lost.
    'api-timeout': 1,
    images: [image],
    fake: { 'boot-time': 0.05, ...fake },
    ...overrides,
  };
}

/** A label that `east` supplies; `small` keeps two nodes. */
export function aLabelEntry({ providers = ['east'], ...overrides }: Entry & { providers?: string[] } = {}): Entry {
  return {
    name: 'small',
    image: 'plain',
    'min-ready': 2,
    providers: providers.map((name) => ({ name })),
    ...overrides,
  };
}

/** A label whose nodes are sets of two servers, made ready by a script. */
export function aSetEntry(overrides: Entry = {}): Entry {
  return aLabelEntry({ name: 'set', 'min-ready': 1, subnodes: 1, 'ready-script': READY_SCRIPT, ...overrides });
}

/** Writes a file of ours in one go: a daemon that reads half a file complains of it. */
export function writeAtOnce(path: string, text: string, mode = 0o666): void {
  writeFileSync(`${path}.half`, text, { mode });
  renameSync(`${path}.half`, path);
}

/** What is waited for takes far less, and less than anything that was given up for a while rests. */
const PATIENCE_MS = 25_000;
const LOOK_INTERVAL_MS = 20;
/** Whatever a look took beyond this, the machine stood still: that uses up no patience. */
const LONGEST_LOOK_MS = 1000;
/** Of a daemon's log, shown when the pool did not become what was waited for. */
const LAST_LINES = 20;

/** Resolves with the first answer that is not null. There is no wait for time in it, only for the fact. */
export async function until<T>(what: string, ask: () => Promise<T | null>, patienceMs = PATIENCE_MS): Promise<T> {
  for (let waitedMs = 0; waitedMs < patienceMs;) {
    const lookAt = systemClock.now();
    const answer = await ask();
    if (answer !== null) return answer;
    await systemClock.sleep(LOOK_INTERVAL_MS);
    waitedMs += Math.min(systemClock.now() - lookAt, LONGEST_LOOK_MS);
  }
  throw new Error(`waited in vain for this: ${what}`);
}

export interface RealPoolOptions {
  /** Further environment of all programs. */
  readonly env?: NodeJS.ProcessEnv;
  /** How long to wait for a full pool. */
  readonly patienceMs?: number;
}

export class RealPool {
  readonly directory = mkdtempSync(join(tmpdir(), 'nodepool-system-'));
  readonly database: OpenedStore;
  readonly #daemons: DaemonProcess[] = [];
  readonly #options: RealPoolOptions;

  /** Closing the pool closes the database too. */
  constructor(database: OpenedStore, options: RealPoolOptions = {}) {
    this.database = database;
    this.#options = options;
  }

  static async open(kind: DatabaseKind, options: RealPoolOptions = {}): Promise<RealPool> {
    return new RealPool(await openFreshStore(kind), options);
  }

  get configPath(): string {
    return join(this.directory, 'nodepool.yaml');
  }

  /** Writes the configuration file: by default two `small` nodes at `east`. */
  configure(file: PoolFile = {}): void {
    const { providers = [aProviderEntry()], labels = [aLabelEntry()], targets = [{ name: 'zuul' }] } = file;
    const settings = { 'script-dir': SCRIPTS, dburi: dburiOf(this.database.config) };
    this.writeConfig(JSON.stringify({ ...settings, providers, labels, targets }));
  }

  writeConfig(text: string): void {
    writeAtOnce(this.configPath, text);
  }

  /** Starts a daemon. Daemons with other names have state directories of their own, as on other machines. */
  start(name = 'daemon', ...options: string[]): DaemonProcess {
    return this.#start(name, options);
  }

  /** Starts a daemon that builds and uploads disk images and does nothing else; on another machine, if that has a name. */
  startBuilder(name: string, host?: string): DaemonProcess {
    return this.#start(name, [], { program: 'nodepool-builder', host });
  }

  /** Runs `nodepool` to its end. It finds the configuration by the daemon's note, or is told. */
  nodepool(...args: string[]): Promise<Ended> {
    const env = { ...this.#environment('daemon'), NODEPOOL_CONFIG: this.configPath };
    return runProgram('nodepool', args, { env, cwd: this.directory });
  }

  /** The JSON that a command prints. Throws when it does not end well. */
  async ask<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.nodepool(...args, '--output', 'json');
    if (code !== 0) throw new Error(`nodepool ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async nodes(): Promise<readonly NodeRecord[]> {
    return (await this.database.store.readPool()).nodes;
  }

  /** Resolves with all nodes when these are as many as given per label, all of them ready, and no others are there. */
  async full(counts: Readonly<Record<string, number>>): Promise<readonly NodeRecord[]> {
    const wanted = Object.entries(counts).filter(([, count]) => count > 0);
    const isThere = async (): Promise<readonly NodeRecord[] | null> => {
      const nodes = await this.nodes();
      const isFull = wanted.every(([label, count]) => nodes.filter((node) => node.label === label).length === count);
      const total = wanted.reduce((sum, [, count]) => sum + count, 0);
      return isFull && nodes.length === total && nodes.every(({ state }) => state === 'ready') ? nodes : null;
    };
    await this.#hasStarted();
    try {
      return await until(`ready nodes: ${JSON.stringify(counts)}`, isThere, this.#options.patienceMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.#describe()}`, { cause: error });
    }
  }

  /** How long the newest daemon takes to start says nothing of the pool, and uses up no patience. */
  async #hasStarted(): Promise<void> {
    try {
      await this.#daemons.at(-1)?.logged(({ msg }) => msg === 'started');
    } catch {
      // It has ended before that; the pool may have others.
    }
  }

  /** The nodes that there are, and what the newest daemon said last. */
  async #describe(): Promise<string> {
    const nodes = (await this.nodes()).map(({ id, label, provider, state }) => `${id} ${label} ${provider} ${state}`);
    const said = this.#daemons.at(-1)?.lines.slice(-LAST_LINES) ?? [];
    return ['nodes:', ...nodes, 'the daemon said:', ...said.map((line) => JSON.stringify(line))].join('\n');
  }

  /** Ends all daemons and removes everything. */
  async close(): Promise<void> {
    for (const daemon of this.#daemons) daemon.kill('SIGKILL');
    await Promise.all(this.#daemons.map(({ ended }) => ended));
    await this.database.close();
    rmSync(this.directory, { recursive: true });
  }

  #start(name: string, options: readonly string[], start?: Start): DaemonProcess {
    const surroundings = { env: this.#environment(name), cwd: this.directory };
    const daemon = startDaemon(['-c', this.configPath, ...options], surroundings, start);
    this.#daemons.push(daemon);
    return daemon;
  }

  #environment(name: string): NodeJS.ProcessEnv {
    const stateDir = join(this.directory, name);
    mkdirSync(stateDir, { recursive: true });
    return cleanEnvironment({ ...this.#options.env, NODEPOOL_STATE_DIR: stateDir });
  }
}

export function dburiOf(config: DatabaseConfig): string {
  if (config.kind === 'sqlite') return `sqlite:///${config.file}`;
  return `mysql+pymysql://${config.user}:${config.password}@${config.host}:${config.port}/${config.database}`;
}
