import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { aConfig, aDiskimageConfig, aLabel, aPause, aProvider, aProviderImage } from '../../support/builders.ts';
import { minutes } from '../../support/planned.ts';
import { SimulatedPool } from '../../support/simulated-pool.ts';

/** What goes on for ever: the clouds and the disk are looked at, old history goes, ready nodes are checked. */
const ROUTINE: ReadonlySet<Action['kind']> = new Set([
  'list-servers',
  'list-images',
  'list-accessories',
  'read-limits',
  'purge-history',
  'check-node',
  'sweep-images-directory',
]);

const IMAGES = new Map(
  ['trusty', 'xenial'].map((name) => {
    return [name, aProviderImage({ name, source: { kind: 'diskimage', diskimage: `dib-${name}` } })] as const;
  }),
);

/** Two disk images; `a` wants qcow2, `b` vhd. */
const CONFIG = aConfig({
  labels: [
    aLabel({ name: 'small', image: 'trusty', minReady: 3, providers: ['a', 'b'] }),
    aLabel({ name: 'other', image: 'xenial', minReady: 1, providers: ['b'] }),
  ],
  providers: [
    aProvider({ name: 'a', maxServers: 10, images: IMAGES }),
    aProvider({ name: 'b', maxServers: 10, images: IMAGES, imageType: 'vhd' }),
  ],
  diskimages: ['dib-trusty', 'dib-xenial'].map((name) => aDiskimageConfig({ name, formats: ['qcow2', 'vhd'] })),
});
const FULL = { small: 3, other: 1 };
/** No more nodes than one provider is for, so that one knows what boots from what. */
const ONE = aConfig({
  labels: [aLabel({ name: 'small', image: 'trusty', minReady: 2, providers: ['a'] })],
  providers: [CONFIG.providers.get('a')!],
  diskimages: [aDiskimageConfig({ name: 'dib-trusty' })],
});

function settled(config: Config = CONFIG): SimulatedPool {
  const pool = new SimulatedPool(config);
  pool.run(minutes(15));
  return pool;
}

function countReady({ nodes, config }: SimulatedPool): Record<string, number> {
  const count = (name: string): number =>
    nodes.filter(({ label, state }) => label === name && state === 'ready').length;
  return Object.fromEntries([...config.labels.keys()].map((name) => [name, count(name)]));
}

const rowsOf = ({ images }: SimulatedPool): string[] =>
  images.map(({ provider, image, state }) => `${provider}/${image} ${state}`).sort();
const buildsOf = ({ diskImages }: SimulatedPool): string[] =>
  diskImages.map(({ image, state }) => `${image} ${state}`).sort();

/** Rows, clouds and disk agree, and nothing is done but routine. */
function expectQuiet(pool: SimulatedPool): void {
  const before = pool.now;
  const busy = pool.run(minutes(10)).filter(({ action }) => !ROUTINE.has(action.kind));
  expect(busy.map(({ at, action }) => `${at - before} ms: ${action.kind} ${action.subject}`)).toEqual([]);
  const there = pool.cloudImages.filter(({ goneAt }) => goneAt > pool.now).map(({ id }) => id);
  expect(there.sort()).toEqual(pool.images.map(({ cloudImageId }) => cloudImageId as string).sort());
  expect([...pool.disk].sort()).toEqual(pool.diskImages.map(({ id }) => id).sort());
}

function kindsIn(done: readonly { readonly action: Action }[], ...kinds: readonly Action['kind'][]): number {
  return done.filter(({ action }) => kinds.includes(action.kind)).length;
}

/** Has every disk image built anew. */
function rebuild(pool: SimulatedPool): void {
  const { config } = pool;
  pool.config = { ...config, cron: { ...config.cron, imageUpdate: '* * * * *' } };
  pool.run(minutes(1));
  pool.config = config;
  pool.run(minutes(9));
}

