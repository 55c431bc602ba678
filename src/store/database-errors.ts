/**
 * What the errors of both drivers mean for us, in one place. Codes and numbers decide, never message texts:
 * MySQL's server and client error numbers, Node's network codes, SQLite's result codes
 * (sqlite.org/rescode.html; the low byte is the primary code).
 */
import { isNodepoolError, NodepoolError } from '../lib/errors.ts';

/** Lost against another transaction and rolled back: the same again will most likely work. */
const CONFLICTS = new Set(['ER_LOCK_DEADLOCK', 'ER_CHECKREAD']);
const SQLITE_CONFLICTS = new Set([5, 6]);

/** Why the database cannot be used as it is, and what to do; everything else that we know goes away by itself. */
const UNUSABLE: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'refuses the login; check user and password in the dburi',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'refuses the login; check user and password in the dburi',
  ER_ACCESS_DENIED_NO_PASSWORD: 'refuses the login; check user and password in the dburi',
  ER_DBACCESS_DENIED_ERROR: 'is not open to this user; grant it all rights on the database',
  ER_TABLEACCESS_DENIED_ERROR: 'does not let this user do everything; grant it all rights on the database',
  ER_COLUMNACCESS_DENIED_ERROR: 'does not let this user do everything; grant it all rights on the database',
  ER_SPECIFIC_ACCESS_DENIED_ERROR: 'does not let this user do everything; grant it all rights on the database',
  ER_HOST_NOT_PRIVILEGED: 'does not accept connections from this host; grant the user access from here',
  ER_NOT_SUPPORTED_AUTH_MODE: 'wants a way to log in that is not supported; give the user a password login',
  ER_MUST_CHANGE_PASSWORD: 'wants a new password for this user; set one and put it into the dburi',
  ER_BAD_DB_ERROR: 'does not exist; create it or correct the dburi',
  ER_NO_SUCH_TABLE: 'has lost tables; restart the daemon to make them again',
  ER_BAD_FIELD_ERROR: 'has tables without columns that this version needs; restart the daemon to add them',
  EACCES: 'cannot be opened; check the rights of the path or correct the dburi',
  EPERM: 'cannot be opened; check the rights of the path or correct the dburi',
  EROFS: 'lies on a read-only file system; choose another path in the dburi',
  ENOTDIR: 'cannot be made, a part of its path is not a directory; correct the dburi',
  EEXIST: 'cannot be made, a part of its path is not a directory; correct the dburi',
  EISDIR: 'is a directory; correct the dburi',
};

const SQLITE_UNUSABLE: Readonly<Record<number, string>> = {
  3: 'may not be opened; check its rights or correct the dburi',
  8: 'is read-only; make file and directory writable for this user or correct the dburi',
  11: 'is damaged; restore it or move it away',
  14: 'cannot be opened; check its path and rights or correct the dburi',
  26: 'is not an SQLite database; move it away or correct the dburi',
};

const UNAVAILABLE: Readonly<Record<string, string>> = {
  ER_CON_COUNT_ERROR: 'has too many connections',
  ER_TOO_MANY_USER_CONNECTIONS: 'has too many connections of this user',
  ER_USER_LIMIT_REACHED: 'has reached a limit set for this user',
  ER_OUT_OF_RESOURCES: 'has no memory left',
  ER_CON_OUT_OF_RESOURCES: 'has no memory left',
  ER_RECORD_FILE_FULL: 'has no room left',
  ER_DISK_FULL: 'has no room left',
  ER_LOCK_DEADLOCK: 'is too busy, our write lost against others again and again',
  ER_CHECKREAD: 'is too busy, our write lost against others again and again',
  ER_LOCK_WAIT_TIMEOUT: 'is locked by another program for too long (perhaps an old nodepoold)',
  ER_OPTION_PREVENTS_STATEMENT: 'accepts no writes now',
  ER_READ_ONLY_MODE: 'accepts no writes now',
  ER_SERVER_SHUTDOWN: 'is shutting down',
  ER_QUERY_INTERRUPTED: 'broke off a statement',
  ER_CONNECTION_KILLED: 'closed our connection',
  ER_CLIENT_INTERACTION_TIMEOUT: 'closed our connection',
  ER_UNKNOWN_COM_ERROR: 'is not ready (a Galera node that is not in sync)',
  ECONNREFUSED: 'does not answer (connection refused)',
  ECONNRESET: 'closed our connection',
  EPIPE: 'closed our connection',
  ENOENT: 'does not answer (there is no such socket)',
  ENOTFOUND: 'cannot be found (unknown host name)',
  EAI_AGAIN: 'cannot be found (no answer about its host name)',
  ETIMEDOUT: 'does not answer in time',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ENOSPC: 'has no room left',
  PROTOCOL_SEQUENCE_TIMEOUT: 'does not answer in time',
};

const SQLITE_UNAVAILABLE: Readonly<Record<number, string>> = {
  5: 'is locked by another program for too long',
  6: 'is locked by another program for too long',
  7: 'has no memory left',
  10: 'cannot be read or written now',
  13: 'has no room left on its disk',
};

interface Facts {
  readonly code: string;
  /** Primary SQLite result code; 0: not from SQLite. */
  readonly sqlite: number;
}

function factsOf(error: unknown): Facts {
  const { code, errno, errcode, name, fatal } = (error ?? {}) as Record<string, unknown>;
  // knex's own error has only a name: no connection of the pool became free.
  if (name === 'KnexTimeoutError') return { code: 'ETIMEDOUT', sqlite: 0 };
  // Without a name: MariaDB's own "connection was killed", and what the client says of a closed connection.
  if (code === undefined && (errno === 1927 || fatal === true)) return { code: 'ER_CONNECTION_KILLED', sqlite: 0 };
  return { code: typeof code === 'string' ? code : '', sqlite: typeof errcode === 'number' ? errcode & 0xff : 0 };
}

/** Whether the transaction was rolled back because of another one, so that repeating it makes sense. */
export function isConflict(error: unknown): boolean {
  const { code, sqlite } = factsOf(error);
  return CONFLICTS.has(code) || SQLITE_CONFLICTS.has(sqlite);
}

/** `error` in the words of the catalogue; returned as it is when no outside circumstance explains it. */
export function translateDatabaseError(error: unknown, place: string): unknown {
  if (isNodepoolError(error)) return error;
  const { code, sqlite } = factsOf(error);
  const unusable = UNUSABLE[code] ?? SQLITE_UNUSABLE[sqlite];
  if (unusable !== undefined) return new NodepoolError('database-unusable', `${place} ${unusable}`, { cause: error });
  // The client has many codes for a conversation that broke: PROTOCOL_CONNECTION_LOST and more.
  const broken = code.startsWith('PROTOCOL_') ? 'closed our connection' : undefined;
  const unavailable = UNAVAILABLE[code] ?? SQLITE_UNAVAILABLE[sqlite] ?? broken;
  if (unavailable !== undefined)
    return new NodepoolError('database-unavailable', `${place} ${unavailable}`, { cause: error });
  return error;
}
