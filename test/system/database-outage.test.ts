/** The database goes away for a while: nothing new is started, nothing is lost or doubled, and work goes on after. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { RequestView } from '../../src/requests/view.ts';
import type { DaemonProcess, LogLine } from '../support/daemon-process.ts';
import { holdBack } from '../support/hold-back.ts';
import { createMariadbDatabase, MariadbServer } from '../support/mariadb.ts';
import { aLabelEntry, aProviderEntry, aSetEntry, RealPool, until } from '../support/real-pool.ts';

let server: MariadbServer;
let pool: RealPool;

beforeAll(async () => {
  server = await MariadbServer.create();
  await server.start();
});
afterAll(() => server.remove());
afterEach(() => pool.close());

/** A pool on the server that the test may stop. */
async function openPool(): Promise<RealPool> {
  const config = await createMariadbDatabase(server.port);
  const knex = connect(config);
  const deps = { knex, clock: systemClock, random: systemRandom };
  await migrate(deps);
  const store = createStore(deps);
  return new RealPool({ config, knex, store, wipe: () => Promise.resolve(), close: () => store.close() });
}

/** Keeps the database away until it was asked for `attempts` times more. */
async function takeDatabaseAway(
  attempts: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await server.stop();
  await meanwhile();
  const stranger = createServer((socket) => socket.destroy()).listen(server.port, '127.0.0.1');
  for (let count = 0; count < attempts; count += 1) await once(stranger, 'connection');
  stranger.close();
  await once(stranger, 'close');
  await server.start();
}

const failedPasses = (daemon: DaemonProcess): LogLine[] =>
  daemon.lines.filter(({ msg }) => msg.startsWith('a pass failed'));

describe('a daemon whose database goes away', () => {
  it('says so once, lives on, and works on when it is back', async () => {
    pool = await openPool();
    pool.configure();
    const daemon = pool.start();
    const before = await pool.full({ small: 2 });
    await takeDatabaseAway(4, async () => {
      expect(await daemon.logged(({ msg }) => msg.startsWith('a pass failed'))).toMatchObject({
        level: 'warn',
        code: 'database-unavailable',
      });
      const { code, stdout, stderr } = await pool.nodepool('list');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^nodepool: the database [^\n]+ does not answer [^\n]+\n$/);
    });
    await daemon.logged(({ msg }) => msg === 'the database answers again');
    expect(failedPasses(daemon)).toHaveLength(1);

    expect(await pool.full({ small: 2 })).toEqual(before);
    const [first, second] = before;
    expect(await pool.nodepool('delete', String(first?.id))).toMatchObject({ code: 0 });
    await until('the node is replaced', async () => {
      const ids = (await pool.full({ small: 2 })).map(({ id }) => id);
      return ids.includes(first?.id ?? 0) ? null : (expect(ids).toContain(second?.id) ?? true);
    });
    expect(daemon.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('costs nobody a request: who waits goes on waiting, in the same place', async () => {
    pool = await openPool();
    pool.configure({ labels: [aLabelEntry({ 'min-ready': 0 })] });
    const waiting = pool.ask<RequestView>('request', 'small', '--wait');
    await until('it waits', async () => ((await pool.database.store.readPool()).requests.length > 0 ? true : null));
    await takeDatabaseAway(3);
    const daemon = pool.start();
    expect(await waiting).toMatchObject({ id: 1, state: 'granted', nodes: [{ state: 'used' }] });
    expect(await pool.ask('request-list')).toMatchObject([{ id: 1, state: 'granted' }]);
    expect(daemon.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('in mid-launch loses and doubles nothing', async () => {
    pool = await openPool();
    const slow = aProviderEntry({ fake: { 'boot-time': 0.4, 'api-delay': 0.2 } });
    pool.configure({ providers: [slow], labels: [aLabelEntry({ 'min-ready': 4 }), aSetEntry()] });
    const letPass = await holdBack(pool.database);
    const daemon = pool.start();
    await daemon.logged(({ msg }) => msg === 'nodes launched');
    const launched = await pool.nodes();
    expect(launched.map(({ state }) => state)).toContain('building');
    await takeDatabaseAway(3);
    await letPass();
    await daemon.logged(({ msg }) => msg === 'the database answers again');
    const nodes = await pool.full({ small: 4, set: 1 });
    // The launches went on; no other rows took their place, and no server is without one.
    expect(nodes.map(({ id }) => id)).toEqual(launched.map(({ id }) => id));
    expect(await pool.ask('alien-list')).toEqual([]);
    expect(daemon.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('ends at SIGTERM although the database is away', async () => {
    pool = await openPool();
    pool.configure();
    const daemon = pool.start();
    await pool.full({ small: 2 });
    await server.stop();
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 0, stderr: '' });
    await server.start();
    // Nobody gave its leases back; the next daemon need not wait for them.
    const next = pool.start();
    await next.logged(({ msg, lease }) => msg === 'lease taken' && lease === 'supply');
    await pool.full({ small: 2 });
  });
});
