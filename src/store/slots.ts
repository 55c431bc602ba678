import type { Clock } from '../lib/clock.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Batcher } from './batcher.ts';
import { guardColumns, patchColumns, TABLE_OF } from './columns.ts';
import type { Store } from './store.ts';

/** What rows of all kinds have in common, and those with a server of their own. */
export function createSlots({
  batcher,
  clock,
}: {
  batcher: Batcher;
  clock: Clock;
}): Pick<Store, 'patch' | 'recordAttempt'> {
  return {
    // eslint-disable-next-line max-params -- the contract's: which row, on which condition, what, and its event
    patch: (kind, id, guard, patch, event) =>
      batcher.submit({
        kind: 'update',
        table: TABLE_OF[kind],
        id,
        guard: guardColumns(kind, guard),
        set: patchColumns(kind, patch),
        event,
      }),

    recordAttempt: ({ kind, id }, attempt, patch) =>
      batcher.submit({
        kind: 'update',
        table: TABLE_OF[kind],
        id,
        guard: { state: STATE_CODES.building, attempt },
        // Nobody waits for the set of a node that is being deleted.
        whileNodeBuilds: kind === 'subnode',
        set: { attempt: attempt + 1, attempt_ms: clock.now(), ...patchColumns(kind, patch) },
      }),
  };
}
