/** Reading and changing single records, with sentences for what is not possible. */
import { NodepoolError } from '../lib/errors.ts';
import type { DiskImageRecord, ImageRecord, NodeRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';

/** Somebody else may move the same row at the same time, but hardly this often in a row. */
export const MAX_TRIES = 5;

export async function findNode(store: Store, id: number): Promise<NodeRecord | null> {
  const { nodes } = await store.readPool();
  return nodes.find((node) => node.id === id) ?? null;
}

export async function findImage(store: Store, id: number): Promise<ImageRecord | null> {
  const { images } = await store.readPool();
  return images.find((image) => image.id === id) ?? null;
}

export async function findDiskImage(store: Store, id: number): Promise<DiskImageRecord | null> {
  const { diskImages } = await store.readPool();
  return diskImages.find((image) => image.id === id) ?? null;
}

export interface Change<T> {
  /** What is changed, for sentences: `node 7`. */
  readonly subject: string;
  /** The record, where it has been read already, as among many. */
  readonly record?: T;
  /** Reads it, and again after somebody else was faster; null: there is none. */
  readonly find: () => Promise<T | null>;
  /**
   * Tries one compare-and-set. Answers the record as it is now, or null when somebody else was faster. Throws
   * `refused` when the state of the record forbids the change.
   */
  readonly attempt: (record: T) => Promise<T | null>;
}

/** Changes a record, trying again on fresh facts whenever somebody else was faster. Throws `not-found` and `refused`. */
export async function changeRecord<T>({ subject, record: first, find, attempt }: Change<T>): Promise<T> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const record = (tries === 0 ? first : undefined) ?? (await find());
    if (record === null) throw new NodepoolError('not-found', `there is no ${subject}`);
    const changed = await attempt(record);
    if (changed !== null) return changed;
  }
  throw new NodepoolError('refused', `${subject} is changed by others all the time; try again`);
}

/** `1`, `1 or 2`, `1, 2 or 3`. */
export function joinWithOr(parts: readonly (string | number)[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} or ${parts.at(-1)}`;
}
