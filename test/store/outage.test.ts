import { mkdtempSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Knex } from 'knex';
import { describe, expect, inject, it } from 'vitest';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { translateDatabaseError } from '../../src/store/database-errors.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { administer, createMariadbDatabase, mariadbConfig, MariadbServer } from '../support/mariadb.ts';
import { openFreshStore } from '../support/with-database.ts';
import { aNewNode, launch, launchOne, nodeNow, query } from './harness.ts';

/** What a first query on the database fails with. */
async function failureOf(config: DatabaseConfig): Promise<{ code: string; message: string; all: string }> {
  const knex = connect(config);
  try {
    await migrate({ knex, clock: systemClock, random });
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message, all: inspect(error, { depth: 10, showHidden: true }) };
  } finally {
    await knex.destroy();
  }
  throw new Error('The database was fine');
}

/** Asks again until the statement answers rows. The database's own state is waited for, not time. */
async function eventually(knex: Knex, sql: string): Promise<Record<string, number>> {
  for (;;) {
    const [row] = await query<Record<string, number>>(knex, sql);
    if (row) return row;
  }
}

/** The store's statement under way. (innodb_trx would not do: who asks it often gets old answers.) */
const UNDER_WAY =
  "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE node SET created_ms%'";

describe('a MariaDB that cannot be used', () => {
  const wrong = (overrides: Partial<DatabaseConfig & { kind: 'mysql' }>): DatabaseConfig => ({
    ...mariadbConfig(inject('mariadbPort'), 'mysql'),
    ...overrides,
  });

  it('refuses a wrong password, and the error does not show it', async () => {
    const failure = await failureOf(wrong({ user: 'nodepool', password: 'hunter2-secret' }));
    expect(failure).toMatchObject({
      code: 'database-unusable',
      message: `the database mysql on 127.0.0.1:${inject('mariadbPort')} (user nodepool) refuses the login; check user and password in the dburi`,
    });
    expect(failure.all).not.toContain('hunter2');
  });

  it('does not have the database', async () => {
    expect(await failureOf(wrong({ database: 'nowhere' }))).toMatchObject({
      code: 'database-unusable',
      message: expect.stringMatching(
        /^the database nowhere on 127.0.0.1:\d+ \(user root\) does not exist; create it or correct the dburi$/,
      ) as string,
    });
  });

  it('is not open to the user', async () => {
    const port = inject('mariadbPort');
    const { database } = await createMariadbDatabase(port);
    await administer(port, `CREATE USER '${database}'@'127.0.0.1' IDENTIFIED BY 'x'`);
    expect(await failureOf(wrong({ database, user: database, password: 'x' }))).toMatchObject({
      code: 'database-unusable',
      message: expect.stringContaining('is not open to this user; grant it all rights on the database') as string,
    });
  });

  it('does not let the user change tables', async () => {
    const port = inject('mariadbPort');
    const { database } = await createMariadbDatabase(port);
    await administer(port, `CREATE USER '${database}'@'127.0.0.1' IDENTIFIED BY 'x'`);
    await administer(port, `GRANT SELECT ON ${database}.* TO '${database}'@'127.0.0.1'`);
    expect(await failureOf(wrong({ database, user: database, password: 'x' }))).toMatchObject({
      code: 'database-unusable',
      message: expect.stringContaining('does not let this user do everything') as string,
    });
  });

  it('is not there: that may pass', async () => {
    expect(await failureOf(wrong({ port: 1 }))).toMatchObject({
      code: 'database-unavailable',
      message: 'the database mysql on 127.0.0.1:1 (user root) does not answer (connection refused)',
    });
    expect(await failureOf(wrong({ socketPath: '/nowhere/mysqld.sock' }))).toMatchObject({
      code: 'database-unavailable',
      message: 'the database mysql on /nowhere/mysqld.sock (user root) does not answer (there is no such socket)',
    });
  });
});

