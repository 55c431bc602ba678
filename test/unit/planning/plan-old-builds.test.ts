import { expect, it } from 'vitest';
import { plan } from '../../../src/planning/plan.ts';
import {
  aConfig,
  aDiskImage,
  aDiskimageConfig,
  aLabel,
  anImage,
  aProvider,
  aProviderImage,
  IMAGES_DIRECTORY_ID,
  IMAGES_DIRECTORY_PATH,
} from '../../support/builders.ts';
import { ago, IMAGE, minutes, orders, situation } from '../../support/planned.ts';

/** The original deleted images that had been in one state for eight hours, those that were being built too. */
const LONG_AGO = ago(minutes(20 * 60));

it('a build of a disk image that is under way is not given up for its age: its own limit ends it', () => {
  const source = { kind: 'diskimage', diskimage: 'ubuntu' } as const;
  const build = aDiskImage({ id: 5, state: 'building', stateAt: LONG_AGO, createdAt: LONG_AGO, startedAt: LONG_AGO });
  const world = situation({
    config: aConfig({
      labels: [aLabel({ minReady: 0, image: 'img' })],
      providers: [aProvider({ images: new Map([['img', aProviderImage({ name: 'img', source })]]) })],
      diskimages: [aDiskimageConfig()],
    }),
    workshop: {
      directory: { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH },
      problem: null,
      workers: { builds: 1, uploads: 1 },
    },
    leases: new Set(['supply', 'provider:cloud', `images:${IMAGES_DIRECTORY_ID}`, 'diskimage:ubuntu']),
    images: [],
    diskImages: [build],
    busy: new Map([['disk-image:5', { until: 'done' }]]),
  });
  expect(orders(world)).toEqual([]);
});

it('a build of a snapshot that is under way is not given up for its age: each of its steps has a limit', () => {
  const build = anImage({ id: 2, state: 'building', stateAt: LONG_AGO, createdAt: LONG_AGO });
  const world = situation({ images: [IMAGE, build], busy: new Map([['image:2', { until: 'done' }]]) });
  expect(plan(world).actions).toEqual([]);
});
