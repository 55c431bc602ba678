import { describe, expect, it } from 'vitest';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import type { Lease } from '../../src/store/store.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { DATABASES } from '../support/with-database.ts';
import { countQueries, TTL_MS, useStore } from './harness.ts';

const A = 'host/1/a';
const B = 'host/2/b';
const DAY_MS = 24 * 3600 * 1000;
const nobodyIsDead = (): boolean => false;

describe.each(DATABASES)('leases on %s', (kind) => {
  const test = useStore(kind);
  const keep = async (
    holder: string,
    names: string[],
    isDead: (lease: Lease) => boolean = nobodyIsDead,
  ): Promise<Record<string, number>> => {
    const held = await test.store.leases.keep(holder, names, TTL_MS, isDead);
    return Object.fromEntries([...held.values()].map(({ name, epoch }) => [name, epoch]));
  };

  it('what is free is taken, and expires after its time to live', async () => {
    expect(await keep(A, ['supply', 'provider:p'])).toEqual({ supply: 1, 'provider:p': 1 });
    const expiresAt = test.clock.now() + TTL_MS;
    expect(await test.store.leases.list()).toEqual([
      { name: 'provider:p', holder: A, epoch: 1, expiresAt },
      { name: 'supply', holder: A, epoch: 1, expiresAt },
    ]);
  });

  it('what another holds is not taken before it expires, and is then', async () => {
    await keep(A, ['supply']);
    await test.clock.advance(TTL_MS - 1);
    expect(await keep(B, ['supply'])).toEqual({});
    await test.clock.advance(1);
    expect(await keep(B, ['supply'])).toEqual({ supply: 2 });
    expect(await keep(A, ['supply'])).toEqual({});
  });

  it('renewing keeps the epoch and moves the expiry', async () => {
    await keep(A, ['supply']);
    await test.clock.advance(TTL_MS - 1);
    expect(await keep(A, ['supply'])).toEqual({ supply: 1 });
    await test.clock.advance(TTL_MS - 1);
    expect(await keep(B, ['supply'])).toEqual({});
  });

  it('a holder that comes late renews what nobody has taken', async () => {
    await keep(A, ['supply']);
    await test.clock.advance(TTL_MS * 3);
    expect(await keep(A, ['supply'])).toEqual({ supply: 1 });
  });

  it('what a dead holder has is taken at once', async () => {
    await keep(A, ['supply', 'provider:p']);
    expect(await keep(B, ['supply', 'provider:p'], ({ holder }) => holder === A)).toEqual({
      supply: 2,
      'provider:p': 2,
    });
  });

  it('whether a holder counts as dead may be different for each of its leases', async () => {
    await keep(A, ['supply', 'provider:p']);
    expect(await keep(B, ['supply', 'provider:p'], ({ name }) => name === 'supply')).toEqual({ supply: 2 });
    expect(await keep(A, ['supply', 'provider:p'])).toEqual({ 'provider:p': 1 });
  });

  it('what was given up is taken at once, with a new epoch, and is not listed', async () => {
    await keep(A, ['supply']);
    await test.store.leases.release(A);
    expect(await test.store.leases.list()).toEqual([]);
    expect(await keep(B, ['supply'])).toEqual({ supply: 2 });
    await test.store.leases.release(A);
    expect(await keep(B, ['supply'])).toEqual({ supply: 2 });
  });

  it('who asks is told what somebody holds, or has held of late', async () => {
    await keep(A, ['provider:p', 'provider:q']);
    const heldSince = async (since: number): Promise<string[]> => [
      ...(await test.store.leases.heldSince(['provider:p', 'provider:x'], since)),
    ];
    expect(await heldSince(test.clock.now())).toEqual(['provider:p']);
    await test.store.leases.release(A);
    expect(await heldSince(test.clock.now() - 1)).toEqual(['provider:p']);
    expect(await heldSince(test.clock.now())).toEqual([]);
    expect(await test.store.leases.heldSince([], 0)).toEqual(new Set());
  });

  it('a holder that gave up gets a new epoch when it comes again', async () => {
    await keep(A, ['supply']);
    await test.store.leases.release(A);
    expect(await keep(A, ['supply'])).toEqual({ supply: 2 });
  });

  it('names that are not asked for are not renewed', async () => {
    await keep(A, ['supply', 'provider:p']);
    await test.clock.advance(TTL_MS - 1);
    await keep(A, ['supply']);
    await test.clock.advance(1);
    expect(await keep(B, ['supply', 'provider:p'])).toEqual({ 'provider:p': 2 });
  });

  it('of many that want a lease at once, one gets it', async () => {
    const stores = [test.store, test.another(), test.another()];
    for (const round of [1, 2, 3]) {
      const held = await Promise.all(
        stores.map((store, index) =>
          store.leases.keep(`${round}/${index}/x`, ['supply', 'p', 'q'], TTL_MS, () => false),
        ),
      );
      for (const name of ['supply', 'p', 'q'])
        expect(
          held.filter((leases) => leases.has(name)),
          name,
        ).toHaveLength(1);
      expect(new Set((await test.store.leases.list()).map(({ epoch }) => epoch))).toEqual(new Set([round]));
      await test.clock.advance(TTL_MS);
    }
  });

  it('leases that ended a day ago are forgotten, younger ones are not', async () => {
    await keep(A, [`daemon:${A}`]);
    await test.clock.advance(TTL_MS + DAY_MS);
    await keep(B, [`daemon:${B}`]);
    expect((await test.store.leases.list()).map(({ holder }) => holder)).toEqual([A, B]);
    await test.clock.advance(1);
    await keep(B, [`daemon:${B}`, 'supply']);
    expect((await test.store.leases.list()).map(({ name }) => name)).toEqual([`daemon:${B}`, 'supply']);
  });

  it('nothing asked for is nothing held', async () => {
    expect(await keep(A, [])).toEqual({});
  });

  it('renewing costs two statements, however many leases', async () => {
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    const names = Array.from({ length: 30 }, (_, index) => `provider:${index}`);
    try {
      await store.leases.keep(A, names, TTL_MS, nobodyIsDead);
      const queries = countQueries(knex);
      expect((await store.leases.keep(A, names, TTL_MS, nobodyIsDead)).size).toBe(30);
      expect(queries()).toBe(2);
    } finally {
      await store.close();
    }
  });
});
