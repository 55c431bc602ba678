/** Whether a daemon is there to do the work. Each one alive holds a lease `daemon:HOLDER`. */
import { NodepoolError } from '../lib/errors.ts';
import type { Lease, Store } from '../store/store.ts';
import type { CliContext } from './context.ts';
import type { Session } from './session.ts';
import { POLL_MS } from './wait.ts';

const PREFIX = 'daemon:';

/** A daemon that has just been started gets this long to announce itself. */
const GRACE_MS = 2000;

type Surroundings = Pick<CliContext, 'clock' | 'findDead'>;

export function isDaemonLease({ name }: Lease): boolean {
  return name.startsWith(PREFIX);
}

/** The leases that somebody holds: neither run out nor held by a process that is known to be dead. */
export async function listLeases(store: Store, { clock, findDead }: Surroundings): Promise<readonly Lease[]> {
  const [leases, isDead] = await Promise.all([store.leases.list(), findDead()]);
  return leases.filter(({ holder, expiresAt }) => expiresAt > clock.now() && !isDead(holder));
}

export async function hasDaemon(store: Store, surroundings: Surroundings): Promise<boolean> {
  return (await listLeases(store, surroundings)).some(isDaemonLease);
}

/** Tells people when no daemon is alive; `consequence` ends the sentence. Answers whether it did. */
export async function warnWithoutDaemon(session: Session, store: Store, consequence: string): Promise<boolean> {
  if (await hasDaemon(store, session.context)) return false;
  session.tell(`no daemon is running; ${consequence}`);
  return true;
}

/** Throws `refused` when no daemon is alive, after a short grace. `what` ends the sentence "no daemon is running to". */
export async function requireDaemon(store: Store, surroundings: Surroundings, what: string): Promise<void> {
  const { clock } = surroundings;
  const until = clock.now() + GRACE_MS;
  while (!(await hasDaemon(store, surroundings))) {
    if (clock.now() >= until) {
      throw new NodepoolError('refused', `no daemon is running to ${what}; start nodepoold first`);
    }
    await clock.sleep(POLL_MS);
  }
}
