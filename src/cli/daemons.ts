/** Whether a daemon is there to do the work. Each one alive holds a lease `daemon:HOLDER`. */
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Lease, Store } from '../store/store.ts';
import { POLL_MS } from './wait.ts';

const PREFIX = 'daemon:';

/** A daemon that has just been started gets this long to announce itself. */
const GRACE_MS = 2000;

export function isDaemonLease({ name }: Lease): boolean {
  return name.startsWith(PREFIX);
}

export async function hasDaemon(store: Store, clock: Clock): Promise<boolean> {
  const leases = await store.leases.list();
  return leases.some((lease) => isDaemonLease(lease) && lease.expiresAt > clock.now());
}

/** The same, with a short grace before the answer is no. */
export async function awaitDaemon(store: Store, clock: Clock): Promise<boolean> {
  const until = clock.now() + GRACE_MS;
  while (!(await hasDaemon(store, clock))) {
    if (clock.now() >= until) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/** Throws `refused` when no daemon is alive. `what` ends the sentence "no daemon is running to ...". */
export async function requireDaemon(store: Store, clock: Clock, what: string): Promise<void> {
  if (!(await awaitDaemon(store, clock))) {
    throw new NodepoolError('refused', `no daemon is running to ${what}; start nodepoold first`);
  }
}
