/**
 * Keeps this daemon's leases. Whoever holds a lease acts; one that was not renewed in time is not held, whatever
 * the database may say later, and what runs under it is aborted.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Lease, Store } from '../store/store.ts';
import { Aborts } from './aborts.ts';

/** A lease runs out this long after its last renewal: the longest time that a dead daemon's work lies idle. */
export const LEASE_TTL_MS = 15_000;
const RENEW_EVERY_MS = LEASE_TTL_MS / 3;
/** Who lacks a lease looks this often whether it can be had, so that a dead daemon's work is taken over in time. */
const LOOK_EVERY_MS = 1000;
/** Acting stops this long before a lease runs out, so that clocks may differ a little. */
const SAFETY_MS = 2000;

export interface LeaseKeeperDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly holder: string;
  readonly isVacant: (lease: Lease) => boolean;
}

export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  #leases: ReadonlyMap<string, Lease> = new Map();
  #kept = { names: '', at: 0, forMs: 0 };
  readonly #losses = new Aborts();
  readonly #takeovers = new Aborts();
  #expiryWatch = new AbortController();

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
  }

  /** Renews and takes leases when that is due. Rejects when the database does not answer. */
  async keep(names: readonly string[]): Promise<void> {
    const { store, clock, holder, isVacant } = this.#deps;
    const key = names.join('\n');
    const now = clock.now();
    // Either way: once the clock was set back, others see our leases as run out.
    if (key === this.#kept.names && Math.abs(now - this.#kept.at) < this.#kept.forMs) return;
    const renewed = await store.leases.keep(holder, names, LEASE_TTL_MS, isVacant);
    const before = this.held();
    this.#leases = renewed;
    this.#report(before, names);
    this.#takeovers.abortAllBut(renewed);
    this.#kept = { names: key, at: now, forMs: renewed.size < names.length ? LOOK_EVERY_MS : RENEW_EVERY_MS };
    this.#watchExpiry();
  }

  /** Leases held now, by name. Losing one aborts what runs under it. */
  held(): ReadonlyMap<string, Lease> {
    const now = this.#deps.clock.now();
    const late = [...this.#leases.values()].filter(({ expiresAt }) => expiresAt - SAFETY_MS <= now);
    if (late.length === 0) return this.#leases;
    const rest = new Map(this.#leases);
    for (const { name } of late) {
      rest.delete(name);
      this.#drop(name, 'it was not renewed in time');
    }
    this.#leases = rest;
    return rest;
  }

  /** Aborts when the lease is lost, or all are given up. */
  signal(name: string): AbortSignal {
    return this.#losses.signal(name);
  }

  /** Aborts only when another daemon has taken the lease, or all are given up: not while it has just run out. */
  takeoverSignal(name: string): AbortSignal {
    return this.#takeovers.signal(name);
  }

  /** Aborts everything that still runs and gives up all leases. */
  async release(): Promise<void> {
    this.#expiryWatch.abort();
    this.#leases = new Map();
    this.#kept = { names: '', at: 0, forMs: 0 };
    this.#losses.abortAllBut(this.#leases);
    this.#takeovers.abortAllBut(this.#leases);
    await this.#deps.store.leases.release(this.#deps.holder);
  }

  #report(before: ReadonlyMap<string, Lease>, names: readonly string[]): void {
    for (const name of before.keys()) {
      if (this.#leases.has(name)) continue;
      this.#drop(name, names.includes(name) ? 'another daemon holds it' : 'it is not needed any more');
    }
    for (const name of this.#leases.keys()) if (!before.has(name)) this.#deps.log.info({ lease: name }, 'lease taken');
  }

  #drop(name: string, why: string): void {
    this.#deps.log.warn({ lease: name }, `lease lost: ${why}`);
    this.#losses.abort(name);
  }

  /** Looks again when the leases run out: a pass that hangs at the database must not keep effects going. */
  #watchExpiry(): void {
    this.#expiryWatch.abort();
    this.#expiryWatch = new AbortController();
    const { signal } = this.#expiryWatch;
    const { clock } = this.#deps;
    const firstEnd = Math.min(...[...this.#leases.values()].map(({ expiresAt }) => expiresAt));
    if (firstEnd === Infinity) return;
    void clock.sleep(firstEnd - SAFETY_MS - clock.now(), signal).then(() => {
      if (!signal.aborted) this.held();
    });
  }
}
