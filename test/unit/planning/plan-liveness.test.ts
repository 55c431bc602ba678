import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import { serverId } from '../../../src/lib/ids.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { aConfig, aLabel, aProvider, imagesNamed } from '../../support/builders.ts';
import { minutes } from '../../support/planned.ts';
import { SimulatedPool } from '../../support/simulated-pool.ts';

/** What goes on for ever: the clouds are looked at, old history goes, ready nodes are checked. */
const ROUTINE: ReadonlySet<Action['kind']> = new Set([
  'list-servers',
  'list-images',
  'list-accessories',
  'read-limits',
  'purge-history',
  'check-node',
  'sweep-images-directory',
]);

const CONFIG = aConfig({
  labels: [
    aLabel({ minReady: 3, providers: ['a', 'b'] }),
    aLabel({ name: 'set', minReady: 1, subnodes: 2, providers: ['a', 'b'] }),
    aLabel({ name: 'other', minReady: 2, image: 'debian', providers: ['b'] }),
  ],
  providers: ['a', 'b'].map((name) => aProvider({ name, maxServers: 10, images: imagesNamed('ubuntu', 'debian') })),
});

/** A pool that has had ten minutes to settle. */
function settled(config: Config = CONFIG): SimulatedPool {
  const pool = new SimulatedPool(config);
  pool.run(minutes(10));
  return pool;
}

function countReady({ nodes, config }: SimulatedPool): Record<string, number> {
  return Object.fromEntries(
    [...config.labels.keys()].map((name) => [
      name,
      nodes.filter(({ label, state }) => label === name && state === 'ready').length,
    ]),
  );
}

const FULL = { small: 3, set: 1, other: 2 };

/** Ids of the servers that the clouds have, and of those that rows know. */
function ownership({ servers, nodes, images, now }: SimulatedPool): { there: string[]; owned: (string | null)[] } {
  const slots = [...nodes, ...nodes.flatMap(({ subnodes }) => subnodes), ...images];
  return {
    there: servers
      .filter(({ goneAt }) => goneAt > now)
      .map(({ id }) => id)
      .sort(),
    owned: slots
      .map(({ serverId: id }) => id)
      .filter((id) => id !== null)
      .sort(),
  };
}

/** The pool has all it wants, nothing is left over, and nothing is done but routine. */
function expectQuiet(pool: SimulatedPool): void {
  const before = pool.now;
  const busy = pool.run(minutes(10)).filter(({ action }) => !ROUTINE.has(action.kind));
  expect(busy.map(({ at, action }) => `${at - before} ms: ${action.kind} ${action.subject}`)).toEqual([]);
  const { there, owned } = ownership(pool);
  expect(there).toEqual(owned);
}

