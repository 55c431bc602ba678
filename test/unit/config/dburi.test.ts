import { describe, expect, it } from 'vitest';
import { parseDburi } from '../../../src/config/dburi.ts';

const CONFIG = '/etc/nodepool/nodepool.yaml';

const MYSQL = {
  kind: 'mysql',
  host: 'localhost',
  port: 3306,
  socketPath: null,
  user: 'nodepool',
  password: 'secret',
  database: 'pool',
};

describe('a MySQL address', () => {
  it.each([
    ['mysql://nodepool:secret@localhost/pool', {}],
    ['mysql+pymysql://nodepool:secret@localhost/pool', {}],
    ['mysql+mysqldb://nodepool:secret@localhost/pool', {}],
    ['MariaDB+mariadbconnector://nodepool:secret@localhost/pool', {}],
    ['mariadb://nodepool:secret@localhost/pool', {}],
    ['mysql://nodepool@localhost/pool', { password: '' }],
    ['mysql://nodepool:@localhost/pool', { password: '' }],
    ['mysql://nodepool:secret@/pool', {}],
    ['mysql://nodepool:secret@db.example.org:3307/pool', { host: 'db.example.org', port: 3307 }],
    ['mysql://nodepool:secret@[2001:db8::1]:3307/pool', { host: '2001:db8::1', port: 3307 }],
    ['mysql://nodepool:secret@localhost/pool?charset=utf8', {}],
    ['mysql://nodepool:secret@localhost/pool?charset=utf8mb4&use_unicode=0', {}],
    ['mysql://nodepool:secret@/pool?unix_socket=/run/mysqld/mysqld.sock', { socketPath: '/run/mysqld/mysqld.sock' }],
    ['mysql://nodepool:secret@/pool?unix_socket=%2Frun%2Fa%20b.sock', { socketPath: '/run/a b.sock' }],
    ['mysql://node%40pool:s%3Ae%2Fc%25@localhost/po%6fl', { user: 'node@pool', password: 's:e/c%' }],
    ['mysql://nodepool:a:b/c@d?e#f@localhost/pool', { password: 'a:b/c@d?e#f' }],
    ['mysql://nodepool:100%@localhost/pool', { password: '100%' }],
    ['mysql://nodepool:p%C3%A4ss@localhost/pool', { password: 'päss' }],
  ])('%s', (dburi, parts) => {
    expect(parseDburi(dburi, CONFIG)).toEqual({ database: { ...MYSQL, ...parts } });
  });

  it.each([
    ['mysql://localhost/pool', 'names no user; write mysql://USER:PASSWORD@HOST/DATABASE'],
    ['mysql://nodepool:hunter2@localhost', 'names no database; write mysql://USER:PASSWORD@HOST/DATABASE'],
    ['mysql://nodepool:hunter2@localhost/', 'names no database; write mysql://USER:PASSWORD@HOST/DATABASE'],
    ['mysql://nodepool:hunter2@localhost:x/pool', 'has a port that is not a number from 1 to 65535; correct it'],
    ['mysql://nodepool:hunter2@localhost:0/pool', 'has a port that is not a number from 1 to 65535; correct it'],
    ['mysql://nodepool:hunter2@localhost:65536/pool', 'has a port that is not a number from 1 to 65535; correct it'],
    [
      'mysql://nodepool:hunter2@localhost/pool?ssl_ca=/hunter2',
      'has an argument after ? that is not known; only unix_socket has an effect',
    ],
  ])('is refused without being shown: %s', (dburi, problem) => {
    expect(parseDburi(dburi, CONFIG)).toEqual({ problem });
  });
});

describe('an SQLite address', () => {
  it.each([
    ['sqlite:///pool.sqlite', '/etc/nodepool/pool.sqlite'],
    ['sqlite:///../pool.sqlite', '/etc/pool.sqlite'],
    ['sqlite:////var/lib/pool.sqlite', '/var/lib/pool.sqlite'],
    ['sqlite+pysqlite:////var/lib/pool.sqlite?timeout=5', '/var/lib/pool.sqlite'],
    ['sqlite://', ':memory:'],
    ['sqlite:///:memory:', ':memory:'],
  ])('%s', (dburi, file) => {
    expect(parseDburi(dburi, CONFIG)).toEqual({ database: { kind: 'sqlite', file } });
  });

  it('with two slashes before a name is refused', () => {
    expect(parseDburi('sqlite://pool.sqlite', CONFIG)).toEqual({
      problem: 'names a host for SQLite; write sqlite:///FILE with three slashes, four for an absolute path',
    });
  });
});

describe('any other address', () => {
  it.each(['postgresql://a:hunter2@b/c', 'pgsql:///a'])('is refused: %s', (dburi) => {
    expect(parseDburi(dburi, CONFIG)).toEqual({
      problem: 'names a kind of database that is not known; use mysql://, mariadb:// or sqlite:///',
    });
  });

  it.each(['', 'hunter2', 'mysql:nodepool:hunter2@localhost', '"mysql://nodepool:hunter2@localhost/pool"'])(
    'is refused: %s',
    (dburi) => {
      expect(parseDburi(dburi, CONFIG)).toEqual({
        problem: 'is not a database address; write mysql://USER:PASSWORD@HOST/DATABASE or sqlite:///FILE',
      });
    },
  );
});