describe('a pool whose images are made of disk images', () => {
  it('builds each once, uploads it once to each provider that uses it, reaches min-ready and falls quiet', () => {
    const pool = new SimulatedPool(CONFIG);
    const done = pool.run(minutes(15));
    expect(countReady(pool)).toEqual(FULL);
    expect([buildsOf(pool), rowsOf(pool)]).toEqual([
      ['dib-trusty ready', 'dib-xenial ready'],
      ['a/trusty ready', 'b/trusty ready', 'b/xenial ready'],
    ]);
    expect([kindsIn(done, 'open-disk-image', 'make-disk-image'), kindsIn(done, 'open-upload', 'upload-image')]).toEqual(
      [4, 6],
    );
    expectQuiet(pool);
  });

  it('rebuilds when image-update fires, keeps two generations of builds and of images, and falls quiet', () => {
    const pool = settled({ ...CONFIG, cron: { ...CONFIG.cron, imageUpdate: '*/30 * * * *' } });
    const done = pool.run(minutes(180));
    expect([buildsOf(pool), rowsOf(pool)]).toEqual([
      ['dib-trusty ready', 'dib-trusty ready', 'dib-xenial ready', 'dib-xenial ready'],
      ['a/trusty', 'a/trusty', 'b/trusty', 'b/trusty', 'b/xenial', 'b/xenial'].map((name) => `${name} ready`),
    ]);
    // Six times two builds, and each is uploaded once to each provider that uses it.
    expect([kindsIn(done, 'make-disk-image'), kindsIn(done, 'upload-image')]).toEqual([12, 18]);
    pool.config = CONFIG;
    expectQuiet(pool);
  });

  it('rebuilds when rebuild-age is reached, and not before', () => {
    const pool = settled({
      ...ONE,
      diskimages: new Map([['dib-trusty', aDiskimageConfig({ name: 'dib-trusty', rebuildAgeMs: minutes(60) })]]),
    });
    expect(kindsIn(pool.run(minutes(44)), 'open-disk-image')).toBe(0);
    expect(kindsIn(pool.run(minutes(2)), 'open-disk-image')).toBe(1);
    expect(kindsIn(pool.run(minutes(180)), 'open-disk-image')).toBe(3);
  });

  it('builds nothing while it is paused, and catches up when it is not', () => {
    const pool = new SimulatedPool(ONE);
    pool.pauses = [aPause({ image: 'dib-trusty' })];
    expect(kindsIn(pool.run(minutes(10)), 'open-disk-image', 'make-disk-image')).toBe(0);
    pool.pauses = [];
    pool.run(minutes(10));
    expect(countReady(pool)).toEqual({ small: 2 });
    expectQuiet(pool);
  });

  it('builds anew what a format is missing of, once', () => {
    const pool = settled(ONE);
    const diskimages = new Map([['dib-trusty', aDiskimageConfig({ name: 'dib-trusty', formats: ['qcow2', 'raw'] })]]);
    pool.config = { ...ONE, diskimages };
    expect(kindsIn(pool.run(minutes(60)), 'open-disk-image')).toBe(1);
    expectQuiet(pool);
  });

  it('drops everything of an image that leaves the configuration', () => {
    const pool = settled();
    pool.config = { ...ONE, labels: new Map([['small', { ...ONE.labels.get('small')!, providers: ['a'] }]]) };
    pool.run(minutes(10));
    expect([buildsOf(pool), rowsOf(pool)]).toEqual([['dib-trusty ready'], ['a/trusty ready']]);
    expectQuiet(pool);
  });
});

