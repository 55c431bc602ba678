/**
 * Keeps this daemon's leases. Whoever holds a lease acts; one that was not renewed in time is not held, whatever
 * the database may say later, and what runs under it is aborted.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Lease, Store } from '../store/store.ts';

/** A lease runs out this long after its last renewal: the longest time that a dead daemon's work lies idle. */
export const LEASE_TTL_MS = 15_000;
const RENEW_EVERY_MS = LEASE_TTL_MS / 3;
/** Acting stops this long before a lease runs out, so that clocks may differ a little. */
const SAFETY_MS = 2000;

export interface LeaseKeeper {
  /** Renews and takes leases when that is due. Rejects when the database does not answer. */
  keep(names: readonly string[]): Promise<void>;
  /** Leases held now, by name. Losing one aborts what runs under it. */
  held(): ReadonlyMap<string, Lease>;
  /** Aborts when the lease is lost, or all are given up. */
  signal(name: string): AbortSignal;
  /** Aborts everything that still runs and gives up all leases. */
  release(): Promise<void>;
}

export interface LeaseKeeperDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly holder: string;
  readonly isDeadHolder: (holder: string) => boolean;
}

export function createLeaseKeeper({ store, clock, log, holder, isDeadHolder }: LeaseKeeperDeps): LeaseKeeper {
  let leases: ReadonlyMap<string, Lease> = new Map();
  let keptNames = '';
  let nextKeepAt = 0;
  const aborts = new Map<string, AbortController>();

  function drop(name: string, why: string): void {
    log.warn({ lease: name }, `lease lost: ${why}`);
    aborts.get(name)?.abort();
    aborts.delete(name);
  }

  function held(): ReadonlyMap<string, Lease> {
    const now = clock.now();
    const late = [...leases.values()].filter(({ expiresAt }) => expiresAt - SAFETY_MS <= now);
    if (late.length === 0) return leases;
    const rest = new Map(leases);
    for (const { name } of late) {
      rest.delete(name);
      drop(name, 'it was not renewed in time');
    }
    leases = rest;
    return leases;
  }

  return {
    held,
    keep: async (names) => {
      const key = names.join('\n');
      if (key === keptNames && clock.now() < nextKeepAt) return;
      const before = held();
      const now = clock.now();
      leases = await store.leases.keep(holder, names, LEASE_TTL_MS, isDeadHolder);
      for (const name of before.keys()) if (!leases.has(name)) drop(name, 'another daemon holds it');
      for (const name of leases.keys()) if (!before.has(name)) log.info({ lease: name }, 'lease taken');
      keptNames = key;
      nextKeepAt = now + RENEW_EVERY_MS;
    },
    signal: (name) => {
      let abort = aborts.get(name);
      if (abort === undefined) aborts.set(name, (abort = new AbortController()));
      return abort.signal;
    },
    release: async () => {
      for (const abort of aborts.values()) abort.abort();
      aborts.clear();
      leases = new Map();
      keptNames = '';
      await store.leases.release(holder);
    },
  };
}
