import fc from 'fast-check';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cloudImageId } from '../../../src/lib/ids.ts';
import type { DiskImageRecord, ImageRecord } from '../../../src/lifecycle/records.ts';
import type { Action, ActionKind, ActionOf } from '../../../src/planning/actions.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import { aTarget, IMAGES_DIRECTORY_ID, IMAGES_DIRECTORY_PATH } from '../../support/builders.ts';
import { ALL_LEASES, aRandomWorld } from '../../support/random-worlds.ts';

/** Checks `holds` on random worlds, and that they have brought up each of `kinds` often enough to tell. */
function always(
  kinds: readonly ActionKind[],
  holds: (world: World, actions: readonly Action[]) => void,
  arrange: (world: World) => World = (world) => world,
): void {
  const counts = new Map<ActionKind, number>();
  fc.assert(
    fc.property(aRandomWorld, fc.boolean(), (random, isBuilder) => {
      const world = arrange(withoutRequests(isBuilder ? withoutSnapshots(random) : random));
      const { actions } = plan(world);
      for (const { kind } of actions) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      holds(world, actions);
    }),
    { seed: 20_160_102, numRuns: 300 },
  );
  expect(kinds.filter((kind) => (counts.get(kind) ?? 0) < 4)).toEqual([]);
}

/** The same world when nobody but jobs in queues asks for nodes, and all targets get some. */
function withoutRequests(world: World): World {
  const targets = new Map(Array.from(world.config.targets.keys(), (name) => [name, aTarget({ name })]));
  return { ...world, config: { ...world.config, targets }, requests: [] };
}

/** The same world when there is a newer one of each READY image, whose trial is still to come or under way. */
function withSuccessors(world: World): World {
  const images = world.images.flatMap((image) => {
    if (image.state !== 'ready') return [image];
    const { id, version, launchesFailed } = image;
    const trial = { launchesOk: 0, launchesFailed: launchesFailed % 4 };
    return [
      image,
      { ...image, id: id + 100, version: version + 0.5, cloudImageId: cloudImageId(`newer-${id}`), ...trial },
    ];
  });
  return { ...world, images };
}

/** The same world when every image is made of a disk image, and this daemon builds. */
function withoutSnapshots(world: World): World {
  const { config, diskImages, workshop } = world;
  const providers = [...config.providers].map(([key, provider]) => {
    const images = [...provider.images].map(([name, image]) => {
      const source = { kind: 'diskimage' as const, diskimage: diskImageFor(name) };
      return [name, { ...image, source }] as const;
    });
    return [key, { ...provider, images: new Map(images) }] as const;
  });
  const images = world.images.map((row) => {
    const own = diskImages.filter(({ image }) => image === diskImageFor(row.image));
    return own.length === 0 ? row : { ...row, diskImageId: own[row.id % own.length]!.id };
  });
  const directory = { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH };
  return {
    ...world,
    config: { ...config, providers: new Map(providers) },
    images,
    workshop: { ...workshop, directory, problem: null },
    leases: new Set(ALL_LEASES),
  };
}

const diskImageFor = (image: string): string => (image === 'ubuntu' ? 'ubuntu' : 'd');

function ofKind<K extends ActionKind>(actions: readonly Action[], ...kinds: readonly K[]): ActionOf<K>[] {
  return actions.filter(({ kind }) => (kinds as readonly string[]).includes(kind)) as ActionOf<K>[];
}

const buildOf = ({ diskImages }: World, id: number | null): DiskImageRecord =>
  diskImages.find((build) => build.id === id)!;
const imageOf = ({ images }: World, id: number): ImageRecord => images.find((image) => image.id === id)!;

/** Whether this daemon handles the files of the build. */
function handlesFiles({ workshop: { directory: own }, leases }: World, build: DiskImageRecord): boolean {
  if (own === null || !leases.has(`images:${own.id}`)) return false;
  if (build.directory !== null) return build.directory === own.id;
  return build.filename !== null && dirname(build.filename) === own.path;
}

const isRunning = ({ busy }: World, kind: 'image' | 'disk-image', id: number): boolean =>
  busy.get(`${kind}:${id}`)?.until === 'done';

const isNewer = (a: { version: number; id: number }, b: { version: number; id: number }): boolean =>
  a.version > b.version || (a.version === b.version && a.id > b.id);

const isGood = ({ state, cloudImageId, withdrawnAt }: ImageRecord): boolean =>
  state === 'ready' && cloudImageId !== null && withdrawnAt === null;

/** Others of the same provider and name that nodes may boot from. */
function goodOnes({ images }: World, { id, provider, image }: ImageRecord): ImageRecord[] {
  return images.filter((row) => row.id !== id && row.provider === provider && row.image === image && isGood(row));
}

