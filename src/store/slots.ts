import type { Clock } from '../lib/clock.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Batcher } from './batcher.ts';
import { patchColumns, TABLE_OF, type Columns } from './columns.ts';
import type { Guard, Store } from './store.ts';

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
        guard: guardColumns(guard),
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

/** Columns of facts that are times. */
const TIMES = {
  holdUntil: 'hold_until_ms',
  jobDoneAt: 'done_ms',
  testAt: 'test_ms',
  registerAt: 'register_ms',
  scriptAt: 'script_ms',
  setupAt: 'setup_ms',
} as const;

export function guardColumns({ state, attempt, saveAttempt, heldFrom, ...times }: Guard): Columns {
  const facts = Object.entries(times).map(([fact, at]) => [TIMES[fact as keyof typeof TIMES], at] as const);
  return {
    ...Object.fromEntries(facts),
    ...(heldFrom === undefined ? {} : { held_from: STATE_CODES[heldFrom] }),
    ...(state === undefined ? {} : { state: STATE_CODES[state] }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(saveAttempt === undefined ? {} : { save_attempt: saveAttempt }),
  };
}
