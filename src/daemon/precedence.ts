import type { Lease } from '../store/store.ts';
import type { EngineDeps } from './deps.ts';
import { isOfBuilder } from './lease-names.ts';

/** Ends the name of a daemon that was told to leave something undone. */
const PARTIAL = '-partial';

/** Who a daemon is among others. */
export interface Identity {
  readonly holder: string;
  /** Whether it may take a lease although that has not run out. */
  readonly isVacant: (lease: Lease) => boolean;
}

/**
 * A daemon with `--no-launches`, `--no-deletes` or `--no-images` holds leases only as long as no whole daemon wants them:
 * otherwise what it leaves undone would be done by nobody. Alone it does what it may. Of what builders do nothing is left
 * undone, so nobody has precedence there.
 */
export function identityOf({ holder, isDeadHolder, switches, scope }: EngineDeps): Identity {
  const isDead = (lease: Lease): boolean => isDeadHolder(lease.holder);
  const { launches, deletes, images } = switches;
  // A command does its one thing and is gone: it gives way to nobody, and takes nothing from anybody.
  if (scope !== null) return { holder, isVacant: isDead };
  if (!launches || !deletes || !images) return { holder: `${holder}${PARTIAL}`, isVacant: isDead };
  const isYielded = ({ name, holder: other }: Lease): boolean => other.endsWith(PARTIAL) && !isOfBuilder(name);
  return { holder, isVacant: (lease) => isYielded(lease) || isDead(lease) };
}
