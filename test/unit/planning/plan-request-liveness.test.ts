/** Whoever asks for nodes gets them in the end, as long as others give theirs back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LabelConfig } from '../../../src/config/types.ts';
import { aConfig, aLabel, aProvider, imagesNamed, type ConfigOverrides } from '../../support/builders.ts';
import { minutes } from '../../support/planned.ts';
import { SimulatedPool } from '../../support/simulated-pool.ts';

/** A pool whose images are READY and whose nodes are up. */
function settled(overrides: ConfigOverrides): SimulatedPool {
  const pool = new SimulatedPool(aConfig(overrides));
  pool.run(minutes(10));
  return pool;
}

const label = (name: string, overrides: Partial<LabelConfig> = {}): LabelConfig =>
  aLabel({ name, minReady: 0, ...overrides });

const isWaiting = ({ requests }: SimulatedPool, id: number): boolean =>
  requests.some((request) => request.id === id && request.state === 'waiting');

/** Runs the pool until the request has its nodes, `each` second something happens; answers how long it waited. */
function waitFor(pool: SimulatedPool, id: number, each: (second: number) => void = () => undefined): number {
  const start = pool.now;
  for (let second = 0; isWaiting(pool, id) && second < 24 * 3600; second += 1) {
    each(second);
    pool.run(1000);
  }
  return pool.now - start;
}

describe('a request', () => {
  it('has its node at once when one is READY, and as soon as one is launched otherwise', () => {
    const pool = settled({ labels: [aLabel({ minReady: 1 })] });
    expect(waitFor(pool, pool.request())).toBeLessThanOrEqual(1000);
    expect(waitFor(pool, pool.request())).toBeLessThan(minutes(1));
  });

  it('has its nodes although all places are taken by idle nodes of another label', () => {
    const pool = settled({
      labels: [label('idle', { minReady: 9 }), label('wanted', { subnodes: 1 })],
      providers: [aProvider({ maxServers: 6 })],
    });
    expect(pool.nodes.filter(({ state }) => state === 'ready')).toHaveLength(6);
    const waited = waitFor(pool, pool.request({ label: 'wanted', count: 2 }));
    expect(waited).toBeGreaterThan(minutes(2));
    expect(waited).toBeLessThan(minutes(4));
    // And no more had to go than it needed.
    expect(pool.nodes.filter(({ label: name, state }) => name === 'idle' && state === 'ready')).toHaveLength(2);
  });

  it('makes others’ nodes go once: no new ones take their places before all are free', () => {
    const pool = settled({
      labels: [label('idle', { minReady: 3 }), label('wanted', { subnodes: 3 })],
      providers: [aProvider({ maxServers: 4 })],
    });
    const id = pool.request({ label: 'wanted' });
    const gone = pool.run(minutes(15)).filter(({ action }) => action.reason === 'room-needed');
    expect([isWaiting(pool, id), gone.length]).toEqual([false, 3]);
  });

  it('keeps its nodes until its lease is over; then they go, and the pool is as it was', () => {
    const pool = settled({ labels: [aLabel({ minReady: 2 })], providers: [aProvider({ maxServers: 4 })] });
    pool.request({ count: 2, ttlMs: minutes(30) });
    pool.run(minutes(29));
    expect(pool.nodes.map(({ state }) => state).sort()).toEqual(['ready', 'ready', 'used', 'used']);
    pool.run(minutes(10));
    expect([pool.requests, pool.nodes.map(({ state }) => state)]).toEqual([[], ['ready', 'ready']]);
  });
});

