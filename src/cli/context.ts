/**
 * What the command line program gets from outside: streams, time, interruption, and the parts below it. The
 * process itself appears only in `main.ts`, wiring only in `create-context.ts`; tests build contexts of their own.
 */
import type { Problem } from '../config/problems.ts';
import type { Config, DatabaseConfig } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import type { Finding } from '../providers/provider.ts';
import type { Store } from '../store/store.ts';

/** A place for text: a terminal, a pipe, a test's string. */
export interface TextStream {
  write(text: string): void;
  /** A terminal: the last line can be rewritten. */
  readonly isTerminal: boolean;
  /** How wide the terminal is. */
  readonly columns?: number | undefined;
}

/** Files named on the command line; null: look in the usual places. */
export interface ConfigFiles {
  readonly config: string | null;
  readonly secure: string | null;
  /** The pool is that of the rehearsal of the configuration, with all providers on the fake cloud. */
  readonly isRehearsal: boolean;
}

/**
 * Deletes a node whose row is in DELETE, in this process, until the row is gone; for when no daemon is there to do
 * it. Throws `refused` when another process acts on the node's provider, `aborted` when `signal` aborts.
 */
export type DeleteNow = (work: {
  readonly store: Store;
  readonly config: Config;
  readonly nodeId: number;
  readonly log: Log;
  /** Aborts when the operator interrupts. */
  readonly signal: AbortSignal;
}) => Promise<void>;

/** Inspects providers, which changes nothing; the findings by provider. Throws `aborted` when `signal` aborts. */
export type InspectProviders = (work: {
  readonly providers: Config['providers'];
  readonly log: Log;
  /** Aborts when the operator interrupts. */
  readonly signal: AbortSignal;
}) => Promise<ReadonlyMap<string, readonly Finding[]>>;

export interface ConfigReport {
  /** Absolute path of the file. */
  readonly file: string;
  /** What makes it unusable; empty: it is valid. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface CliContext {
  /** Results only. */
  readonly stdout: TextStream;
  /** Logs, progress, errors. */
  readonly stderr: TextStream;
  /** Somebody sits there: input and output are a terminal. */
  readonly isInteractive: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  /** Who runs this: `user@host`. */
  whoAmI(): Promise<string>;
  /** Answers how to tell that a holder of leases is known to be dead, although they have not run out yet. */
  readonly findDead: () => Promise<(holder: string) => boolean>;
  /** Calls `listener` at Ctrl-C instead of ending the process; the answer ends that. */
  onInterrupt(listener: () => void): () => void;
  /** Finds, reads and checks the configuration. Throws `config` errors. */
  loadConfig(files: ConfigFiles): Promise<Config>;
  /** Reads the configuration and reports on it, with the files it names that are not here. Throws only when the file cannot be found or read. */
  checkConfig(files: ConfigFiles): Promise<ConfigReport>;
  /** JSON Schema of the configuration file. */
  configSchema(): Promise<unknown>;
  /** Finds the configuration and reads where its database is, nothing else. Throws `config` errors. */
  loadDatabase(files: ConfigFiles): Promise<DatabaseConfig>;
  /** Absolute path of the state directory, where build logs may be. */
  stateDirectory(): Promise<string>;
  /**
   * Connects to a database, making or adopting its tables where that was not done. Error: `database-unusable` when a
   * database file that a `dburi` names is missing, unless it `mayMake` one.
   */
  openStore(database: DatabaseConfig, options: { readonly mayMake: boolean }): Promise<Store>;
  readonly deleteNow: DeleteNow;
  readonly inspectProviders: InspectProviders;
  /** Runs a program on the terminal and resolves with its exit code. Throws `refused` when it is not installed. */
  runAttached(command: string, args: readonly string[]): Promise<number>;
}
