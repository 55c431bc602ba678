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
/** Who lacks a lease looks this often whether it can be had, so that a dead daemon's work is taken over in time. */
const LOOK_EVERY_MS = 1000;
/** Acting stops this long before a lease runs out, so that clocks may differ a little. */
const SAFETY_MS = 2000;

export interface LeaseKeeper {
  /** Renews and takes leases when that is due. Rejects when the database does not answer. */
  keep(names: readonly string[]): Promise<void>;
  /** Leases held now, by name. Losing one aborts what runs under it. */
  held(): ReadonlyMap<string, Lease>;
  /** Aborts when the lease is lost, or all are given up. */
  signal(name: string): AbortSignal;
  /** Aborts only when another daemon has taken the lease, or all are given up: not while it has just run out. */
  takeoverSignal(name: string): AbortSignal;
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
  let kept = { at: 0, forMs: 0 };
  let watch = new AbortController();
  const aborts = new Map<string, AbortController>();
  const takeovers = new Map<string, AbortController>();

  function drop(name: string, why: string): void {
    log.warn({ lease: name }, `lease lost: ${why}`);
    aborts.get(name)?.abort();
    aborts.delete(name);
  }

  /** Looks again when the leases run out: a pass that hangs at the database must not keep effects going. */
  function watchExpiry(): void {
    watch.abort();
    watch = new AbortController();
    const { signal } = watch;
    const firstEnd = Math.min(...[...leases.values()].map(({ expiresAt }) => expiresAt));
    if (firstEnd === Infinity) return;
    void clock.sleep(firstEnd - SAFETY_MS - clock.now(), signal).then(() => {
      if (!signal.aborted) held();
    });
  }

  function compare(before: ReadonlyMap<string, Lease>, names: readonly string[]): void {
    for (const name of before.keys()) {
      if (leases.has(name)) continue;
      drop(name, names.includes(name) ? 'another daemon holds it' : 'it is not needed any more');
    }
    for (const name of leases.keys()) if (!before.has(name)) log.info({ lease: name }, 'lease taken');
    for (const [name, takeover] of takeovers) {
      if (leases.has(name)) continue;
      takeover.abort();
      takeovers.delete(name);
    }
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
      const now = clock.now();
      // Either way: once the clock was set back, others see our leases as run out.
      if (key === keptNames && Math.abs(now - kept.at) < kept.forMs) return;
      const renewed = await store.leases.keep(holder, names, LEASE_TTL_MS, isDeadHolder);
      const before = held();
      leases = renewed;
      compare(before, names);
      keptNames = key;
      kept = { at: now, forMs: leases.size < names.length ? LOOK_EVERY_MS : RENEW_EVERY_MS };
      watchExpiry();
    },
    signal: (name) => signalOf(aborts, name),
    takeoverSignal: (name) => signalOf(takeovers, name),
    release: async () => {
      watch.abort();
      for (const abort of [...aborts.values(), ...takeovers.values()]) abort.abort();
      aborts.clear();
      takeovers.clear();
      leases = new Map();
      keptNames = '';
      await store.leases.release(holder);
    },
  };
}

function signalOf(controllers: Map<string, AbortController>, name: string): AbortSignal {
  let controller = controllers.get(name);
  if (controller === undefined) controllers.set(name, (controller = new AbortController()));
  return controller.signal;
}
