/**
 * Database addresses in the notation of SQLAlchemy: `mysql+pymysql://user:password@host:port/database?charset=utf8`
 * and `sqlite:///file`. As there, the login ends at the last `@` and the user at the first `:`, so that a password
 * may hold both; `%` escapes work in every part.
 */
import { dirname, resolve } from 'node:path';
import { isPort } from './addresses.ts';
import type { DatabaseConfig } from './types.ts';

/** `problem` never shows a part of the address: any may be a password that was mistyped. */
export type ParsedDburi = { readonly database: DatabaseConfig } | { readonly problem: string };

const MYSQL_PORT = 3306;

/** @param configPath Absolute; a relative SQLite file is taken from its directory. */
export function parseDburi(dburi: string, configPath: string): ParsedDburi {
  const parts = /^([a-z]+)(?:\+\w+)?:\/\/(.*)$/is.exec(dburi);
  if (!parts)
    return { problem: 'is not a database address; write mysql://USER:PASSWORD@HOST/DATABASE or sqlite:///FILE' };
  const [, kind = '', rest = ''] = parts;
  switch (kind.toLowerCase()) {
    case 'mysql':
    case 'mariadb':
      return parseMysql(rest);
    case 'sqlite':
      return parseSqlite(rest, configPath);
    default:
      return { problem: 'names a kind of database that is not known; use mysql://, mariadb:// or sqlite:///' };
  }
}

function parseSqlite(rest: string, configPath: string): ParsedDburi {
  const [path = ''] = rest.split('?', 1);
  if (path !== '' && !path.startsWith('/')) {
    return { problem: 'names a host for SQLite; write sqlite:///FILE with three slashes, four for an absolute path' };
  }
  const file = path.slice(1);
  const isMemory = file === '' || file === ':memory:';
  return { database: { kind: 'sqlite', file: isMemory ? ':memory:' : resolve(dirname(configPath), file) } };
}

/** Login, host (bracketed IPv6 or not), port, database, arguments. */
const MYSQL =
  /^(?:(?<user>[^:@]*)(?::(?<password>.*))?@)?(?:\[(?<ipv6>[^\]/]+)\]|(?<name>[^/:@]*))(?::(?<port>[^/]*))?(?:\/(?<database>[^/?]*))?(?:\?(?<query>.*))?$/s;

type MysqlParts = Readonly<
  Partial<Record<'user' | 'password' | 'ipv6' | 'name' | 'port' | 'database' | 'query', string>>
>;

function parseMysql(rest: string): ParsedDburi {
  const parts: MysqlParts | undefined = MYSQL.exec(rest)?.groups;
  if (!parts) {
    return { problem: 'cannot be taken apart; write mysql://USER:PASSWORD@HOST/DATABASE, with %40 for @ in the user' };
  }
  const options = parseQuery(parts.query ?? '');
  const problem = findMysqlProblem(parts, options);
  if (problem !== null) return { problem };
  const part = (name: keyof MysqlParts): string => unescape(parts[name] ?? '');
  return {
    database: {
      kind: 'mysql',
      host: parts.ipv6 ?? (part('name') || 'localhost'),
      port: Number(parts.port || MYSQL_PORT),
      socketPath: options.get('unix_socket') ?? null,
      user: part('user'),
      password: part('password'),
      database: part('database'),
    },
  };
}

/** Arguments of the original's drivers that need no counterpart: text is always UTF-8 here, and time-outs finite. */
const NEEDLESS = ['charset', 'use_unicode', 'connect_timeout', 'read_timeout', 'write_timeout', 'autocommit'];

function findMysqlProblem({ user, port, database }: MysqlParts, options: ReadonlyMap<string, string>): string | null {
  if (!user) return 'names no user; write mysql://USER:PASSWORD@HOST/DATABASE';
  if (!database) return 'names no database; write mysql://USER:PASSWORD@HOST/DATABASE';
  if (!isPort(port || String(MYSQL_PORT))) return 'has a port that is not a number from 1 to 65535; correct it';
  // An argument that is not obeyed may be one for encryption: better no connection than an open one.
  const isForeign = (key: string): boolean => key !== 'unix_socket' && !NEEDLESS.includes(key);
  return [...options.keys()].some(isForeign)
    ? 'has an argument after ? that is not known; only unix_socket has an effect'
    : null;
}

function parseQuery(query: string): Map<string, string> {
  const pairs = query.split('&').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
      return [unescape(key), unescape(value)];
    }),
  );
}

/** As Python's `unquote`: what is no escape stays as it is. */
function unescape(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}