describe('a MariaDB that goes away', () => {
  it('and comes back: nothing is lost, and everything works on', async () => {
    const server = await MariadbServer.create();
    try {
      await server.start();
      const knex = connect(await createMariadbDatabase(server.port));
      const store = createStore({ knex, clock: systemClock, random });
      await migrate({ knex, clock: systemClock, random });
      const { id } = await launchOne(store);
      await server.stop();
      const unavailable = { code: 'database-unavailable' };
      const move = { id, from: 'building', to: 'ready', by: 'launch' } as const;
      await expect(store.readPool()).rejects.toMatchObject(unavailable);
      await expect(store.leases.keep('h', ['supply'], 1, () => true)).rejects.toMatchObject(unavailable);
      const results = await Promise.allSettled([store.moveNode(move), store.patch('node', id, {}, { ip: 'x' })]);
      expect(results).toMatchObject([{ reason: unavailable }, { reason: unavailable }]);
      await server.start();
      expect(await nodeNow(store, id)).toMatchObject({ state: 'building', ip: null });
      expect(await store.moveNode(move)).toBe(true);
      await store.close();
    } finally {
      await server.remove();
    }
  });

  it('in the middle of a write: the write is refused and has no effect', async () => {
    const { store, knex, close } = await openFreshStore('MariaDB');
    try {
      const { id } = await launchOne(store);
      const blocker = await knex.transaction();
      await blocker.raw('UPDATE node SET comment = NULL WHERE id = ?', [id]);
      const move = expect(store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' })).rejects.toMatchObject({
        code: 'database-unavailable',
        message: expect.stringContaining('closed our connection') as string,
      });
      const waiting = await eventually(knex, UNDER_WAY);
      await administer(inject('mariadbPort'), `KILL ${waiting['id']}`);
      await move;
      await blocker.rollback();
      expect(await nodeNow(store, id)).toMatchObject({ state: 'building' });
      expect(await store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' })).toBe(true);
    } finally {
      await close();
    }
  });

  it('a write that loses in a deadlock is made again', async () => {
    const { store, knex, close } = await openFreshStore('MariaDB');
    try {
      const [first, second] = await launch(store, aNewNode(), aNewNode());
      const rival = await knex.transaction();
      // Much written: the server then takes the other transaction for the victim.
      await rival.raw(`INSERT INTO job (name) VALUES ${Array.from({ length: 200 }, () => "('x')").join(', ')}`);
      await rival.raw('UPDATE node SET comment = NULL WHERE id = ?', [second!.id]);
      const moves = Promise.all(
        [first!, second!].map(({ id }) => store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' })),
      );
      await eventually(knex, UNDER_WAY);
      await rival.raw("UPDATE node SET comment = 'rival' WHERE id = ?", [first!.id]);
      await rival.commit();
      expect(await moves).toEqual([true, true]);
      expect(await nodeNow(store, first!.id)).toMatchObject({ state: 'ready', comment: 'rival' });
    } finally {
      await close();
    }
  });
});

describe('an embedded database', () => {
  const directory = (): string => mkdtempSync(join(inject('sqliteDirectory'), 'outage-'));

  it('is made with its directories, for this user only', async () => {
    const file = join(directory(), 'a', 'b', 'nodepool.sqlite');
    const knex = connect({ kind: 'sqlite', file });
    await migrate({ knex, clock: systemClock, random });
    await knex.destroy();
    expect((statSync(join(file, '..')).mode & 0o777).toString(8)).toBe('700');
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  });

  it('below a file cannot be made', async () => {
    const file = join(directory(), 'file');
    writeFileSync(file, '');
    for (const path of [join(file, 'nodepool.sqlite'), join(file, 'deeper', 'nodepool.sqlite')]) {
      expect(await failureOf({ kind: 'sqlite', file: path })).toMatchObject({
        code: 'database-unusable',
        message: `the database file ${path} cannot be made, a part of its path is not a directory; correct the dburi`,
      });
    }
  });

  it('may not be a directory', async () => {
    const file = directory();
    expect(await failureOf({ kind: 'sqlite', file })).toMatchObject({
      code: 'database-unusable',
      message: `the database file ${file} is a directory; correct the dburi`,
    });
  });

  it('may not be another kind of file', async () => {
    const file = join(directory(), 'notes.txt');
    writeFileSync(file, 'not a database, whatever its name says\n'.repeat(200));
    expect(await failureOf({ kind: 'sqlite', file })).toMatchObject({
      code: 'database-unusable',
      message: `the database file ${file} is not an SQLite database; move it away or correct the dburi`,
    });
  });

  it('may lie in a directory that is there already', async () => {
    const parent = join(directory(), 'there');
    mkdirSync(parent, { mode: 0o755 });
    const knex = connect({ kind: 'sqlite', file: join(parent, 'x.sqlite') });
    await migrate({ knex, clock: systemClock, random });
    await knex.destroy();
    expect((statSync(parent).mode & 0o777).toString(8)).toBe('755');
  });

  it('that another program locks for a while is waited for', async () => {
    const clock = createFakeClock();
    const { store, knex, close } = await openFreshStore('SQLite', { clock });
    const { id } = await launchOne(store);
    const lock = await knex.transaction();
    await lock.raw("UPDATE node SET comment = 'locked'");
    const move = store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' });
    while (clock.nextAt() === null) await nextTurn();
    await lock.commit();
    await clock.advance(1000);
    expect(await move).toBe(true);
    expect(await nodeNow(store, id)).toMatchObject({ state: 'ready', comment: 'locked' });
    await close();
  });

  it('that stays locked is unavailable, and can be read meanwhile', async () => {
    const clock = createFakeClock();
    const { store, knex, config, close } = await openFreshStore('SQLite', { clock });
    const { id } = await launchOne(store);
    const lock = await knex.transaction();
    await lock.raw("UPDATE node SET comment = 'locked'");
    const move = store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' });
    let failure: unknown;
    move.catch((error: unknown) => (failure = error));
    while (failure === undefined) {
      await clock.advance(clock.nextAt() === null ? 0 : 1000);
      await nextTurn();
    }
    expect(failure).toMatchObject({
      code: 'database-unavailable',
      message: `the database file ${(config as { file: string }).file} is locked by another program for too long`,
    });
    expect(await nodeNow(store, id)).toMatchObject({ state: 'building' });
    await lock.rollback();
    await close();
  });
});

describe('errors of the drivers', () => {
  it.each([
    { error: { code: 'ER_CON_COUNT_ERROR', errno: 1040 }, code: 'database-unavailable' },
    { error: { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }, code: 'database-unavailable' },
    { error: { fatal: true }, code: 'database-unavailable' },
    { error: { errno: 1927 }, code: 'database-unavailable' },
    { error: { name: 'KnexTimeoutError' }, code: 'database-unavailable' },
    { error: { code: 'ERR_SQLITE_ERROR', errcode: 13 }, code: 'database-unavailable' },
    { error: { code: 'ERR_SQLITE_ERROR', errcode: 8 + 256 }, code: 'database-unusable' },
    { error: { code: 'EROFS' }, code: 'database-unusable' },
  ])('$error is $code', ({ error, code }) => {
    expect(translateDatabaseError(error, 'the database x')).toMatchObject({ code, cause: error });
  });

  it('of our own making stay what they are', () => {
    for (const error of [
      { code: 'ER_PARSE_ERROR', errno: 1064 },
      { code: 'ERR_SQLITE_ERROR', errcode: 1 },
      new TypeError('x'),
      undefined,
    ]) {
      expect(translateDatabaseError(error, 'the database x')).toBe(error);
    }
  });
});
