/** What planning remembers from one pass to the next. Nothing in it is needed for correctness after a restart. */
export interface Memory {
  /** Requested and allocated amounts per label, newest round last; at most 100 rounds. */
  readonly rounds: readonly Round[];
  /** Resources that looked ownerless or missing, by key, with the time of the listing that first showed it. */
  readonly sightings: ReadonlyMap<string, number>;
  /** When each cron entry was last looked at, and when it last fired. */
  readonly cron: CronMemory;
}

export type Round = ReadonlyMap<string, { readonly requested: number; readonly allocated: number }>;

export interface CronMemory {
  readonly lookedAt: number | null;
  readonly firedAt: Readonly<Record<'imageUpdate' | 'cleanup' | 'check', number | null>>;
}

export const EMPTY_MEMORY: Memory = {
  rounds: [],
  sightings: new Map(),
  cron: { lookedAt: null, firedAt: { imageUpdate: null, cleanup: null, check: null } },
};