describe('a pool that loses something', () => {
  it('builds again when files are gone that have to be uploaded', () => {
    const pool = settled(ONE);
    pool.disk.clear();
    pool.cloudImages = [];
    pool.images = [];
    pool.run(minutes(15));
    expect([countReady(pool), buildsOf(pool), rowsOf(pool)]).toEqual([
      { small: 2 },
      ['dib-trusty ready'],
      ['a/trusty ready'],
    ]);
    expectQuiet(pool);
  });

  it('uploads again when an image is gone that nothing is left beside', () => {
    const pool = settled(ONE);
    pool.cloudImages = [];
    const done = pool.run(minutes(15));
    expect([kindsIn(done, 'make-disk-image'), kindsIn(done, 'upload-image')]).toEqual([0, 1]);
    expectQuiet(pool);
  });

  it('goes on with the image before it when the newest one is deleted, and does not upload that again', () => {
    const pool = settled(ONE);
    rebuild(pool);
    const newest = pool.images.at(-1)!;
    pool.patchImage(newest.id, { state: 'delete' });
    const done = pool.run(minutes(15));
    expect([kindsIn(done, 'upload-image', 'make-disk-image'), rowsOf(pool)]).toEqual([0, ['a/trusty ready']]);
    expectQuiet(pool);
  });

  it('uploads the build before it when nodes can boot from none: the newest was withdrawn, the other is gone', () => {
    const pool = settled(ONE);
    rebuild(pool);
    const [before, newest] = pool.images;
    pool.patchImage(newest!.id, { withdrawnAt: pool.now });
    pool.patchImage(before!.id, { state: 'delete' });
    pool.run(minutes(15));
    const [only] = pool.images;
    expect([pool.images.length, only!.diskImageId]).toEqual([1, before!.diskImageId]);
    expectQuiet(pool);
  });

  it('uploads again when the row of an upload is deleted by hand, and what that had left is swept', () => {
    const pool = new SimulatedPool(ONE);
    pool.run(minutes(1) + 10_000);
    expect(rowsOf(pool)).toEqual(['a/trusty building']);
    pool.images = [];
    pool.run(minutes(15));
    expect(countReady(pool)).toEqual({ small: 2 });
    expectQuiet(pool);
  });

  it('begins anew when all rows are deleted by hand; only the files that nobody knows stay', () => {
    const pool = settled();
    const files = [...pool.disk];
    pool.nodes = [];
    pool.images = [];
    pool.diskImages = [];
    pool.run(minutes(15));
    expect([countReady(pool), rowsOf(pool)]).toEqual([FULL, ['a/trusty ready', 'b/trusty ready', 'b/xenial ready']]);
    // A file without a row may be anybody's.
    for (const id of files) expect(pool.disk.delete(id)).toBe(true);
    expectQuiet(pool);
  });

  it.each([
    ['build', 20_000],
    ['upload', 80_000],
  ])('goes on when the daemon dies in the middle of the %s', (_, ms) => {
    const pool = new SimulatedPool(ONE);
    pool.run(ms);
    expect(pool.world().busy.size).toBe(1);
    pool.restart();
    pool.run(minutes(15));
    expect([countReady(pool), buildsOf(pool), rowsOf(pool)]).toEqual([
      { small: 2 },
      ['dib-trusty ready'],
      ['a/trusty ready'],
    ]);
    expectQuiet(pool);
  });

  it('gives an upload up that dies again and again, and begins another one', () => {
    const pool = new SimulatedPool(ONE);
    for (let deaths = 0; deaths < 5; deaths += 1) {
      pool.run(80_000);
      pool.restart();
    }
    pool.run(minutes(15));
    expect(rowsOf(pool)).toEqual(['a/trusty ready']);
    expectQuiet(pool);
  });

  it('neither rebuilds nor uploads without end when the clock was set back', () => {
    const pool = settled(ONE);
    rebuild(pool);
    pool.now -= minutes(600);
    pool.restart();
    const diskimages = new Map([['dib-trusty', aDiskimageConfig({ name: 'dib-trusty', formats: ['qcow2', 'raw'] })]]);
    pool.config = { ...ONE, diskimages };
    const done = pool.run(minutes(120));
    expect([kindsIn(done, 'make-disk-image'), kindsIn(done, 'upload-image')]).toEqual([1, 1]);
    expectQuiet(pool);
  });
});

