/**
 * Two real daemons on one MariaDB. Each has a fake cloud of its own, so the one that takes over finds a cloud
 * without any of the servers that the rows name, and has to recover from that by itself.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DaemonProcess, LogLine } from '../support/daemon-process.ts';
import { holdBack } from '../support/hold-back.ts';
import { aLabelEntry, aProviderEntry, aSetEntry, RealPool, until } from '../support/real-pool.ts';

const HOUR_MS = 3_600_000;

let pool: RealPool;

beforeEach(async () => {
  pool = await RealPool.open('MariaDB');
});
afterEach(() => pool.close());

const says =
  (msg: string) =>
  (line: LogLine): boolean =>
    line.msg === msg;

/** Who holds a lease, as a process id; null: nobody does. */
async function holderOf(name: string): Promise<number | null> {
  const lease = (await pool.database.store.leases.list()).find((candidate) => candidate.name === name);
  return lease === undefined ? null : Number(lease.holder.split('/')[1]);
}

const isAliveIn = (daemon: DaemonProcess) =>
  until(
    `daemon ${daemon.pid} announces itself`,
    async () =>
      (await pool.database.store.leases.list()).find(({ name }) => name.split('/')[1] === String(daemon.pid)) ?? null,
  );

/** The first daemon acts, the second one looks on. */
async function startBoth(): Promise<{ first: DaemonProcess; second: DaemonProcess }> {
  const first = pool.start('first');
  await first.logged(({ msg, lease }) => msg === 'lease taken' && lease === 'provider:east');
  const second = pool.start('second');
  await isAliveIn(second);
  return { first, second };
}

/** All that may not be there twice. */
async function expectNothingDoubled(): Promise<void> {
  const slots = (await pool.nodes()).flatMap((node) => [node, ...node.subnodes]);
  expect(new Set(slots.map(({ serverId }) => serverId)).size).toBe(slots.length);
  await until('there is one image', async () => {
    const { images } = await pool.database.store.readPool();
    return images.map(({ image, state }) => `${image} ${state}`).join() === 'plain ready' ? true : null;
  });
  // What no row owns would be a double.
  expect(await pool.ask('alien-list')).toEqual([]);
}

describe('two daemons on one database', () => {
  it('share the work: one acts, the other looks on', async () => {
    pool.configure();
    const { first, second } = await startBoth();
    await pool.full({ small: 2 });
    expect(await holderOf('supply')).toBe(first.pid);
    expect(await holderOf('provider:east')).toBe(first.pid);
    expect(second.lines.filter(({ logger }) => logger === 'nodepool.engine')).toEqual([]);
  });

  it('when the acting one is killed in mid-launch, the other one takes over before the leases run out', async () => {
    const slow = aProviderEntry({ fake: { 'boot-time': 0.5, 'api-delay': 0.1 } });
    pool.configure({ providers: [slow], labels: [aLabelEntry({ 'min-ready': 4 }), aSetEntry()] });
    const letPass = await holdBack(pool.database);
    const { first, second } = await startBoth();
    await first.logged(says('nodes launched'));
    first.kill('SIGKILL');
    await first.ended;
    expect((await pool.nodes()).map(({ state }) => state)).toContain('building');
    await letPass();
    // However slow the machine is, they do not run out before the other one has looked.
    await pool.database.knex.raw('UPDATE lease SET expires_at = expires_at + ? WHERE holder LIKE ?', [
      HOUR_MS,
      `%/${first.pid}/%`,
    ]);
    await until('the other daemon holds the supply', async () =>
      (await holderOf('supply')) === second.pid ? true : null,
    );
    await pool.full({ small: 4, set: 1 });
    await expectNothingDoubled();
    expect(second.lines.filter(({ level, msg }) => level === 'error' || msg.includes('leaked'))).toEqual([]);
  });

  it('when the acting one is killed with a full pool, the other one replaces what went with its cloud', async () => {
    pool.configure();
    const { first, second } = await startBoth();
    const before = await pool.full({ small: 2 });
    first.kill('SIGKILL');
    await second.logged(({ msg, reason }) => msg === 'node retired' && reason === 'server-gone', 2);
    const after = await pool.full({ small: 2 });
    expect(Math.min(...after.map(({ id }) => id))).toBeGreaterThan(Math.max(...before.map(({ id }) => id)));
    await expectNothingDoubled();
  });

  it('when the acting one stops, it hands its leases over', async () => {
    pool.configure();
    const { first, second } = await startBoth();
    await pool.full({ small: 2 });
    first.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(await holderOf('supply')).not.toBe(first.pid);
    await second.logged(({ msg, lease }) => msg === 'lease taken' && lease === 'supply');
    await pool.full({ small: 2 });
  });
});