describe('a pool whose clouds do what they are asked', () => {
  it('builds its images, reaches min-ready and falls quiet', () => {
    const pool = settled();
    expect(countReady(pool)).toEqual(FULL);
    expect(pool.images.map(({ provider, image, state }) => `${provider}/${image} ${state}`).sort()).toEqual([
      'a/ubuntu ready',
      'b/debian ready',
      'b/ubuntu ready',
    ]);
    expectQuiet(pool);
  });

  it('is not listed more often than once a minute, cloud and kind of listing while it is quiet', () => {
    const pool = settled();
    const lists = pool.run(minutes(10)).filter(({ action }) => action.kind.startsWith('list-'));
    expect(lists.length).toBeLessThanOrEqual(10 * 2 * 3);
  });

  it('replaces a node that is deleted at once, not when it is gone', () => {
    const pool = settled();
    const used = pool.nodes.find(({ label }) => label === 'small')!;
    pool.patchNode(used.id, { state: 'delete' });
    const [launch] = pool.run(100).filter(({ action }) => action.kind === 'launch-nodes');
    expect(launch).toBeDefined();
    pool.run(minutes(2));
    expect([countReady(pool), pool.nodes.some(({ id }) => id === used.id)]).toEqual([FULL, false]);
    expectQuiet(pool);
  });

  it('recovers when a cloud has lost all its servers and images', () => {
    const pool = settled();
    pool.servers = [];
    pool.cloudImages = [];
    pool.restart();
    pool.run(minutes(10));
    expect(countReady(pool)).toEqual(FULL);
    expectQuiet(pool);
  });

  it('sweeps what was left and fills up again when all rows were deleted by hand', () => {
    const pool = settled();
    const former = ownership(pool).there;
    pool.nodes = [];
    pool.images = [];
    pool.run(minutes(10));
    expect(countReady(pool)).toEqual(FULL);
    expect(ownership(pool).there.filter((id) => former.includes(id))).toEqual([]);
    expectQuiet(pool);
  });

  it('rebuilds its images when image-update fires, keeps two of each, and falls quiet', () => {
    const pool = settled({ ...CONFIG, cron: { ...CONFIG.cron, imageUpdate: '*/30 * * * *' } });
    pool.run(minutes(90));
    expect(pool.images.map(({ provider, image, state }) => `${provider}/${image} ${state}`).sort()).toEqual([
      'a/ubuntu ready',
      'a/ubuntu ready',
      'b/debian ready',
      'b/debian ready',
      'b/ubuntu ready',
      'b/ubuntu ready',
    ]);
    expect(pool.cloudImages.filter(({ goneAt }) => goneAt > pool.now)).toHaveLength(6);
    pool.config = CONFIG;
    expectQuiet(pool);
  });

  it('drains a provider that left the configuration, but for what is held, and moves to the others', () => {
    const pool = settled();
    const held = pool.nodes.find(({ provider }) => provider === 'a')!;
    pool.patchNode(held.id, { state: 'hold' });
    const labels = [...CONFIG.labels.values()].map((label) => ({ ...label, providers: ['b'] }));
    pool.config = aConfig({ labels, providers: [CONFIG.providers.get('b')!] });
    pool.run(minutes(10));
    expect(countReady(pool)).toEqual(FULL);
    expect(pool.nodes.filter(({ provider }) => provider === 'a').map(({ id, state }) => [id, state])).toEqual([
      [held.id, 'hold'],
    ]);
    expectQuiet(pool);
  });

  it('gives a full pool’s next free place to an image that is missing', () => {
    const crowded = aConfig({ labels: [aLabel({ minReady: 9 })], providers: [aProvider({ maxServers: 3 })] });
    const pool = settled(crowded);
    expect(countReady(pool)).toEqual({ small: 3 });
    pool.images = [];
    pool.patchNode(pool.nodes[0]!.id, { state: 'delete' });
    pool.run(minutes(10));
    expect([countReady(pool), pool.images.map(({ state }) => state)]).toEqual([{ small: 3 }, ['ready']]);
  });
});

/** What befalls a pool, each at the node that `pick` points to. */
const BLOWS = {
  finish: (pool: SimulatedPool, pick: number) => pool.patchNode(pick, { state: 'delete' }),
  'lose the row': (pool: SimulatedPool, pick: number) => {
    pool.nodes = pool.nodes.filter(({ id }) => id !== pick);
  },
  'lose the server': (pool: SimulatedPool, pick: number) => {
    const { serverId: id } = pool.nodes.find((node) => node.id === pick)!;
    pool.servers = pool.servers.filter((server) => server.id !== id);
  },
  'lose the answer to the create call': (pool: SimulatedPool, pick: number) => {
    const { state } = pool.nodes.find((node) => node.id === pick)!;
    if (state === 'building') pool.patchNode(pick, { serverId: null });
  },
  'double the server': (pool: SimulatedPool, pick: number) => {
    const { serverId: id } = pool.nodes.find((node) => node.id === pick)!;
    const server = pool.servers.find((other) => other.id === id);
    if (server) pool.servers.unshift({ ...server, id: serverId(`${server.id}-double`) });
  },
  restart: (pool: SimulatedPool) => pool.restart(),
} as const satisfies Record<string, (pool: SimulatedPool, pick: number) => void>;

const aBlow = fc.record({
  blow: fc.constantFrom(...(Object.keys(BLOWS) as (keyof typeof BLOWS)[])),
  pick: fc.nat(99),
  afterMs: fc.constantFrom(0, 100, 1000, 20_000, 22_000, 60_000),
});

describe('a pool that is struck again and again', () => {
  it('comes back to min-ready, with every server owned and nothing left to do', () => {
    fc.assert(
      fc.property(fc.array(aBlow, { maxLength: 12, size: 'max' }), (blows) => {
        const pool = new SimulatedPool(CONFIG);
        pool.run(minutes(1));
        for (const { blow, pick, afterMs } of blows) {
          pool.run(afterMs);
          const node = pool.nodes[pick % Math.max(1, pool.nodes.length)];
          if (node !== undefined) BLOWS[blow](pool, node.id);
        }
        pool.run(minutes(15));
        expect(countReady(pool)).toEqual(FULL);
        expectQuiet(pool);
      }),
      { numRuns: 100, seed: 20_160_101 },
    );
  });
});