describe('a pool whose new image is broken', () => {
  /** Settled, then rebuilt into what no node comes up from. */
  function broken(config: Config): SimulatedPool {
    const pool = settled(config);
    const known = new Set(pool.diskImages.map(({ id }) => id));
    const { config: before } = pool;
    pool.config = { ...before, cron: { ...before.cron, imageUpdate: '* * * * *' } };
    pool.run(minutes(1));
    pool.config = before;
    for (const { id } of pool.diskImages) if (!known.has(id)) pool.broken.add(id);
    pool.run(minutes(9));
    return pool;
  }

  function finishNodes(pool: SimulatedPool): void {
    for (const { id } of pool.nodes) pool.patchNode(id, { state: 'delete' });
    pool.run(minutes(15));
  }

  it.each([false, true])('goes back to the one before it by itself, and comes to rest (canary: %s)', (imageCanary) => {
    const pool = broken({ ...ONE, imageCanary });
    expect(pool.broken.size).toBe(1);
    finishNodes(pool);
    expect(countReady(pool)).toEqual({ small: 2 });
    const [before, bad] = pool.images;
    expect([before!.withdrawnAt, bad!.withdrawnAt === null]).toEqual([null, false]);
    expect(bad!.launchesFailed).toBeGreaterThanOrEqual(3);
    if (imageCanary) expect(bad!.launchesFailed).toBe(3);
    expectQuiet(pool);
  });

  it('takes the next good build, and drops the bad one', () => {
    const pool = broken(ONE);
    finishNodes(pool);
    const bad = pool.images.at(-1)!;
    rebuild(pool);
    finishNodes(pool);
    expect(pool.images.map(({ id, state, withdrawnAt }) => [id === bad.id, state, withdrawnAt])).toEqual([
      [false, 'ready', null],
      [false, 'ready', null],
    ]);
    const newest = pool.images.at(-1)!;
    expect(pool.nodes.map(({ imageId }) => imageId)).toEqual([newest.id, newest.id]);
    expectQuiet(pool);
  });

  it('comes back to min-ready when every image that there is was bad, as soon as one is good', () => {
    const pool = broken(ONE);
    for (const { id } of pool.diskImages) pool.broken.add(id);
    finishNodes(pool);
    expect(countReady(pool)).toEqual({ small: 0 });
    rebuild(pool);
    pool.run(minutes(15));
    expect(countReady(pool)).toEqual({ small: 2 });
    expectQuiet(pool);
  });
});

/** What befalls a pool; `pick` points to a row. */
const BLOWS = {
  restart: (pool: SimulatedPool) => pool.restart(),
  'lose a file': (pool: SimulatedPool, pick: number) => void pool.disk.delete(at([...pool.disk], pick) ?? -1),
  'lose the row of an image': (pool: SimulatedPool, pick: number) => {
    pool.images = pool.images.filter((row) => row !== at(pool.images, pick));
  },
  'lose an image': (pool: SimulatedPool, pick: number) => {
    pool.cloudImages = pool.cloudImages.filter((image) => image !== at(pool.cloudImages, pick));
  },
  'delete an image': (pool: SimulatedPool, pick: number) =>
    pool.patchImage(at(pool.images, pick)?.id ?? -1, { state: 'delete' }),
  'delete a build': (pool: SimulatedPool, pick: number) =>
    pool.patchDiskImage(at(pool.diskImages, pick)?.id ?? -1, { state: 'delete' }),
  'withdraw an image': (pool: SimulatedPool, pick: number) => {
    const ready = pool.images.filter(({ state }) => state === 'ready');
    pool.patchImage(at(ready, pick)?.id ?? -1, { withdrawnAt: pool.now });
  },
  rebuild: (pool: SimulatedPool) => rebuild(pool),
  'finish a node': (pool: SimulatedPool, pick: number) =>
    pool.patchNode(at(pool.nodes, pick)?.id ?? -1, { state: 'delete' }),
} as const satisfies Record<string, (pool: SimulatedPool, pick: number) => void>;

const at = <T>(items: readonly T[], pick: number): T | undefined => items[pick % Math.max(1, items.length)];

const aBlow = fc.record({
  blow: fc.constantFrom(...(Object.keys(BLOWS) as (keyof typeof BLOWS)[])),
  pick: fc.nat(99),
  afterMs: fc.constantFrom(0, 100, 1000, 20_000, 45_000, 70_000, 300_000),
});

describe('a pool that is struck again and again', () => {
  it('comes back to min-ready at the next build at the latest, with rows, clouds and disk in agreement', () => {
    fc.assert(
      fc.property(fc.array(aBlow, { maxLength: 10, size: 'max' }), (blows) => {
        const pool = new SimulatedPool(CONFIG);
        for (const { blow, pick, afterMs } of blows) {
          pool.run(afterMs);
          BLOWS[blow](pool, pick);
        }
        pool.run(minutes(10));
        rebuild(pool);
        pool.run(minutes(10));
        expect(countReady(pool)).toEqual(FULL);
        // A READY build whose files are gone, and that nobody has to upload, is not missed.
        for (const { id } of pool.diskImages) pool.disk.add(id);
        expectQuiet(pool);
      }),
      { numRuns: 100, seed: 20_160_103 },
    );
  });
});
