/** Builds of disk images, pauses and workshops for random worlds. */
import fc from 'fast-check';
import type { DiskImageRecord, PauseRecord } from '../../src/lifecycle/records.ts';
import type { Workshop } from '../../src/planning/world.ts';
import { aDiskImage, anImageFile, aPause, IMAGES_DIRECTORY_ID, IMAGES_DIRECTORY_PATH, NOW } from './builders.ts';
import { maybe, recently } from './random-times.ts';

export const PROVIDERS = ['alpha', 'beta', 'gamma'] as const;
/** Provider images, and the disk images that they may be made of. */
export const IMAGES = ['ubuntu', 'debian'] as const;
export const DISK_IMAGES = ['ubuntu', 'd'] as const;

const DIRECTORY = { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH };
const FILES = ['qcow2', 'vhd'].map((format) => anImageFile({ format }));

/** Builds: here, elsewhere, of the original in our directory and in another one; begun or not. */
const aDiskImageDraft = fc.record({
  image: fc.constantFrom(...DISK_IMAGES, ...DISK_IMAGES, ...DISK_IMAGES, 'removed'),
  state: fc.constantFrom('building', 'ready', 'ready', 'ready', 'delete'),
  version: fc.constantFrom(1, 2, 3, 4, NOW / 1000 - 9 * 3600, NOW / 1000 - 7200, NOW / 1000 - 7200, NOW / 1000 - 60),
  place: fc.constantFrom(
    'here',
    'here',
    'here',
    'here',
    'here',
    'elsewhere',
    'classic',
    'classic-elsewhere',
    'nowhere',
  ),
  startedAt: maybe(recently),
  files: fc.constantFrom([FILES[0]!], [FILES[0]!], FILES, FILES.slice(1), null),
  uploads: fc.subarray(PROVIDERS.flatMap((provider) => IMAGES.map((image) => `${provider}/${image}`))),
  reason: fc.constantFrom('image-missing', 'operator', 'forced'),
});
const PLACES = {
  here: { directory: DIRECTORY.id, filename: `${DIRECTORY.path}/x` },
  elsewhere: { directory: 'other', filename: '/srv/x' },
  classic: { directory: null, filename: `${DIRECTORY.path}/x` },
  'classic-elsewhere': { directory: null, filename: '/srv/x' },
  nowhere: { directory: null, filename: null },
} as const;

/** Without an id of its own. */
export const aRandomBuild: fc.Arbitrary<DiskImageRecord> = aDiskImageDraft.map(({ place, ...fields }) => {
  const isNew = fields.state === 'building';
  const where = PLACES[isNew && fields.startedAt === null ? 'nowhere' : place];
  return aDiskImage({ id: 0, ...fields, ...where, files: isNew ? null : fields.files });
});

export const aRandomPause: fc.Arbitrary<PauseRecord> = fc
  .record({ image: fc.constantFrom(...IMAGES, 'd'), provider: maybe(fc.constantFrom(...PROVIDERS)) })
  .map(aPause);

export const aWorkshop: fc.Arbitrary<Workshop> = fc
  .record({
    hasDirectory: fc.constantFrom(true, true, true, false),
    builds: fc.integer({ min: 1, max: 2 }),
    uploads: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ hasDirectory, ...workers }) => ({
    directory: hasDirectory ? DIRECTORY : null,
    problem: hasDirectory ? null : 'the configuration has no images-dir',
    workers,
  }));
