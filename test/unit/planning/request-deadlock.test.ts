/** Requests that each hold a part of the pool: whose turn is first has its nodes, then the next, however much they want. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LabelConfig } from '../../../src/config/types.ts';
import { aConfig, aLabel, aProvider, type ConfigOverrides } from '../../support/builders.ts';
import { minutes } from '../../support/planned.ts';
import { SimulatedPool } from '../../support/simulated-pool.ts';

const label = (name: string, overrides: Partial<LabelConfig> = {}): LabelConfig =>
  aLabel({ name, minReady: 0, ...overrides });

/** A pool whose images are READY and whose nodes are up. */
function settled(overrides: ConfigOverrides): SimulatedPool {
  const pool = new SimulatedPool(aConfig(overrides));
  pool.run(minutes(10));
  return pool;
}

const waiting = ({ requests }: SimulatedPool): number[] =>
  requests.filter(({ state }) => state === 'waiting').map(({ id }) => id);
const readyOf = ({ nodes }: SimulatedPool, name: string): number =>
  nodes.filter((node) => node.label === name && node.state === 'ready').length;
/** Actions of a kind while the pool runs. */
const count = (pool: SimulatedPool, ms: number, reason: string): number =>
  pool.run(ms).filter(({ action }) => action.reason === reason).length;

/** Runs the pool until a request has its nodes; answers how long that took. */
function waitFor(pool: SimulatedPool, id: number): number {
  const start = pool.now;
  while (waiting(pool).includes(id) && pool.now < start + minutes(24 * 60)) pool.run(1000);
  return pool.now - start;
}

/** A provider of four places, of which two requests for all of them hold half each. */
function halved(): { pool: SimulatedPool; first: number; second: number } {
  const pool = settled({ labels: [label('a'), label('b')], providers: [aProvider({ maxServers: 4 })] });
  const before = pool.request({ label: 'a', count: 4 });
  pool.run(minutes(1));
  const first = pool.request({ label: 'b', count: 4 });
  const second = pool.request({ label: 'a', count: 4 });
  pool.run(1000);
  pool.release(before);
  pool.run(minutes(1));
  return { pool, first, second };
}

describe('requests of two labels that hold half of a provider each', () => {
  it('are served in their turn: nodes kept for the second go for the first, two minutes after it came', () => {
    const { pool, first, second } = halved();
    expect([readyOf(pool, 'a'), readyOf(pool, 'b'), waiting(pool)]).toEqual([2, 2, [first, second]]);
    expect(waitFor(pool, first)).toBeLessThan(minutes(3));
    expect([waiting(pool), pool.nodes.map((node) => node.label)]).toEqual([[second], ['b', 'b', 'b', 'b']]);
    pool.release(first);
    expect(waitFor(pool, second)).toBeLessThan(minutes(2));
  });

  it('lose no more nodes than the first one lacks, and none of them comes again before it has its own', () => {
    const { pool, first } = halved();
    const done = pool.run(minutes(3));
    expect(waiting(pool)).not.toContain(first);
    expect(done.filter(({ action }) => action.reason === 'room-needed')).toHaveLength(2);
    const launched = done.flatMap(({ action }) => (action.kind === 'launch-nodes' ? action.launches : []));
    expect(launched.map((launch) => launch.label)).toEqual(['b', 'b']);
  });
});

describe('a request that cannot have its set while a node is held', () => {
  /** The set wants all four places, of which one is held; two single nodes would fit. */
  function stuck(): { pool: SimulatedPool; whole: number; pair: number } {
    const pool = settled({ labels: [label('a'), label('b')], providers: [aProvider({ maxServers: 4 })] });
    const before = pool.request({ label: 'a' });
    pool.run(minutes(1));
    const [held] = pool.nodes;
    pool.patchNode(held!.id, { state: 'hold', requestId: null });
    const whole = pool.request({ label: 'b', count: 4, priority: 1 });
    pool.run(minutes(1));
    pool.release(before);
    return { pool, whole, pair: pool.request({ label: 'a', count: 2 }) };
  }

  it('stands in nobody’s way, and has its turn when the node is released', () => {
    const { pool, whole, pair } = stuck();
    expect(readyOf(pool, 'b')).toBe(3);
    expect(waitFor(pool, pair)).toBeLessThan(minutes(4));
    expect(waiting(pool)).toEqual([whole]);
    for (const { id, state } of pool.nodes) if (state === 'hold') pool.patchNode(id, { state: 'delete' });
    pool.release(pair);
    expect(waitFor(pool, whole)).toBeLessThan(minutes(4));
  });
});

