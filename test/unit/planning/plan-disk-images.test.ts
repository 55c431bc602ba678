import { describe, expect, it } from 'vitest';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { DiskImageRecord } from '../../../src/lifecycle/records.ts';
import type { World } from '../../../src/planning/world.ts';
import {
  aConfig,
  aDiskImage,
  aDiskimageConfig,
  aLabel,
  anImage,
  anImageFile,
  aPause,
  aProvider,
  aProviderImage,
  IMAGES_DIRECTORY_ID,
  IMAGES_DIRECTORY_PATH,
  NOW,
} from '../../support/builders.ts';
import { ago, minutes, notesOf, orders, restOf, situation } from '../../support/planned.ts';

const DIRECTORY = { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH };
const WORKSHOP = { directory: DIRECTORY, problem: null, workers: { builds: 1, uploads: 4 } };
const LEASES = ['supply', 'provider:cloud', `images:${IMAGES_DIRECTORY_ID}`, 'diskimage:ubuntu', 'diskimage:fedora'];

function madeOf(diskimage: string, name = diskimage) {
  return aProviderImage({ name, source: { kind: 'diskimage', diskimage } });
}

/** One label `small`, whose image `img` is made of the disk image `ubuntu`. */
function configWith({ pause = false, rebuildAgeMs = null as number | null, formats = ['qcow2'] } = {}) {
  return aConfig({
    labels: [aLabel({ minReady: 0, image: 'img' })],
    providers: [aProvider({ images: new Map([['img', madeOf('ubuntu', 'img')]]) })],
    diskimages: [aDiskimageConfig({ pause, rebuildAgeMs, formats })],
  });
}

const UPLOADED = anImage({ id: 1, image: 'img', diskImageId: 5 });
const READY = aDiskImage({ id: 5, uploads: ['cloud/img'] });

function workshop(overrides: Partial<World> = {}): World {
  return situation({
    config: configWith(),
    workshop: WORKSHOP,
    leases: new Set(LEASES),
    images: [UPLOADED],
    diskImages: [READY],
    ...overrides,
  });
}

const BUILD = 'open-disk-image disk-build:ubuntu: ';

describe('a disk image', () => {
  it('is left alone while its newest build is young and has every format', () => {
    expect(orders(workshop())).toEqual([]);
  });

  it('is built when there is no READY build, whatever name its provider images have', () => {
    expect(orders(workshop({ diskImages: [], images: [] }))).toEqual([`${BUILD}image-missing`]);
  });

  it('is built once, however many images and providers are made of it', () => {
    const images = new Map([madeOf('ubuntu', 'img'), madeOf('ubuntu', 'other')].map((image) => [image.name, image]));
    const config = aConfig({
      labels: [
        aLabel({ minReady: 0, image: 'img', providers: ['cloud', 'b'] }),
        aLabel({ name: 'x', minReady: 0, image: 'other', providers: ['cloud'] }),
      ],
      providers: [aProvider({ images }), aProvider({ name: 'b', images })],
      diskimages: [aDiskimageConfig()],
    });
    expect(orders(workshop({ config, diskImages: [], images: [] }))).toEqual([`${BUILD}image-missing`]);
  });

  it('is not built for labels that are disabled, nor without images that are made of it', () => {
    const disabled = { ...configWith(), labels: new Map([['small', aLabel({ image: 'img', minReady: -1 })]]) };
    expect(orders(workshop({ config: disabled, diskImages: [], images: [] }))).toEqual([]);
  });

  it('is built when image-update fired after the newest build was begun', () => {
    const cron = { lookedAt: NOW, firedAt: { imageUpdate: ago(1000), cleanup: NOW, check: NOW } };
    const memory = { ...EMPTY_MEMORY, cron };
    expect(orders(workshop({ memory }))).toEqual([`${BUILD}image-update`]);
    const young = aDiskImage({ ...READY, version: NOW / 1000 });
    expect(orders(workshop({ memory, diskImages: [young] }))).toEqual([]);
  });

  it('is built when the newest build reaches rebuild-age, and the plan wakes then', () => {
    const config = configWith({ rebuildAgeMs: minutes(60) });
    const at = (ageMs: number): World =>
      workshop({ config, diskImages: [aDiskImage({ ...READY, version: ago(ageMs) / 1000 })] });
    expect([orders(at(minutes(59.5))), restOf(at(minutes(59.5)))]).toEqual([[], 30_000]);
    expect(orders(at(minutes(60)))).toEqual([`${BUILD}rebuild-age`]);
  });

  it('is built when a provider asks for a format that the newest build does not have', () => {
    expect(orders(workshop({ config: configWith({ formats: ['qcow2', 'vhd'] }) }))).toEqual([`${BUILD}format-missing`]);
  });

  it('is not built while a build of it is under way', () => {
    const building = aDiskImage({ id: 6, state: 'building' });
    expect(orders(workshop({ diskImages: [building], images: [] })).filter((line) => line.startsWith('open'))).toEqual(
      [],
    );
  });

  it('is left to the daemon that holds its lease, and to one that has a directory', () => {
    const missing = { diskImages: [], images: [] };
    expect(orders(workshop({ ...missing, leases: new Set(['supply', 'provider:cloud']) }))).toEqual([]);
    const workless = { ...WORKSHOP, directory: null, problem: 'the configuration has no images-dir' };
    const world = workshop({ ...missing, workshop: workless });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [],
      ['image img at cloud: waits for disk image ubuntu to be built; not here: the configuration has no images-dir'],
    ]);
  });

  it('is not built with --no-images', () => {
    const switches = { launches: true, deletes: true, images: false };
    expect(orders(workshop({ diskImages: [], images: [], switches }))).toEqual([]);
  });

  it('is not built while it is paused, by an operator or in the configuration, and says so', () => {
    const missing = { diskImages: [], images: [] };
    const byOperator = workshop({ ...missing, pauses: [aPause({ reason: 'broken mirror', at: ago(0) })] });
    expect([orders(byOperator), notesOf(plan(byOperator))[0]]).toEqual([
      [],
      'image img at cloud: waits for disk image ubuntu to be built, which is paused since 2026-01-15T12:00:00.000Z: broken mirror',
    ]);
    const inFile = workshop({ ...missing, config: configWith({ pause: true }) });
    expect([orders(inFile), notesOf(plan(inFile))]).toEqual([
      [],
      [
        'image img at cloud: waits for disk image ubuntu to be built, which is paused in the configuration',
        'disk image ubuntu: paused in the configuration',
      ],
    ]);
  });

  it('rests after failures, and is tried when it has rested', () => {
    const failed = (retryAt: number): World =>
      workshop({
        diskImages: [],
        images: [],
        failures: [
          {
            kind: 'disk-image',
            provider: '',
            image: 'ubuntu',
            az: null,
            count: 2,
            lastAt: ago(1),
            lastError: 'exit 1',
            retryAt,
          },
        ],
      });
    expect([orders(failed(NOW + 500)), restOf(failed(NOW + 500))]).toEqual([[], 500]);
    expect(orders(failed(NOW))).toEqual([`${BUILD}image-missing`]);
  });
});