describe('whatever the world is like', () => {
  it('files are touched by nobody but who holds the lease of their directory', () => {
    const kinds = ['remove-disk-image', 'inspect-disk-image', 'note-uploads', 'open-upload', 'upload-image'] as const;
    always([...kinds, 'sweep-images-directory'], (world, actions) => {
      for (const action of ofKind(actions, ...kinds)) {
        const touches = action.kind !== 'remove-disk-image' || action.hasFiles;
        const handles = handlesFiles(world, buildOf(world, action.diskImageId));
        expect({ action, handles }).toEqual({ action, handles: touches });
      }
      const { directory } = world.workshop;
      if (ofKind(actions, 'sweep-images-directory').length > 0)
        expect(world.leases.has(`images:${directory!.id}`)).toBe(true);
    });
  });

  it('a row is dropped without its files only when an operator insists or it has none', () => {
    let dropped = 0;
    always([], (world, actions) => {
      for (const action of ofKind(actions, 'remove-disk-image').filter(({ hasFiles }) => !hasFiles)) {
        const { reason, directory, filename } = buildOf(world, action.diskImageId);
        expect(reason === 'forced' || (directory === null && filename === null)).toBe(true);
        expect(world.leases.has('supply')).toBe(true);
        dropped += 1;
      }
    });
    expect(dropped).toBeGreaterThan(10);
  });

  it('nothing is built or given up without the lease of its disk image, and somewhere to build', () => {
    always(['open-disk-image', 'make-disk-image', 'retire-disk-image'], (world, actions) => {
      const mayBuild = (image: string): boolean =>
        world.leases.has(`diskimage:${image}`) && world.workshop.directory !== null;
      for (const { image } of ofKind(actions, 'open-disk-image')) expect(mayBuild(image)).toBe(true);
      for (const { diskImageId } of ofKind(actions, 'make-disk-image'))
        expect(mayBuild(buildOf(world, diskImageId).image)).toBe(true);
      for (const { diskImageId, reason } of ofKind(actions, 'retire-disk-image')) {
        const isRight =
          reason === 'image-removed' ? world.leases.has('supply') : mayBuild(buildOf(world, diskImageId).image);
        expect({ reason, isRight }).toEqual({ reason, isRight: true });
      }
    });
  });

  it('there is one build of a disk image at a time, and one upload of a provider image', () => {
    always(['open-disk-image', 'open-upload', 'build-image'], (world, actions) => {
      const opened = ofKind(actions, 'open-disk-image').map(({ image }) => image);
      const building = world.diskImages.filter(({ state }) => state === 'building').map(({ image }) => image);
      expect(new Set(opened).size).toBe(opened.length);
      expect(opened.filter((image) => building.includes(image))).toEqual([]);
      const places = ofKind(actions, 'open-upload', 'build-image').map(({ provider, image }) => `${provider}/${image}`);
      const rows = world.images.filter(({ state }) => state === 'building');
      expect(new Set(places).size).toBe(places.length);
      expect(places.filter((place) => rows.some(({ provider, image }) => place === `${provider}/${image}`))).toEqual(
        [],
      );
    });
  });

  it('no more is built and uploaded at once than there are workers', () => {
    always(['make-disk-image', 'upload-image'], (world, actions) => {
      const { builds, uploads } = world.workshop.workers;
      const made = ofKind(actions, 'make-disk-image').length;
      const running = world.diskImages.filter(
        ({ id, state }) => state === 'building' && isRunning(world, 'disk-image', id),
      );
      if (made > 0) expect(made + running.length).toBeLessThanOrEqual(builds);
      const sent = ofKind(actions, 'upload-image').length;
      const sending = world.images.filter(
        ({ id, state, diskImageId }) => state === 'building' && diskImageId !== null && isRunning(world, 'image', id),
      );
      if (sent > 0) expect(sent + sending.length).toBeLessThanOrEqual(uploads);
    });
  });

  it('nothing is begun of what is paused, unless an operator asked for it', () => {
    const isPaused = (world: World, image: string, provider: string | null): boolean => {
      const config =
        provider === null
          ? world.config.diskimages.get(image)
          : world.config.providers.get(provider)?.images.get(image);
      const isOfIt = (pause: World['pauses'][number]): boolean =>
        pause.image === image && (pause.provider === null || pause.provider === provider);
      return config?.pause === true || world.pauses.some(isOfIt);
    };
    let paused = 0;
    always(['open-disk-image', 'open-upload', 'build-image', 'make-disk-image', 'upload-image'], (world, actions) => {
      for (const { image } of ofKind(actions, 'open-disk-image')) expect(isPaused(world, image, null)).toBe(false);
      for (const { image, provider } of ofKind(actions, 'open-upload', 'build-image'))
        expect(isPaused(world, image, provider)).toBe(false);
      for (const { diskImageId } of ofKind(actions, 'make-disk-image')) {
        const { image, reason } = buildOf(world, diskImageId);
        if (!isPaused(world, image, null)) continue;
        expect(reason).toBe('operator');
        paused += 1;
      }
      for (const { imageId } of ofKind(actions, 'upload-image')) {
        const { image, provider, reason, saveAttempt } = imageOf(world, imageId);
        if (isPaused(world, image, provider)) expect(reason === 'operator' || saveAttempt > 0).toBe(true);
      }
    });
    expect(paused).toBeGreaterThan(3);
  });

  it('what is uploaded is a READY build that has a file of the format', () => {
    always(['open-upload', 'upload-image'], (world, actions) => {
      const check = (diskImageId: number, provider: string): void => {
        const { state, files } = buildOf(world, diskImageId);
        expect(state).toBe('ready');
        expect(files?.map(({ format }) => format)).toContain(world.config.providers.get(provider)?.imageType);
      };
      for (const { diskImageId, provider } of ofKind(actions, 'open-upload')) check(diskImageId, provider);
      for (const { diskImageId, imageId } of ofKind(actions, 'upload-image'))
        check(diskImageId, imageOf(world, imageId).provider);
    });
  });

  it('no older build takes the place of a newer one that nodes boot from', () => {
    let checked = 0;
    always(['open-upload'], (world, actions) => {
      for (const { provider, image, diskImageId } of ofKind(actions, 'open-upload')) {
        const build = buildOf(world, diskImageId);
        const used = world.images.filter((row) => row.provider === provider && row.image === image && isGood(row));
        for (const row of used) {
          const made = world.diskImages.find(({ id }) => id === row.diskImageId);
          if (made?.image !== build.image) continue;
          expect(made.version).toBeLessThanOrEqual(build.version);
          checked += 1;
        }
      }
    });
    expect(checked).toBeGreaterThan(0);
  });

  it('what takes over is there before anything is retired as outdated, and nothing that is in use is', () => {
    always(['retire-image', 'retire-disk-image'], (world, actions) => {
      for (const { imageId, reason } of ofKind(actions, 'retire-image')) {
        if (reason !== 'image-outdated') continue;
        const image = imageOf(world, imageId);
        const newer = goodOnes(world, image).filter((other) => isNewer(other, image));
        expect(newer.length).toBeGreaterThanOrEqual(image.withdrawnAt === null ? 2 : 1);
        expect(world.nodes.filter((node) => node.state === 'building' && node.imageId === imageId)).toEqual([]);
      }
      for (const { diskImageId, reason } of ofKind(actions, 'retire-disk-image')) {
        if (reason !== 'image-outdated') continue;
        const build = buildOf(world, diskImageId);
        const newer = world.diskImages.filter(
          (other) => other.image === build.image && other.state === 'ready' && isNewer(other, build),
        );
        expect(newer.length).toBeGreaterThanOrEqual(2);
        expect(world.images.filter((row) => row.state === 'building' && row.diskImageId === diskImageId)).toEqual([]);
      }
    });
  });

  it('nodes boot from the newest good image, one at a time from one that has to prove itself, and from no other', () => {
    const seen = { newest: 0, before: 0, canary: 0 };
    always(
      ['launch-nodes'],
      (world, actions) => {
        const launches = ofKind(actions, 'launch-nodes').flatMap((action) => action.launches);
        for (const { imageId, provider, label } of launches) {
          const image = imageOf(world, imageId);
          expect(isGood(image)).toBe(true);
          expect([image.provider, image.image]).toEqual([provider, world.config.labels.get(label)!.image]);
          const better = goodOnes(world, image).filter((other) => isNewer(other, image));
          expect(better.length).toBeLessThanOrEqual(1);
          // The newest one is left out only while it is on probation, or has failed.
          for (const { launchesOk, launchesFailed } of better) {
            const share = launchesFailed / (launchesOk + launchesFailed);
            expect((world.config.imageCanary && launchesOk === 0) || share > world.config.imageFailureShare).toBe(true);
          }
          const hasOlder = goodOnes(world, image).some((other) => isNewer(image, other));
          if (better.length > 0) seen.before += 1;
          else seen.newest += 1;
          if (!world.config.imageCanary || image.launchesOk > 0 || !hasOlder) continue;
          seen.canary += 1;
          const tries = [...launches, ...world.nodes.filter(({ state }) => state === 'building')];
          expect(tries.filter((other) => other.imageId === imageId)).toHaveLength(1);
        }
      },
      withSuccessors,
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });

  it('an image is withdrawn only while there is an older good one that has worked', () => {
    always(['withdraw-image'], (world, actions) => {
      for (const { imageId } of ofKind(actions, 'withdraw-image')) {
        const image = imageOf(world, imageId);
        const others = goodOnes(world, image);
        expect(others.filter((other) => isNewer(other, image))).toEqual([]);
        expect(others.some(({ launchesOk }) => launchesOk > 0)).toBe(true);
        expect(image.launchesFailed).toBeGreaterThanOrEqual(3);
        expect(isGood(image)).toBe(true);
      }
    });
  });

  it('with --no-images nothing is built or uploaded', () => {
    const work = /^(open|make|upload|build)-(disk-image|upload|image)$/;
    always([], (world) => {
      const switches = { ...world.switches, images: false };
      const { actions } = plan({ ...world, leases: new Set(ALL_LEASES), switches });
      expect(actions.map(({ kind }) => kind).filter((kind) => work.test(kind))).toEqual([]);
    });
  });
});