describe('requests that share two providers', () => {
  it('are all served, whatever they hold while they wait', () => {
    const providers = ['a', 'b'].map((name) => aProvider({ name, maxServers: 6 }));
    const everywhere = { providers: ['a', 'b'] };
    const pool = settled({
      labels: [
        label('demand', everywhere),
        label('single', everywhere),
        label('multi', { ...everywhere, subnodes: 2 }),
      ],
      providers,
    });
    const wishes = [
      { label: 'demand', count: 6 },
      { label: 'single', count: 12 },
      { label: 'multi', count: 2 },
      { label: 'single', count: 1 },
    ];
    for (const wish of wishes) pool.request({ ...wish, ttlMs: minutes(10) });
    expect(count(pool, minutes(60), 'room-needed')).toBeLessThanOrEqual(18);
    expect(pool.requests).toEqual([]);
  });
});

describe('whatever the pool and whatever is asked for', () => {
  const NAMES = ['a', 'b', 'c', 'd'];
  const PLACES = ['p', 'q', 'r'];
  const aPool = fc.record({
    sizes: fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 3 }),
    labels: fc.array(
      fc.record({
        subnodes: fc.integer({ min: 0, max: 2 }),
        minReady: fc.constantFrom(0, 0, 0, 2),
        at: fc.integer({ min: 1, max: 7 }),
      }),
      { minLength: 2, maxLength: 4 },
    ),
    wishes: fc.array(
      fc.record({
        label: fc.constantFrom(...NAMES),
        part: fc.constantFrom(0.01, 0.3, 0.6, 1),
        priority: fc.constantFrom(0, 0, 0, 1, -1),
        ttlMs: fc.constantFrom(minutes(1), minutes(5), minutes(20)),
        afterMs: fc.constantFrom(0, 0, 1000, minutes(1)),
      }),
      { minLength: 2, maxLength: 15, size: 'max' },
    ),
  });

  it('each set that fits into the empty pool is granted, and for each place of it one node goes at most', () => {
    fc.assert(
      fc.property(aPool, ({ sizes, labels, wishes }) => {
        const providers = sizes.map((maxServers, index) => aProvider({ name: PLACES[index]!, maxServers }));
        const configured = labels.map(({ at, ...rest }, index) => {
          const names = providers.map(({ name }) => name).filter((_, bit) => (at & (1 << bit)) !== 0);
          return label(NAMES[index]!, { ...rest, providers: names.length === 0 ? [PLACES[0]!] : names });
        });
        const pool = settled({ labels: configured, providers });
        let places = 0;
        let gone = 0;
        for (const { afterMs, part, ...wish } of wishes) {
          const own = configured.find(({ name }) => name === wish.label);
          if (own === undefined) continue;
          const most = providers
            .filter(({ name }) => own.providers.includes(name))
            .reduce((sum, { maxServers }) => sum + Math.floor(maxServers / (1 + own.subnodes)), 0);
          if (most === 0) continue;
          const wanted = Math.ceil(part * most);
          places += wanted * (1 + own.subnodes);
          pool.request({ ...wish, count: wanted });
          gone += count(pool, afterMs, 'room-needed');
        }
        gone += count(pool, minutes(60 * 12), 'room-needed');
        expect(pool.requests).toEqual([]);
        expect(gone).toBeLessThanOrEqual(places);
      }),
      { numRuns: 60, seed: 20_160_101 },
    );
  }, 600_000);
});
