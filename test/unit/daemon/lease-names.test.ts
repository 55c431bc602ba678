import { describe, expect, it } from 'vitest';
import type { ActionContext } from '../../../src/actions/context.ts';
import type { EngineDeps } from '../../../src/daemon/deps.ts';
import { isOfBuilder, leaseNames, leaseOf } from '../../../src/daemon/lease-names.ts';
import { cloudImageId } from '../../../src/lib/ids.ts';
import type { Action } from '../../../src/planning/actions.ts';
import type { Switches } from '../../../src/planning/world.ts';
import {
  aConfig,
  aDiskImage,
  aDiskimageConfig,
  anImage,
  aNode,
  aWorld,
  IMAGES_DIRECTORY_ID,
  NOW,
} from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { FakeDiskImages } from '../../support/disk-images.ts';

const CONFIG = aConfig({ diskimages: [aDiskimageConfig(), aDiskimageConfig({ name: 'fedora' })] });

function names(switches: Partial<Switches> = {}, { hasDirectory = true, scope = null as EngineDeps['scope'] } = {}) {
  const diskImages = new FakeDiskImages({ clock: createFakeClock(NOW) });
  diskImages.isUsable = hasDirectory;
  const providers = { entries: () => [['cloud', {}]] } as unknown as EngineDeps['providers'];
  const all = { launches: true, deletes: true, images: true, ...switches };
  return leaseNames({ holder: 'h', scope, providers, diskImages, switches: all } as unknown as EngineDeps, CONFIG);
}

const BUILDER = [`images:${IMAGES_DIRECTORY_ID}`, 'diskimage:ubuntu', 'diskimage:fedora'];

describe('a daemon asks for', () => {
  it('everything, when it does everything', () => {
    expect(names()).toEqual(['daemon:h', 'supply', 'provider:cloud', ...BUILDER]);
  });

  it('nothing of builds where it has no directory, or makes no images', () => {
    const rest = ['daemon:h', 'supply', 'provider:cloud'];
    expect([names({}, { hasDirectory: false }), names({ images: false })]).toEqual([rest, rest]);
  });

  it('no provider when it only builds: what it would leave behind there nobody deletes', () => {
    expect(names({ launches: false, deletes: false })).toEqual(['daemon:h', 'supply', ...BUILDER]);
  });

  it('nothing but to be seen when it does nothing', () => {
    expect(names({ launches: false, deletes: false, images: false })).toEqual(['daemon:h']);
  });

  it('what its command needs, when it is one', () => {
    expect(names({}, { scope: { leases: ['provider:cloud'], accepts: () => true } })).toEqual(['provider:cloud']);
  });
});

it('leases of builders are told from others by their names', () => {
  expect(['supply', 'provider:images:x', ...BUILDER].map(isOfBuilder)).toEqual([false, false, true, true, true]);
});

describe('the lease that an action runs under', () => {
  const diskImages = new FakeDiskImages({ clock: createFakeClock(NOW) });
  const world = aWorld({
    config: CONFIG,
    nodes: [aNode({ id: 1 })],
    images: [anImage({ id: 2, provider: 'cloud' })],
    diskImages: [aDiskImage({ id: 3, image: 'fedora' })],
  });
  const context = { world, diskImages } as unknown as ActionContext;
  const build = 'diskimage:fedora';
  const directory = `images:${IMAGES_DIRECTORY_ID}`;

  it.each<[string, object, string]>([
    ['open-disk-image', { image: 'fedora' }, build],
    ['make-disk-image', { diskImageId: 3 }, build],
    ['retire-disk-image', { diskImageId: 3, detail: null }, build],
    ['inspect-disk-image', { diskImageId: 3 }, directory],
    ['remove-disk-image', { diskImageId: 3, hasFiles: true }, directory],
    ['note-uploads', { diskImageId: 3, uploads: [] }, directory],
    ['sweep-images-directory', {}, directory],
    ['open-upload', { provider: 'cloud', image: 'x', diskImageId: 3 }, directory],
    ['upload-image', { imageId: 2, diskImageId: 3 }, directory],
    ['withdraw-image', { imageId: 2, detail: '' }, 'provider:cloud'],
    ['delete-cloud-image', { imageId: 2, provider: 'cloud', cloudImageIds: [cloudImageId('x')] }, 'provider:cloud'],
    ['finish-image', { imageId: 2 }, 'provider:cloud'],
    ['check-node', { nodeId: 1 }, 'provider:cloud'],
    ['list-images', { provider: 'cloud' }, 'provider:cloud'],
    ['launch-nodes', { launches: [] }, 'supply'],
    ['purge-history', {}, 'supply'],
  ])('%s', (kind, fields, expected) => {
    const action = { kind, subject: 'history', reason: 'next-step', ...fields } as Action;
    expect(leaseOf(action, context)).toBe(expected);
  });
});
