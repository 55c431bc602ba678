import { cloudImageId, type CloudImageId } from '../../lib/ids.ts';
import type { CloudImage, Digest, ImageSpec, Tags } from '../provider.ts';
import { phaseAt, type Phase, type Timeline } from './timeline.ts';

/** What a file that was uploaded came to. */
export interface Content {
  readonly bytes: number;
  readonly digest: Digest;
}

/** An image of the fake cloud. */
export interface FakeImage extends Timeline {
  readonly id: CloudImageId;
  readonly name: string;
  /** null: it came with the cloud. */
  readonly tags: Tags | null;
  readonly isSnapshot: boolean;
  /** Infinity: its file is awaited. */
  settledAt: number;
  /** null: it was made of no file, or has not got it yet. */
  content: Content | null;
}

const STATUS = { pending: 'saving', settled: 'active', deleting: 'deleting' } as const satisfies Record<Phase, string>;

/** The image as a listing shows it. */
export function renderImage(image: FakeImage, time: number): CloudImage {
  const phase = phaseAt(image, time);
  const { id, name, tags, isSnapshot, content } = image;
  const { bytes, digest } = content ?? { bytes: null, digest: null };
  return Object.freeze({ id, name, status: phase ? STATUS[phase] : 'unknown', tags, isSnapshot, bytes, digest });
}

/** The one image that a new cloud has, as in the original's fake. */
export function baseImage(): FakeImage {
  const times = { createdAt: -Infinity, settledAt: -Infinity, deletedAt: Infinity, goneAt: Infinity };
  const id = cloudImageId('fake-image-id');
  return { id, name: 'Fake Precise', tags: null, isSnapshot: false, content: null, ...times };
}

/** An image made at `now`; it is active from `settledAt` on. */
export function newImage(
  { name, tags }: ImageSpec,
  made: Pick<FakeImage, 'id' | 'isSnapshot' | 'createdAt' | 'settledAt'>,
): FakeImage {
  return { name, tags, content: null, deletedAt: Infinity, goneAt: Infinity, ...made };
}