describe('a build', () => {
  const waiting = aDiskImage({ id: 6, state: 'building' });

  it('is begun by who holds the lease of its disk image', () => {
    expect(orders(workshop({ diskImages: [waiting, READY] }))).toEqual([
      'make-disk-image disk-image:6: next-step (diskImageId 6)',
    ]);
    expect(orders(workshop({ diskImages: [waiting, READY], leases: new Set(['supply', 'provider:cloud']) }))).toEqual(
      [],
    );
  });

  it('waits while as many as there are workers are running, and says so', () => {
    const other = aDiskImage({ id: 7, image: 'fedora', state: 'building' });
    const config = {
      ...configWith(),
      diskimages: new Map(
        [aDiskimageConfig(), aDiskimageConfig({ name: 'fedora' })].map((entry) => [entry.name, entry]),
      ),
    };
    const world = workshop({
      config,
      diskImages: [waiting, other, READY],
      busy: new Map([['disk-image:7', { until: 'done' }]]),
    });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [],
      ['disk image ubuntu: waits for its turn: 1 are being built'],
    ]);
    const two = { ...WORKSHOP, workers: { builds: 2, uploads: 4 } };
    expect(orders({ ...world, workshop: two })).toEqual(['make-disk-image disk-image:6: next-step (diskImageId 6)']);
  });

  it('is begun anew when the process that had begun it is gone', () => {
    const begun = aDiskImage({ id: 6, state: 'building', startedAt: ago(1000), directory: 'elsewhere' });
    expect(orders(workshop({ diskImages: [begun, READY] }))).toEqual([
      'make-disk-image disk-image:6: build-interrupted (diskImageId 6)',
    ]);
    expect(
      orders(workshop({ diskImages: [begun, READY], busy: new Map([['disk-image:6', { until: 'done' }]]) })),
    ).toEqual([]);
  });

  it('that was not ordered by an operator waits while its disk image is paused, begun or not', () => {
    const pauses = [aPause({ at: NOW })];
    const at = (overrides: Partial<DiskImageRecord>) =>
      workshop({ diskImages: [aDiskImage({ ...waiting, ...overrides }), READY], pauses });
    expect([orders(at({})), notesOf(plan(at({})))]).toEqual([
      [],
      ['disk image ubuntu: paused since 2026-01-15T12:00:00.000Z'],
    ]);
    expect(orders(at({ startedAt: ago(1000) }))).toEqual([]);
    expect(orders(at({ reason: 'operator' }))).toEqual(['make-disk-image disk-image:6: next-step (diskImageId 6)']);
  });

  it('that nobody here can make says what it waits for', () => {
    const workless = { ...WORKSHOP, directory: null, problem: 'the configuration has no images-dir' };
    const world = workshop({ diskImages: [waiting, READY], workshop: workless });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [],
      ['disk image ubuntu: its build waits for a daemon that builds; not here: the configuration has no images-dir'],
    ]);
    // Where others may build, too, this daemon has nothing to say.
    expect(
      notesOf(plan(workshop({ diskImages: [waiting, READY], leases: new Set(['supply', 'provider:cloud']) }))),
    ).toEqual([]);
  });

  it('of the original is looked at for its files, where its path is in our directory', () => {
    const classic = aDiskImage({ id: 6, directory: null, files: null, host: null });
    const images = [UPLOADED, anImage({ image: 'img', id: 2, version: NOW / 1000 })];
    expect(orders(workshop({ diskImages: [classic], images }))).toEqual([
      'inspect-disk-image disk-image:6: next-step (diskImageId 6)',
    ]);
    const other = aDiskImage({ ...classic, id: 7, version: classic.version - 1 });
    expect(orders(workshop({ diskImages: [classic, other], images }))).toHaveLength(1);
    const busy = new Map([['disk-image:6', { until: 'done' }]] as const);
    expect(orders(workshop({ diskImages: [classic, other], images, busy }))).toEqual([]);
    const elsewhere = { ...classic, filename: '/srv/images/ubuntu-1' };
    expect(orders(workshop({ diskImages: [elsewhere], images }))).toEqual([]);
  });
});

