import { cloudImageId, type CloudImageId } from '../../lib/ids.ts';
import type { CloudImage, Tags } from '../provider.ts';
import { phaseAt, type Phase, type Timeline } from './timeline.ts';

/** An image of the fake cloud. */
export interface FakeImage extends Timeline {
  readonly id: CloudImageId;
  readonly name: string;
  /** null: it came with the cloud. */
  readonly tags: Tags | null;
}

const STATUS = { pending: 'saving', settled: 'active', deleting: 'deleting' } as const satisfies Record<Phase, string>;

/** The image as a listing shows it. */
export function renderImage(image: FakeImage, time: number): CloudImage {
  const phase = phaseAt(image, time);
  const { id, name, tags } = image;
  return Object.freeze({ id, name, tags, status: phase ? STATUS[phase] : 'unknown', isSnapshot: tags !== null });
}

/** The one image that a new cloud has, as in the original's fake. */
export function baseImage(): FakeImage {
  const times = { createdAt: -Infinity, settledAt: -Infinity, deletedAt: Infinity, goneAt: Infinity };
  return { id: cloudImageId('fake-image-id'), name: 'Fake Precise', tags: null, ...times };
}
