/** Questions that planners ask a listing. Its index is built once per listing, however many passes use it. */
import type { CloudImageId, ServerId } from '../lib/ids.ts';
import type { CloudImage, Server, Tags } from '../providers/provider.ts';
import type { Listing } from './world.ts';

interface Resource {
  readonly id: string;
  readonly tags: Tags | null;
}

interface Index<T> {
  readonly byId: ReadonlyMap<string, T>;
  /** Resources tagged with this installation, by record key; the oldest (first listed) first. */
  readonly byRecord: ReadonlyMap<string, readonly T[]>;
}

// Listings are immutable, so an index belongs to its array for as long as that lives.
const indexes = new WeakMap<readonly Resource[], Index<Resource>>();

function indexOf<T extends Resource>(items: readonly T[], installation: string): Index<T> {
  const known = indexes.get(items);
  if (known !== undefined) return known as Index<T>;
  const byId = new Map<string, T>();
  const byRecord = new Map<string, T[]>();
  for (const item of items) {
    byId.set(item.id, item);
    if (item.tags?.installation !== installation) continue;
    const same = byRecord.get(item.tags.record);
    if (same === undefined) byRecord.set(item.tags.record, [item]);
    else same.push(item);
  }
  const index: Index<T> = { byId, byRecord };
  indexes.set(items, index);
  return index;
}

/** A listing that can be asked by id and by record; every answer of an unknown one is "not there". */
export interface ListingView<T> {
  /** When it was taken; null: unknown. */
  readonly takenAt: number | null;
  readonly items: readonly T[];
  find(id: ServerId | CloudImageId): T | null;
  /** What carries this installation's tag with that record key, or this id. */
  belongingTo(record: string, id: ServerId | CloudImageId | null): readonly T[];
}

export function viewListing<T extends Server | CloudImage>(listing: Listing<T>, installation: string): ListingView<T> {
  if (!listing.known) return { takenAt: null, items: [], find: () => null, belongingTo: () => [] };
  const { byId, byRecord } = indexOf(listing.items, installation);
  return {
    takenAt: listing.takenAt,
    items: listing.items,
    find: (id) => byId.get(id) ?? null,
    belongingTo: (record, id) => {
      const tagged = byRecord.get(record) ?? [];
      const known = id === null ? undefined : byId.get(id);
      return known === undefined || tagged.includes(known) ? tagged : [known, ...tagged];
    },
  };
}
