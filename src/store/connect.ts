import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as knexModule from 'knex';
import type { Knex } from 'knex';
import type { DatabaseConfig } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { SqliteClient } from './sqlite-client.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const POOL_SIZE = 10;

/**
 * What this program relies on, whatever the server's own settings are: overlong values are errors, a backslash
 * escapes, a transaction reads one state of the database, and nobody waits long for a lock.
 */
const SESSION_SETTINGS = [
  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES', SESSION innodb_lock_wait_timeout = 10, SESSION lock_wait_timeout = 30",
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
];

// A third faster to load than by import, which reads its hundred files twice: every command waits for it.
const { knex } = createRequire(import.meta.url)('knex') as typeof knexModule;

/** knex would print errors that their receivers report anyway, with SQL in them. */
const SILENT = { warn: () => undefined, error: () => undefined, deprecate: () => undefined, debug: () => undefined };

/**
 * Opens a pool of connections. Nothing is sent before the first query, which is where errors appear, as
 * {@link NodepoolError} if it goes through `database.ts`. An embedded database's file and directory are made
 * then, readable for this user only.
 */
export function connect(config: DatabaseConfig): Knex {
  const shared = { log: SILENT, compileSqlOnError: false, userParams: { place: describePlace(config) } };
  if (config.kind === 'sqlite') {
    const connection = { filename: config.file };
    // One connection: SQLite has one writer, and ':memory:' lives as long as its connection.
    return knex({ ...shared, client: SqliteClient, connection, useNullAsDefault: true, pool: { min: 1, max: 1 } });
  }
  const { host, port, socketPath, user, password, database } = config;
  const server = socketPath === null ? { host, port } : { socketPath };
  return knex({
    ...shared,
    client: 'mysql2',
    // Any version: knex need not ask for it on the first connection.
    version: 'latest',
    connection: {
      ...{ ...server, user, password, database, charset: 'utf8mb4', connectTimeout: CONNECT_TIMEOUT_MS },
      // `conversation.ts` sends several at once. Values never become a part of their text unescaped.
      multipleStatements: true,
    },
    pool: { min: 0, max: POOL_SIZE, afterCreate: prepareSession },
    acquireConnectionTimeout: 2 * CONNECT_TIMEOUT_MS,
  });
}

/**
 * Refuses an embedded database that a `dburi` names and that is not there, for whoever has nothing to put into a new one.
 * Error: `database-unusable`.
 */
export function requireDatabase(config: DatabaseConfig): void {
  if (config.kind !== 'sqlite' || config.isDefault || config.file === ':memory:') return;
  try {
    statSync(config.file);
  } catch (error) {
    // Whatever else is wrong with the path is told when it is opened.
    if (systemErrorCode(error) !== 'ENOENT') return;
    const message = `there is no database at ${config.file}; correct the dburi, or start the daemon, which makes it`;
    throw new NodepoolError('database-unusable', message, { cause: error });
  }
}

interface MysqlConnection {
  query(sql: string, done: (error: Error | null) => void): void;
}

function prepareSession(
  connection: MysqlConnection,
  done: (error: Error | null, connection: MysqlConnection) => void,
): void {
  const [first = '', second = ''] = SESSION_SETTINGS;
  connection.query(first, (error) => {
    if (error) done(error, connection);
    else connection.query(second, (failure) => done(failure, connection));
  });
}

/** The database as sentences for the operator name it; never with the password. */
function describePlace(config: DatabaseConfig): string {
  if (config.kind === 'sqlite') return `the database file ${config.file}`;
  return `the database ${config.database} on ${config.socketPath ?? `${config.host}:${config.port}`} (user ${config.user})`;
}
