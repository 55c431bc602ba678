import { describe, expect, it } from 'vitest';
import type { DiskImageRecord, ImageRecord } from '../../../src/lifecycle/records.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import {
  aConfig,
  aDiskImage,
  aLabel,
  anImage,
  anImageFile,
  aPause,
  aProvider,
  aProviderImage,
  imagesNamed,
  IMAGES_DIRECTORY_ID,
  IMAGES_DIRECTORY_PATH,
  NOW,
} from '../../support/builders.ts';
import { notesOf, orders, situation } from '../../support/planned.ts';

const DIRECTORY = { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH };
const WORKSHOP = { directory: DIRECTORY, problem: null, workers: { builds: 1, uploads: 2 } };
const LEASES = ['supply', `images:${IMAGES_DIRECTORY_ID}`, 'diskimage:ubuntu'];

const IMAGES = new Map([['img', aProviderImage({ name: 'img', source: { kind: 'diskimage', diskimage: 'ubuntu' } })]]);

/** Providers of which `a` wants qcow2 and `b` vhd. */
const CONFIG = aConfig({
  labels: [aLabel({ minReady: 0, image: 'img', providers: ['a', 'b'] })],
  providers: [aProvider({ name: 'a', images: IMAGES }), aProvider({ name: 'b', images: IMAGES, imageType: 'vhd' })],
});

const FILES = [anImageFile(), anImageFile({ format: 'vhd' })];
const BUILD = aDiskImage({ id: 5, files: FILES });

function uploaded(provider: string, overrides: Partial<ImageRecord> = {}): ImageRecord {
  return anImage({ provider, image: 'img', diskImageId: 5, ...overrides });
}

/** A daemon that has the files and acts on no cloud, as a builder does. */
function builder(
  images: readonly ImageRecord[],
  diskImages: readonly DiskImageRecord[],
  overrides: Partial<World> = {},
): World {
  return situation({ config: CONFIG, workshop: WORKSHOP, leases: new Set(LEASES), images, diskImages, ...overrides });
}

const upload = (provider: string, reason: string, build = 5): string =>
  `open-upload build:${provider}/img: ${reason} (diskImageId ${build})`;

