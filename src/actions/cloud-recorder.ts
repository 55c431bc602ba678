import type { Accessory, CloudImage, CloudLimits, Server } from '../providers/provider.ts';

export type ListingKind = 'servers' | 'images' | 'accessories';

/** Takes down what a cloud answered, for the next pass to plan on. */
export interface CloudRecorder {
  recordServers(provider: string, takenAt: number, items: readonly Server[]): void;
  recordImages(provider: string, takenAt: number, items: readonly CloudImage[]): void;
  recordAccessories(provider: string, takenAt: number, items: readonly Accessory[]): void;
  /** It was deleted, or could not be, since its listing was taken: it counts as gone until the next one. */
  dropAccessory(provider: string, accessory: Pick<Accessory, 'kind' | 'id'>): void;
  /** Something has happened at `at` that a listing of servers is likely to show. */
  hint(provider: string, at: number): void;
  /** The last listing failed: what the cloud holds is unknown until one succeeds. */
  recordFailure(provider: string, kind: ListingKind, failure: { error: string; now: number }): void;
  recordLimits(provider: string, readAt: number, limits: CloudLimits): void;
}