describe('beside others who never stop asking', () => {
  /** Sees to it that so many requests for a node wait at any time; leases last a minute or two, and end one by one. */
  const keepAsking = (pool: SimulatedPool, name: string, count: number): void => {
    const waiting = pool.requests.filter(({ label: own, state }) => own === name && state === 'waiting').length;
    for (let missing = count - waiting; missing > 0; missing -= 1) {
      const id = pool.request({ label: name });
      const ttlMs = minutes(1) + ((id * 7919) % 60_000);
      pool.requests = pool.requests.map((request) => (request.id === id ? { ...request, ttlMs } : request));
    }
  };

  it('a set that needs most of a provider has its turn within half an hour, again and again', () => {
    const pool = settled({
      labels: [label('single'), label('set', { subnodes: 4 })],
      providers: [aProvider({ maxServers: 6 })],
    });
    keepAsking(pool, 'single', 10);
    pool.run(minutes(3));
    for (let turn = 0; turn < 3; turn += 1) {
      const id = pool.request({ label: 'set', ttlMs: minutes(1) });
      expect(waitFor(pool, id, () => keepAsking(pool, 'single', 10))).toBeLessThan(minutes(30));
    }
  });

  it('those who ask for single nodes have theirs beside sets that never stop either', () => {
    const pool = settled({
      labels: [label('single'), label('set', { subnodes: 4 })],
      providers: [aProvider({ maxServers: 6 })],
    });
    const askAll = (): void => {
      keepAsking(pool, 'single', 5);
      keepAsking(pool, 'set', 5);
    };
    askAll();
    pool.run(minutes(3));
    const served = { single: 0, set: 0 };
    for (let second = 0; second < 2 * 3600; second += 1) {
      askAll();
      for (const { action } of pool.run(1000)) {
        if (action.kind !== 'grant-requests') continue;
        for (const { nodeIds } of action.grants) {
          const name = pool.nodes.find(({ id }) => id === nodeIds[0])!.label as keyof typeof served;
          served[name] += 1;
        }
      }
    }
    expect(served.set).toBeGreaterThan(8);
    expect(served.single).toBeGreaterThan(80);
  });

  it('one who asks for many nodes of the same label has them all at once', () => {
    const pool = settled({ labels: [label('single')], providers: [aProvider({ maxServers: 6 })] });
    keepAsking(pool, 'single', 10);
    pool.run(minutes(3));
    const id = pool.request({ label: 'single', count: 6 });
    expect(waitFor(pool, id, () => keepAsking(pool, 'single', 10))).toBeLessThan(minutes(15));
  });

  it('one who asks for all places that there are has them, beside another label', () => {
    const pool = settled({
      labels: ['single', 'other'].map((name) => label(name, { providers: ['a', 'b'] })),
      providers: ['a', 'b'].map((name) => aProvider({ name, maxServers: 3 })),
    });
    keepAsking(pool, 'other', 10);
    pool.run(minutes(3));
    const id = pool.request({ label: 'single', count: 6 });
    expect(waitFor(pool, id, () => keepAsking(pool, 'other', 10))).toBeLessThan(minutes(60));
  });

  it('jobs in queues have theirs, and requests beside them', () => {
    const pool = settled({ labels: [label('single'), label('queued')], providers: [aProvider({ maxServers: 4 })] });
    pool.demand = new Map([['queued', 20]]);
    keepAsking(pool, 'single', 10);
    const seen = { single: 0, queued: 0 };
    for (let second = 0; second < 3600; second += 1) {
      keepAsking(pool, 'single', 10);
      pool.run(1000);
      for (const { id, label: name, state, stateAt } of pool.nodes) {
        if (name !== 'queued' || state !== 'ready' || pool.now < stateAt + minutes(1)) continue;
        seen.queued += 1;
        pool.patchNode(id, { state: 'delete', stateAt: pool.now });
      }
      seen.single = Math.max(seen.single, pool.requests.filter(({ state }) => state === 'granted').length);
    }
    expect(seen.queued).toBeGreaterThan(20);
    expect(seen.single).toBeGreaterThan(0);
  });
});

describe('whatever is asked for', () => {
  const LABELS = [
    label('a', { minReady: 2, providers: ['p', 'q'] }),
    label('b', { subnodes: 1, providers: ['p', 'q'] }),
    label('c', { subnodes: 3, image: 'debian', providers: ['q'] }),
    label('d', { minReady: 3, image: 'debian', providers: ['p'] }),
  ];
  const CONFIG = {
    labels: LABELS,
    providers: ['p', 'q'].map((name) => aProvider({ name, maxServers: 5, images: imagesNamed('ubuntu', 'debian') })),
  };
  const aWish = fc.record({
    label: fc.constantFrom('a', 'b', 'c', 'd'),
    count: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: -2, max: 2 }),
    ttlMs: fc.constantFrom(minutes(1), minutes(5), minutes(20)),
    afterMs: fc.constantFrom(0, 1000, minutes(1), minutes(5)),
    isReleased: fc.boolean(),
  });

  it('everybody who can have his nodes gets them, the pool comes back to min-ready, and nothing is left over', () => {
    fc.assert(
      fc.property(fc.array(aWish, { maxLength: 25, size: 'max' }), (wishes) => {
        const pool = settled(CONFIG);
        for (const { afterMs, isReleased, ...wish } of wishes) {
          const id = pool.request(wish);
          pool.run(afterMs);
          if (isReleased && !isWaiting(pool, id)) pool.release(id);
        }
        // Of `c` there is one node at a time, of `b` there are four.
        const isPossible = ({ label: name, count }: { label: string; count: number }): boolean =>
          name !== 'c' || count === 1;
        pool.run(minutes(60 * 24));
        expect(pool.requests.filter(isPossible)).toEqual([]);
        expect(pool.nodes.map(({ label: name, state }) => `${name} ${state}`).sort()).toEqual([
          ...Array.from({ length: 2 }, () => 'a ready'),
          ...Array.from({ length: 3 }, () => 'd ready'),
        ]);
        expect(pool.servers.filter(({ goneAt }) => goneAt > pool.now)).toHaveLength(5);
      }),
      { numRuns: 30, seed: 20_160_101 },
    );
  });
});