describe('an upload', () => {
  it('is ordered for each provider that has no READY image', () => {
    expect(orders(builder([], [BUILD]))).toEqual([upload('a', 'image-missing'), upload('b', 'image-missing')]);
    expect(orders(builder([uploaded('a')], [{ ...BUILD, uploads: ['a/img'] }]))).toEqual([
      upload('b', 'image-missing'),
    ]);
  });

  it('is ordered for each provider when a newer build is READY', () => {
    const before = aDiskImage({ id: 4, files: FILES, uploads: ['a/img', 'b/img'] });
    const images = [uploaded('a', { diskImageId: 4 }), uploaded('b', { diskImageId: 4 })];
    expect(orders(builder(images, [BUILD, before]))).toEqual([upload('a', 'new-build'), upload('b', 'new-build')]);
  });

  it('takes the newest build that has a file of the format that the provider wants', () => {
    const newest = aDiskImage({ id: 6, uploads: ['a/img'] });
    expect(orders(builder([uploaded('a', { diskImageId: 6 })], [newest, BUILD]))).toContain(
      upload('b', 'image-missing'),
    );
  });

  it('is not ordered twice: neither while one is under way nor when its image is there', () => {
    const underWay = uploaded('a', { id: 9, state: 'building' });
    const world = builder([underWay, uploaded('b')], [{ ...BUILD, uploads: ['b/img'] }]);
    expect(orders(world)).toEqual(['upload-image image:9: next-step (diskImageId 5)']);
  });

  it('is not repeated for a build whose image an operator deleted while the one before it is there', () => {
    const before = aDiskImage({ id: 4, files: FILES, uploads: ['a/img', 'b/img'] });
    const images = [uploaded('a', { diskImageId: 4 }), uploaded('b')];
    expect(orders(builder(images, [{ ...BUILD, uploads: ['a/img', 'b/img'] }, before]))).toEqual([]);
  });

  it('is not repeated for a build whose image was withdrawn', () => {
    const withdrawn = uploaded('a', { withdrawnAt: NOW });
    expect(orders(builder([withdrawn, uploaded('b')], [{ ...BUILD, uploads: ['a/img', 'b/img'] }]))).toEqual([]);
  });

  it('takes the build before it when the images of newer ones were withdrawn and no other is left', () => {
    const before = aDiskImage({ id: 4, files: FILES, uploads: ['a/img', 'b/img'] });
    const newest = { ...BUILD, uploads: ['a/img', 'b/img'] };
    const withdrawn = uploaded('a', { withdrawnAt: NOW });
    expect(orders(builder([withdrawn, uploaded('b')], [newest, before]))).toEqual([upload('a', 'image-missing', 4)]);
    const back = uploaded('a', { diskImageId: 4, version: NOW / 1000 });
    expect(orders(builder([withdrawn, back, uploaded('b')], [newest, before]))).toEqual([]);
  });

  it('of an older build does not take the place of a newer one from another directory', () => {
    const elsewhere = aDiskImage({ id: 6, directory: 'elsewhere', files: FILES, uploads: ['a/img', 'b/img'] });
    const images = [uploaded('a', { diskImageId: 6 }), uploaded('b', { diskImageId: 6 })];
    expect(orders(builder(images, [elsewhere, BUILD]))).toEqual([]);
    // Not even when the row of the newer one is gone.
    expect(
      orders(
        builder(
          images.map((row) => ({ ...row, version: BUILD.version + 1 })),
          [BUILD],
        ),
      ),
    ).toEqual([]);
    // Where nothing is there the older one is better than nothing.
    expect(orders(builder([images[0]!], [elsewhere, BUILD]))).toEqual([upload('b', 'image-missing')]);
  });

  it('of a newer build is due although the image of the older one was uploaded after it was begun', () => {
    const before = aDiskImage({ id: 4, files: FILES, uploads: ['a/img', 'b/img'] });
    const late = ['a', 'b'].map((provider) => uploaded(provider, { diskImageId: 4, version: BUILD.version + 100 }));
    expect(orders(builder(late, [BUILD, before]))).toEqual([upload('a', 'new-build'), upload('b', 'new-build')]);
  });

  it('is due when the provider image is made of another disk image by now', () => {
    const other = aDiskImage({ id: 9, image: 'fedora', version: BUILD.version + 500 });
    const images = ['a', 'b'].map((provider) => uploaded(provider, { diskImageId: 9 }));
    expect(orders(builder(images, [{ ...other, state: 'ready', uploads: ['a/img', 'b/img'] }, BUILD]))).toEqual(
      expect.arrayContaining([upload('a', 'new-build'), upload('b', 'new-build')]),
    );
  });

  describe('when the provider image is made again of a disk image that it was made of before', () => {
    const fedora = aDiskImage({ id: 9, image: 'fedora', version: BUILD.version + 500, uploads: ['a/img'] });
    const meanwhile = uploaded('a', { diskImageId: 9, version: fedora.version + 100 });
    const before = uploaded('a', { version: BUILD.version + 100 });
    const again = (...rows: readonly ImageRecord[]): string[] =>
      orders(builder([...rows, uploaded('b')], [fedora, { ...BUILD, uploads: ['a/img', 'b/img'] }])).filter((line) =>
        line.startsWith('open-upload'),
      );

    it('is repeated: nodes would go on booting from the other one', () => {
      expect(again(meanwhile, before)).toEqual([upload('a', 'new-build')]);
      expect(again(meanwhile)).toEqual([upload('a', 'new-build')]);
      expect(again(meanwhile, before, uploaded('a', { version: meanwhile.version + 100 }))).toEqual([]);
    });

    it('is repeated after a snapshot, too', () => {
      const snapshot = uploaded('a', { diskImageId: null, version: meanwhile.version });
      expect(again(snapshot, before)).toEqual([upload('a', 'new-build')]);
    });

    it('is not repeated where an operator has gone back to the other one', () => {
      expect(again(meanwhile, { ...before, withdrawnAt: NOW })).toEqual([]);
      expect(again({ ...meanwhile, version: BUILD.version - 100 })).toEqual([]);
    });
  });

  it('is not made of an image of the original that is newer than the build', () => {
    const classic = uploaded('a', { diskImageId: null, version: BUILD.version + 10, attempt: 0 });
    expect(orders(builder([classic, uploaded('b')], [{ ...BUILD, uploads: ['b/img'] }]))).toEqual([]);
  });

  it('is left to the daemon that has the files', () => {
    expect(orders(builder([], [aDiskImage({ ...BUILD, directory: 'elsewhere' })]))).toEqual([]);
    expect(orders(builder([], [BUILD], { leases: new Set(['supply', 'diskimage:ubuntu']) }))).toEqual([]);
  });

  it('waits while its image is paused at that provider, and says so', () => {
    const world = builder([], [BUILD], { pauses: [aPause({ image: 'img', provider: 'a', at: NOW })] });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [upload('b', 'image-missing')],
      ['image img at a: paused since 2026-01-15T12:00:00.000Z'],
    ]);
  });

  it('rests after failures at one provider, while others go on', () => {
    const place = { kind: 'build', provider: 'b', image: 'img', az: null, count: 3, lastAt: NOW - 1 } as const;
    const world = builder([], [BUILD], { failures: [{ ...place, lastError: 'HTTP 500', retryAt: NOW + 1000 }] });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [upload('a', 'image-missing')],
      ['image img at b: not uploaded again before 2026-01-15T12:00:01.000Z after 3 failures: HTTP 500'],
    ]);
  });
});

