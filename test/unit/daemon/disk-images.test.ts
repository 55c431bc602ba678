/**
 * Daemons that build and upload disk images, on a database and a cloud in memory: killed at every effect, taken over in
 * the middle, told by operators to leave it. Whatever happened, rows, disk and cloud agree in the end.
 */
import type { Knex } from 'knex';
import { afterEach, describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import type { CloudImage } from '../../../src/providers/provider.ts';
import type { Store } from '../../../src/store/store.ts';
import { aConfig, aDiskimageConfig, aLabel, aProvider, aProviderImage } from '../../support/builders.ts';
import { FakeDiskImages, stemOf } from '../../support/disk-images.ts';
import type { Death } from '../../support/mortal.ts';
import { createSite, drive, startDaemon, type Daemon, type Site } from '../../support/site.ts';
import { openMemoryStore } from '../../support/memory-store.ts';

const IMG = aProviderImage({ name: 'img', source: { kind: 'diskimage', diskimage: 'ubuntu' } });
const CONFIG: Config = aConfig({
  // What is left over is looked for more often, so that less time has to be played.
  cron: { ...aConfig().cron, cleanup: '* * * * * */5' },
  labels: [aLabel({ image: 'img', minReady: 1 })],
  providers: [aProvider({ apiTimeoutMs: 5000, images: new Map([['img', IMG]]) })],
  diskimages: [aDiskimageConfig({ formats: ['qcow2', 'vhd'] })],
});

interface Ground {
  readonly site: Site;
  readonly store: Store;
  readonly knex: Knex;
}

const open: Ground[] = [];

async function aGround(): Promise<Ground> {
  const site = createSite(CONFIG);
  const ground = { site, ...(await openMemoryStore(site)) };
  open.push(ground);
  return ground;
}

afterEach(async () => {
  for (const { store, knex } of open.splice(0)) {
    await store.close();
    await knex.destroy();
  }
});

const ours = ({ clouds }: Site): CloudImage[] =>
  [...clouds.values()].flatMap((cloud) =>
    cloud.images().filter(({ tags, status }) => tags !== null && status !== 'deleting'),
  );

/** Whether everything is READY, there are as many generations as given, and rows, disk and cloud agree. */
async function isTidy({ site, store }: Ground, generations: number): Promise<boolean> {
  const { nodes, images, diskImages, intents } = await store.readPool();
  const isReady = ({ state }: { state: string }): boolean => state === 'ready';
  if (![...nodes, ...images, ...diskImages].every(isReady) || intents.length > 0 || nodes.length !== 1) return false;
  if (images.length !== generations || diskImages.length !== generations) return false;
  const stems = new Set([...site.disk.files.keys()].map((name) => name.slice(0, name.lastIndexOf('.'))));
  const cloudImages = ours(site);
  return (
    same(stems, diskImages.map(stemOf)) &&
    site.disk.work.size === 0 &&
    same(
      cloudImages.map(({ id }) => id),
      images.map(({ cloudImageId }) => cloudImageId ?? ''),
    ) &&
    cloudImages.every(({ status, bytes }) => status === 'active' && bytes !== null) &&
    diskImages.every(({ files, uploads }) => files?.length === 2 && uploads.includes('cloud/img'))
  );
}

function same(some: Iterable<string>, others: Iterable<string>): boolean {
  return [...some].sort().join() === [...others].sort().join();
}

async function readNewest({ store }: Ground) {
  const { images, diskImages } = await store.readPool();
  return { image: images.at(-1)!, build: diskImages.at(-1)! };
}

interface Phase {
  readonly begin: (ground: Ground) => Promise<unknown>;
  readonly generations: number;
}

/** From nothing; then a second generation, which is deleted; then rows are deleted by hand. */
const PHASES: readonly Phase[] = [
  { begin: () => Promise.resolve(), generations: 1 },
  { begin: ({ store }) => store.intents.add('image-update', { provider: 'all', image: 'img' }), generations: 2 },
  {
    begin: async (ground) => {
      const { image, build } = await readNewest(ground);
      await ground.store.moveImage({ id: image.id, from: 'ready', to: 'delete', by: 'operator' });
      await ground.store.moveDiskImage({ id: build.id, from: 'ready', to: 'delete', by: 'operator' });
    },
    generations: 1,
  },
  {
    begin: async ({ site, knex }) => {
      for (const table of ['snapshot_image', 'dib_image', 'node']) await knex.raw(`DELETE FROM ${table}`);
      // Files that no row knows stay: they may be anybody's.
      site.disk.files.clear();
    },
    generations: 1,
  },
];

/** Plays all phases; answers how many effects the first daemon had. Throws when the pool does not come to rest. */
async function play(death: Death): Promise<number> {
  const ground = await aGround();
  const { site, store } = ground;
  const first = startDaemon(site, { store, death });
  let daemon: Daemon = first;
  for (const { begin, generations } of PHASES) {
    await begin(ground);
    const goal = { until: () => isTidy(ground, generations) };
    if (await drive(site, daemon, goal)) continue;
    daemon = startDaemon(site, { store });
    await drive(site, daemon, goal);
  }
  return first.mortal.effects;
}

describe('a daemon that builds, and is killed', () => {
  it('at any effect leaves nothing half done for good, and nothing twice', async () => {
    const effects = await play({ at: Infinity, side: 'before' });
    expect(effects).toBeGreaterThan(40);
    expect(effects).toBeLessThan(150);
    for (let at = 1; at <= effects; at += 1) {
      for (const side of ['before', 'after'] as const) {
        await play({ at, side }).catch((error: unknown) => {
          throw new Error(`killed ${side} effect ${at}: ${String(error)}`);
        });
      }
    }
  });
});

describe('a build that takes its time', () => {
  const BUILD_MS = 60_000;

  /** A daemon whose builds take a minute. */
  function aBuilder({ site, store }: Ground, holder: string) {
    const diskImages = new FakeDiskImages({ clock: site.clock, disk: site.disk, buildMs: BUILD_MS });
    const daemon = startDaemon(site, { store, holder, overrides: { diskImages } });
    return { ...daemon, diskImages };
  }

  /** Passes until `isReached`, whatever is under way meanwhile. */
  async function passUntil(
    { site }: Ground,
    daemons: readonly Daemon[],
    isReached: () => Promise<boolean>,
  ): Promise<void> {
    for (let passes = 0; passes < 2000; passes += 1) {
      for (const { core } of daemons) await core.tick();
      await site.clock.advance(250);
      if (await isReached()) return;
    }
    throw new Error('this was not reached in 500 seconds');
  }

  const isBuilding = (ground: Ground) => async (): Promise<boolean> => {
    const [build] = (await ground.store.readPool()).diskImages;
    return build !== undefined && build.startedAt !== null;
  };

  it('is begun once, by one of two daemons', async () => {
    const ground = await aGround();
    const daemons = ['one', 'two'].map((holder) => aBuilder(ground, holder));
    // Neither takes the other one for dead.
    await passUntil(ground, [daemons[0]!], isBuilding(ground));
    await passUntil(ground, [daemons[0]!], () => isTidy(ground, 1));
    expect(daemons.map(({ diskImages }) => diskImages.calls.filter((call) => call.startsWith('build')).length)).toEqual(
      [1, 0],
    );
  });

  it('is begun anew by the daemon that takes its lease over, and the other one gives it up', async () => {
    const ground = await aGround();
    const [one, two] = ['one', 'two'].map((holder) => aBuilder(ground, holder));
    await passUntil(ground, [one!], isBuilding(ground));
    // From here on the second one takes the first for dead.
    await passUntil(ground, [two!], () =>
      Promise.resolve(two!.diskImages.calls.some((call) => call.startsWith('build'))),
    );
    await passUntil(ground, [two!, one!], () => isTidy(ground, 1));
    const { diskImages } = await ground.store.readPool();
    expect(diskImages.map(({ state }) => state)).toEqual(['ready']);
    expect(ours(ground.site)).toHaveLength(1);
  });

  it('ends at once when an operator deletes it, and its remains go', async () => {
    const ground = await aGround();
    const builder = aBuilder(ground, 'one');
    await passUntil(ground, [builder], isBuilding(ground));
    const { build } = await readNewest(ground);
    const before = ground.site.clock.now();
    await ground.store.moveDiskImage({ id: build.id, from: 'building', to: 'delete', by: 'operator' });
    await passUntil(ground, [builder], async () => {
      const { diskImages } = await ground.store.readPool();
      return diskImages.every(({ id }) => id !== build.id);
    });
    expect(ground.site.clock.now() - before).toBeLessThan(BUILD_MS / 2);
    expect(builder.diskImages.calls).toContain(`remove ${stemOf(build)}`);
    await passUntil(ground, [builder], () => isTidy(ground, 1));
  });

  it('ends when its disk image leaves the configuration', async () => {
    const ground = await aGround();
    const builder = aBuilder(ground, 'one');
    await passUntil(ground, [builder], isBuilding(ground));
    ground.site.config = aConfig({ labels: [], providers: [aProvider()] });
    await passUntil(ground, [builder], async () => (await ground.store.readPool()).diskImages.length === 0);
    expect(ground.site.disk.work.size).toBe(0);
  });
});

describe('a build that fails', () => {
  it('rests longer each time, and is READY when its reason is gone', async () => {
    const ground = await aGround();
    const { site, store } = ground;
    const diskImages = new FakeDiskImages({ clock: site.clock, disk: site.disk, buildMs: 0 });
    diskImages.failures.push(...Array.from({ length: 3 }, () => new TypeError('no disk')));
    const daemon = startDaemon(site, { store, overrides: { diskImages } });
    const begunAt = site.clock.now();
    await drive(site, daemon, { until: () => isTidy(ground, 1) });
    // Half a minute, one, two.
    expect(site.clock.now() - begunAt).toBeGreaterThan(210_000);
    expect(diskImages.calls.filter((call) => call.startsWith('build'))).toHaveLength(4);
    expect((await store.readPool()).failures).toEqual([]);
  });
});

describe('an upload', () => {
  it('that the cloud refuses rests longer each time, and is made when it does not', async () => {
    const ground = await aGround();
    const { site, store } = ground;
    const provider = CONFIG.providers.get('cloud')!;
    const refusing = { ...provider, fake: { ...provider.fake, failUploads: 1 } };
    site.config = { ...CONFIG, providers: new Map([['cloud', refusing]]) };
    const daemon = startDaemon(site, { store });
    const hasFailed = async (): Promise<boolean> =>
      (await store.readPool()).failures.some(({ kind, count }) => kind === 'build' && count === 3);
    await drive(site, daemon, { until: hasFailed });
    site.config = CONFIG;
    await drive(site, daemon, { until: () => isTidy(ground, 1) });
    expect((await store.readPool()).failures).toEqual([]);
  });

  it('of files that are gone has the image built anew, and counts against nobody', async () => {
    const ground = await aGround();
    const { site, store } = ground;
    const daemon = startDaemon(site, { store });
    await drive(site, daemon, {
      until: async () => (await store.readPool()).diskImages.some(({ state }) => state === 'ready'),
    });
    site.disk.files.clear();
    await drive(site, daemon, { until: () => isTidy(ground, 1) });
    expect((await store.readPool()).failures).toEqual([]);
  });

  it('whose image somebody deletes at the cloud while it is made leaves the build alone', async () => {
    const ground = await aGround();
    const { site, store } = ground;
    const diskImages = new FakeDiskImages({ clock: site.clock, disk: site.disk, buildMs: 0 });
    const read = diskImages.open.bind(diskImages);
    let deletions = 0;
    diskImages.open = (...args) => {
      for (const { id } of deletions === 0 ? ours(site) : []) {
        deletions += 1;
        void [...site.clouds.values()][0]!.deleteImage(id, new AbortController().signal);
      }
      return read(...args);
    };
    const daemon = startDaemon(site, { store, overrides: { diskImages } });
    await drive(site, daemon, { until: () => isTidy(ground, 1) });
    expect([deletions, diskImages.calls.filter((call) => call.startsWith('build')).length]).toEqual([1, 1]);
  });
});
