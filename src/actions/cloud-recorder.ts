import type { Accessory, CloudImage, CloudLimits, Server } from '../providers/provider.ts';

/** What clouds list, by the kind of the listing. */
export interface Listed {
  readonly servers: Server;
  readonly images: CloudImage;
  readonly accessories: Accessory;
}

export type ListingKind = keyof Listed;

/** Takes down what a cloud answered, for the next pass to plan on. */
export interface CloudRecorder {
  recordListing<K extends ListingKind>(
    provider: string,
    kind: K,
    listing: { takenAt: number; items: readonly Listed[K][] },
  ): void;
  /** It was deleted, or could not be, since its listing was taken: it counts as gone until the next one. */
  dropAccessory(provider: string, accessory: Pick<Accessory, 'kind' | 'id'>): void;
  /** Something has happened at `at` that a listing of servers is likely to show. */
  hint(provider: string, at: number): void;
  /** The last listing failed: what the cloud holds is unknown until one succeeds. */
  recordFailure(provider: string, kind: ListingKind, failure: { error: string; now: number }): void;
  recordLimits(provider: string, readAt: number, limits: CloudLimits): void;
}
