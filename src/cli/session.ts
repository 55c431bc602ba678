/** One run of the program: its global options, and what commands share. */
import type { Config, DatabaseConfig } from '../config/types.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/store.ts';
import type { CliContext, ConfigFiles } from './context.ts';
import { createStreamLog, type LevelOf } from './stream-log.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly secure?: string;
  readonly logging?: string;
  readonly fake?: true;
  readonly debug?: true;
}

export interface Session {
  readonly context: CliContext;
  files(): ConfigFiles;
  /** Reads and checks the whole configuration. Throws `config` errors. */
  loadConfig(): Promise<Config>;
  log(): Promise<Log>;
  /** Prints a result. */
  print(text: string): void;
  /** Tells people something beside the result, as one line on the error stream. */
  tell(text: string): void;
  /**
   * Opens the database for the time of `work`. Of the configuration only the address of the database has to be
   * right: a mistake elsewhere must not keep an operator from looking and intervening. A database file that a `dburi`
   * names has to be there: a mistyped path looked like an empty pool.
   */
  withStore<T>(work: (store: Store) => Promise<T>): Promise<T>;
  /** The same for commands that leave something for a daemon that is yet to start: they may make the database. */
  withNewStore<T>(work: (store: Store) => Promise<T>): Promise<T>;
}

/** @param options reads the global options; they are known only when a command runs. */
export function createSession(context: CliContext, options: () => GlobalOptions): Session {
  const files = (): ConfigFiles => {
    const { config = null, secure = null, fake = false } = options();
    return { config, secure, isRehearsal: fake };
  };
  const open = async <T>(work: (store: Store) => Promise<T>, options: { mayMake: boolean }): Promise<T> => {
    const database = await context.loadDatabase(files());
    (await log()).debug({ database: describeDatabase(database) }, 'database found');
    const store = await context.openStore(database, options);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  const log = async (): Promise<Log> => createStreamLog(context.stderr, await chooseLevels(options()));
  return {
    context,
    files,
    loadConfig: () => context.loadConfig(files()),
    log,
    print: (text) => context.stdout.write(text),
    tell: (text) => context.stderr.write(`nodepool: ${text}\n`),
    withStore: (work) => open(work, { mayMake: false }),
    withNewStore: (work) => open(work, { mayMake: true }),
  };
}

/** Throws `config` when the logging configuration has problems. */
async function chooseLevels({ debug, logging }: GlobalOptions): Promise<LevelOf> {
  if (debug === true) return () => 'debug';
  if (logging === undefined) return () => 'warn';
  const [{ readLogSettings }, { levelOf }] = await Promise.all([
    import('../process/log-settings.ts'),
    import('../process/log.ts'),
  ]);
  const settings = readLogSettings(logging);
  return (logger) => levelOf(logger, settings);
}

function describeDatabase(database: DatabaseConfig): string {
  if (database.kind === 'sqlite') return database.file;
  return `${database.database} at ${database.socketPath ?? `${database.host}:${database.port}`}`;
}
