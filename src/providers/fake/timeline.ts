/**
 * The life of a resource in the fake cloud, as epoch milliseconds that are settled when it is made and when it is
 * deleted. What it is at any moment follows by comparison, so the cloud needs no timers.
 */
export interface Timeline {
  readonly createdAt: number;
  /** Booted, or saved. */
  readonly settledAt: number;
  /** Deletion accepted; Infinity: never. */
  deletedAt: number;
  /** Deletion done; Infinity: never. */
  goneAt: number;
}

export type Phase = 'pending' | 'settled' | 'deleting';

/** The phase at `time`; null before it was made and when it is gone. */
export function phaseAt(resource: Timeline, time: number): Phase | null {
  if (time < resource.createdAt || time >= resource.goneAt) return null;
  if (time >= resource.deletedAt) return 'deleting';
  return time >= resource.settledAt ? 'settled' : 'pending';
}

/** When it changes for the last time, as far as is known now. */
export function lastChangeAt(resource: Timeline): number {
  return Number.isFinite(resource.goneAt) ? resource.goneAt : resource.settledAt;
}

/** Accepts the deletion of a resource; answers whether it is the first. */
export function startDeletion(resource: Timeline, now: number, takesMs: number): boolean {
  if (Number.isFinite(resource.deletedAt)) return false;
  resource.deletedAt = now;
  resource.goneAt = now + takesMs;
  return true;
}
