/**
 * A knex client for the embedded database: SQLite through Node's own module, or through the package with the
 * same interface where Node has none or calls it experimental on every start.
 *
 * Both are synchronous, so waiting for another process's lock stops the whole program: the driver waits only
 * briefly, and `database.ts` tries again between turns of the event loop.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';

const LOCK_WAIT_MS = 30;
const STATEMENTS_KEPT = 100;
/** Statements longer than this are rarely sent twice: they have as many placeholders as rows. */
const LONGEST_KEPT = 2000;
const REPEATED = /^\s*(select|insert|update|delete|begin|commit|rollback)\b/i;

interface Statement {
  all(...values: unknown[]): unknown[];
  run(...values: unknown[]): unknown;
  columns(): unknown[];
  setReturnArrays(on: boolean): void;
}

interface SqliteDatabase {
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface Prepared {
  readonly statement: Statement;
  readonly answersRows: boolean;
}

interface Connection {
  readonly database: SqliteDatabase;
  /** Least recently used first. Preparing costs more than running, and dropped statements pile up until a collection. */
  readonly prepared: Map<string, Prepared>;
  close(): void;
}

interface Query {
  readonly sql: string;
  readonly bindings?: readonly unknown[];
  readonly options?: { readonly rowsAsArray?: boolean };
  response?: unknown;
}

export class SqliteClient extends BetterSqlite3Client {
  override _driver(): unknown {
    const require = createRequire(import.meta.url);
    const name = hasStableSqlite(process.versions.node) ? 'node:sqlite' : '@photostructure/sqlite';
    return (require(name) as { DatabaseSync: unknown }).DatabaseSync;
  }

  override async acquireRawConnection(): Promise<Connection> {
    const { filename } = this.connectionSettings as { filename: string };
    if (filename !== ':memory:') createPrivately(filename);
    const database = new this.driver(filename, { timeout: LOCK_WAIT_MS }) as SqliteDatabase;
    try {
      // FULL: what is committed outlives a power failure. Writes come in groups, so it costs little.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    } catch (error) {
      database.close();
      throw error;
    }
    return { database, prepared: new Map(), close: () => close(database) };
  }

  async _query(connection: Connection, query: Query): Promise<Query> {
    const { statement, answersRows } = prepare(connection, query.sql);
    const values = this._formatBindings(query.bindings);
    if (answersRows) {
      statement.setReturnArrays(query.options?.rowsAsArray === true);
      query.response = statement.all(...values);
    } else {
      query.response = statement.run(...values);
    }
    return query;
  }
}

/** The driver may keep an open file until statements are collected: no lock must stay with it. */
function close(database: SqliteDatabase): void {
  if (database.isTransaction) database.exec('ROLLBACK');
  database.close();
}

function prepare({ database, prepared }: Connection, sql: string): Prepared {
  const known = prepared.get(sql);
  if (known) {
    prepared.delete(sql);
    prepared.set(sql, known);
    return known;
  }
  const statement = database.prepare(sql);
  const fresh = { statement, answersRows: statement.columns().length > 0 };
  if (sql.length > LONGEST_KEPT || !REPEATED.test(sql)) return fresh;
  prepared.set(sql, fresh);
  for (const oldest of prepared.keys()) {
    if (prepared.size <= STATEMENTS_KEPT) break;
    prepared.delete(oldest);
  }
  return fresh;
}

/** The file holds addresses of machines and operators' comments: nobody else needs to read it. */
function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
}

/** `node:sqlite` prints a warning at each start before 24.15. */
function hasStableSqlite(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 15);
}
