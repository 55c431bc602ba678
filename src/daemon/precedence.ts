import type { EngineDeps } from './deps.ts';

/** Ends the name of a daemon that was told to leave something undone. */
const PARTIAL = '-partial';

/**
 * Who a daemon is among others. One with `--no-launches`, `--no-deletes` or `--no-images` holds leases only as long as
 * no whole daemon wants them: otherwise what it leaves undone would be done by nobody. Alone it does what it may.
 */
export function identityOf({
  holder,
  isDeadHolder,
  switches,
  scope,
}: EngineDeps): Pick<EngineDeps, 'holder' | 'isDeadHolder'> {
  const { launches, deletes, images } = switches;
  // A command does its one thing and is gone: it gives way to nobody, and takes nothing from anybody.
  if (scope !== null) return { holder, isDeadHolder };
  if (launches && deletes && images)
    return { holder, isDeadHolder: (other) => other.endsWith(PARTIAL) || isDeadHolder(other) };
  return { holder: `${holder}${PARTIAL}`, isDeadHolder };
}