describe('uploads under way', () => {
  const rows = ['a', 'b', 'c'].map((provider, index) => uploaded(provider, { id: 10 + index, state: 'building' }));
  const config = aConfig({
    labels: [aLabel({ minReady: 0, image: 'img', providers: ['a', 'b', 'c'] })],
    providers: ['a', 'b', 'c'].map((name) => aProvider({ name, images: IMAGES })),
  });

  it('are as many as there are workers', () => {
    const world = builder(rows, [BUILD], { config });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      ['upload-image image:10: next-step (diskImageId 5)', 'upload-image image:11: next-step (diskImageId 5)'],
      ['image img at c: waits for its turn: 2 uploads are running'],
    ]);
    const busy = new Map([['image:10', { until: 'done' }]] as const);
    expect(orders({ ...world, busy })).toEqual(['upload-image image:11: next-step (diskImageId 5)']);
  });

  it('to one provider leave a worker to the others, and go there first where little is sent', () => {
    const images = new Map(['x', 'y', 'z'].map((name) => [name, { ...aProviderImage(IMAGES.get('img')), name }]));
    const many = aConfig({
      labels: [],
      providers: [aProvider({ name: 'slow', images }), aProvider({ name: 'b', images })],
    });
    const slow = ['x', 'y', 'z'].map((image, index) => uploaded('slow', { id: 20 + index, image, state: 'building' }));
    const other = uploaded('b', { id: 30, image: 'x', state: 'building' });
    const world = builder([...slow, other], [BUILD], { config: many });
    const three = { ...world, workshop: { ...WORKSHOP, workers: { builds: 1, uploads: 3 } } };
    expect(orders(three).filter((line) => line.startsWith('upload'))).toEqual([
      'upload-image image:20: next-step (diskImageId 5)',
      'upload-image image:21: next-step (diskImageId 5)',
      'upload-image image:30: next-step (diskImageId 5)',
    ]);
    expect(notesOf(plan(three))).toEqual(['image z at slow: waits for its turn: 2 uploads to slow are running']);
    const busy = new Map([['image:20', { until: 'done' }]] as const);
    expect(orders({ ...world, busy }).filter((line) => line.startsWith('upload'))).toEqual([
      'upload-image image:30: next-step (diskImageId 5)',
    ]);
  });

  it('end when their build is gone', () => {
    const leases = new Set(['provider:a', ...LEASES]);
    const underWay = uploaded('a', { id: 10, state: 'building' });
    const end = 'retire-image image:10: files-missing';
    expect(orders(builder([underWay, uploaded('b')], [], { leases }))).toEqual([
      end,
      'open-disk-image disk-build:ubuntu: image-missing',
    ]);
    const doomed = aDiskImage({ ...BUILD, state: 'delete', uploads: ['b/img'] });
    expect(orders(builder([underWay, uploaded('b')], [doomed], { leases }))).toContain(end);
  });

  it('of a host that is gone do not stand in the way of a newer build from another one for ever', () => {
    const leases = new Set(['provider:a', ...LEASES]);
    const far = aDiskImage({ id: 4, directory: 'elsewhere', files: FILES, uploads: ['b/img'] });
    const at = (saveAt: number, newest = BUILD) => {
      const forsaken = uploaded('a', { id: 10, diskImageId: 4, state: 'building', saveAttempt: 1, saveAt });
      const images = [forsaken, uploaded('b')];
      return orders(builder(images, [{ ...newest, uploads: ['b/img'] }, far], { leases }));
    };
    const hours = 3_600_000;
    expect(at(NOW - 6 * hours)).toEqual(['retire-image image:10: save-timeout']);
    expect(at(NOW - 6 * hours + 1)).toEqual([]);
    // Where the newer one is in the same place, whoever goes on with the older one gets to it.
    expect(at(NOW - 6 * hours, { ...BUILD, directory: 'elsewhere' })).toEqual([]);
  });

  it('of a build that is to be deleted are not gone on with by who has the files but does not act on the cloud', () => {
    const doomed = aDiskImage({ ...BUILD, state: 'delete', uploads: ['b/img'] });
    const images = [uploaded('a', { id: 10, state: 'building' }), uploaded('b')];
    expect(orders(builder(images, [doomed]))).not.toContain('upload-image image:10: next-step (diskImageId 5)');
  });

  it('end when their provider wants another format by now, or no upload at all', () => {
    const leases = new Set(['provider:a', ...LEASES]);
    const underWay = uploaded('a', { id: 10, state: 'building' });
    const others = [uploaded('b')];
    const build = aDiskImage({ id: 5, uploads: ['b/img'] });
    const at = (overrides: Parameters<typeof aProvider>[0]) => {
      const providers = [aProvider({ name: 'a', images: IMAGES, ...overrides }), CONFIG.providers.get('b')!];
      const labels = [aLabel({ minReady: 0, image: 'img', providers: ['a'] })];
      const world = builder([underWay, ...others], [build], { config: aConfig({ labels, providers }), leases });
      return orders(world).filter((line) => line.includes('image:10'));
    };
    expect(at({})).toEqual(['upload-image image:10: next-step (diskImageId 5)']);
    expect(at({ imageType: 'raw' })).toEqual(['retire-image image:10: format-missing (counts)']);
    expect(at({ images: imagesNamed('img') })).toEqual(['retire-image image:10: image-removed (counts)']);
  });

  it('that another configuration ends count as failures: whoever has the former one waits before it begins anew', () => {
    const leases = new Set(['provider:a', 'supply']);
    const labels = [aLabel({ minReady: 0, image: 'img', providers: ['a'] })];
    const underWay = uploaded('a', { id: 10, state: 'building' });
    for (const changed of [{ images: imagesNamed('img') }, { imageType: 'raw' }]) {
      const config = aConfig({ labels, providers: [aProvider({ name: 'a', images: IMAGES, ...changed })] });
      const world = (row: ImageRecord) => builder([row], [BUILD], { config, leases });
      expect(plan(world(underWay)).actions[0]).toMatchObject({ kind: 'retire-image', isFailure: true });
    }
    const gone = plan(builder([underWay], [], { leases })).actions;
    expect(gone).toMatchObject([{ kind: 'retire-image', reason: 'files-missing', isFailure: false }]);
  });

  it('wait while their image is paused, unless they have begun or an operator asked for them', () => {
    const pauses = [aPause({ image: 'img', at: NOW })];
    const at = (overrides: Partial<ImageRecord>) =>
      builder(
        [uploaded('a', { id: 10, state: 'building', ...overrides }), uploaded('b')],
        [{ ...BUILD, uploads: ['b/img'] }],
        {
          pauses,
        },
      );
    const go = ['upload-image image:10: next-step (diskImageId 5)'];
    const world = at({ reason: 'new-build' });
    expect([orders(world), notesOf(plan(world))]).toEqual([
      [],
      ['image img at a: paused since 2026-01-15T12:00:00.000Z'],
    ]);
    expect([orders(at({ reason: 'operator' })), orders(at({ reason: 'new-build', saveAttempt: 1 }))]).toEqual([go, go]);
    expect(orders({ ...world, pauses: [] })).toEqual(go);
  });

  it('of the original, which say nothing of their build, end', () => {
    const leases = new Set(['provider:a', ...LEASES]);
    const classic = uploaded('a', { id: 10, state: 'building', diskImageId: null });
    expect(orders(builder([classic, uploaded('b')], [{ ...BUILD, uploads: ['b/img'] }], { leases }))).toEqual([
      'retire-image image:10: image-failed',
    ]);
  });
});

it('a READY upload is written down with its build, so that a deletion is not undone', () => {
  const images = [uploaded('a'), uploaded('b')];
  expect(orders(builder(images, [{ ...BUILD, uploads: ['a/img'] }]))).toEqual([
    'note-uploads disk-image:5: next-step (diskImageId 5, a/img, b/img)',
  ]);
});
