/** What planning remembers from one pass to the next. Nothing in it is needed for correctness after a restart. */
export interface Memory {
  /** Newest last; at most 100. */
  readonly rounds: readonly Round[];
  /** Resources that looked ownerless or missing, by key, with the time of the listing that first showed it. */
  readonly sightings: ReadonlyMap<string, number>;
  /** When each cron entry was last looked at, and when it last fired. */
  readonly cron: CronMemory;
}

/** How many nodes each label got that asked for some. */
export type Round = ReadonlyMap<string, number>;

export interface CronMemory {
  readonly lookedAt: number | null;
  readonly firedAt: Readonly<Record<'imageUpdate' | 'cleanup' | 'check', number | null>>;
}

export const EMPTY_MEMORY: Memory = {
  rounds: [],
  sightings: new Map(),
  cron: { lookedAt: null, firedAt: { imageUpdate: null, cleanup: null, check: null } },
};