describe('old builds', () => {
  const generations = [7, 6, 5].map((id) => aDiskImage({ id, uploads: ['cloud/img'] }));

  it('go when two newer ones are READY', () => {
    expect(orders(workshop({ diskImages: generations }))).toEqual([
      'retire-disk-image disk-image:5: image-outdated (diskImageId 5)',
    ]);
  });

  it('go although nobody could tell what files they have', () => {
    const [newest, before, oldest] = generations;
    const classic = aDiskImage({ ...oldest!, directory: null, files: null });
    expect(orders(workshop({ diskImages: [newest!, before!, classic] }))).toEqual([
      'retire-disk-image disk-image:5: image-outdated (diskImageId 5)',
    ]);
  });

  it('stay while a newer one is not READY yet', () => {
    const [newest, ...others] = generations;
    const diskImages = [aDiskImage({ ...newest!, state: 'building', startedAt: ago(1) }), ...others];
    const busy = new Map([['disk-image:7', { until: 'done' }]] as const);
    expect(orders(workshop({ diskImages, busy }))).toEqual([]);
  });

  it('stay while they are being uploaded', () => {
    const upload = anImage({ id: 9, image: 'img', state: 'building', diskImageId: 5 });
    const busy = new Map([['image:9', { until: 'done' }]] as const);
    expect(orders(workshop({ diskImages: generations, images: [UPLOADED, upload], busy }))).toEqual([]);
  });

  it('go with their disk image when that leaves the configuration', () => {
    const config = { ...configWith(), diskimages: new Map() };
    expect(orders(workshop({ config }))).toContain('retire-disk-image disk-image:5: image-removed (diskImageId 5)');
  });
});

describe('a build that is to be deleted', () => {
  const doomed = aDiskImage({ id: 4, state: 'delete', reason: 'operator' });
  const deletion = (build: typeof doomed, overrides: Partial<World> = {}): string[] =>
    orders(workshop({ diskImages: [READY, build], ...overrides }));

  it('loses its files and its row to the daemon that has its directory', () => {
    expect(deletion(doomed)).toEqual(['remove-disk-image disk-image:4: deleted (diskImageId 4, hasFiles true)']);
  });

  it('waits for that daemon elsewhere, and the pool says so', () => {
    const world = workshop({ diskImages: [READY, { ...doomed, directory: 'elsewhere' }] });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [],
      [
        `disk image ubuntu: build 4 waits for its deletion by a daemon that has its files, ${doomed.filename} on host builder`,
      ],
    ]);
  });

  it('loses its row anyway when an operator insists, or when it never had files', () => {
    const forced = { ...doomed, directory: 'elsewhere', reason: 'forced' };
    expect(deletion(forced)).toEqual(['remove-disk-image disk-image:4: forced (diskImageId 4, hasFiles false)']);
    const unbegun = { ...doomed, directory: null, filename: null };
    expect(deletion(unbegun)).toEqual(['remove-disk-image disk-image:4: deleted (diskImageId 4, hasFiles false)']);
  });
});

describe('the images directory', () => {
  it('is swept when the clean-up fires', () => {
    const memory = {
      ...EMPTY_MEMORY,
      cron: { lookedAt: ago(minutes(2)), firedAt: { imageUpdate: null, cleanup: null, check: null } },
    };
    expect(orders(workshop({ memory }))).toContain('sweep-images-directory images-directory: cleanup-due');
    expect(orders(workshop())).toEqual([]);
  });

  it('has an image waiting say on which host the files are, when no daemon here has them', () => {
    const away = aDiskImage({ id: 5, directory: 'elsewhere', host: 'builder-2' });
    const world = workshop({ diskImages: [away], images: [] });
    expect(notesOf(plan(world))).toEqual([
      'image img at cloud: waits for the upload of disk image ubuntu by the daemon that has its files on host builder-2',
    ]);
  });

  it('does not have files built again that lack nothing', () => {
    const both = aDiskImage({ ...READY, files: [anImageFile(), anImageFile({ format: 'vhd' })] });
    expect(orders(workshop({ config: configWith({ formats: ['qcow2', 'vhd'] }), diskImages: [both] }))).toEqual([]);
  });
});
