/**
 * Moves and removals of rows. The life-cycle tables hold at run time, too: the type checker refuses illegal moves already;
 * what it cannot see is a mistake of ours, and must not reach the database.
 */
import { toSeconds, type Clock } from '../lib/clock.ts';
import { IMAGE_MOVES } from '../lifecycle/image-states.ts';
import { NODE_MOVES, STATE_CODES, type Mover, type NodeState } from '../lifecycle/node-states.ts';
import type { Batcher } from './batcher.ts';
import { guardColumns, patchColumns, TABLE_OF } from './columns.ts';
import type { Actor, EventInput, Guard, RecordKind } from './store.ts';

type Kind = Exclude<RecordKind, 'subnode'>;
type Moves = Readonly<Record<string, Readonly<Partial<Record<string, Mover>>>>>;

const MOVES: Readonly<Record<Kind, Moves>> = { node: NODE_MOVES, image: IMAGE_MOVES, 'disk-image': IMAGE_MOVES };

/** What the moves of the store have in common. */
interface Move {
  readonly id: number;
  readonly from: NodeState;
  readonly to: NodeState;
  readonly by: Actor;
  readonly guard?: Guard;
  readonly patch?: object;
  readonly event?: EventInput;
}

interface RowMoves {
  /** @throws Error when the table has no such move, or not by this actor */
  move(move: Move): Promise<boolean>;
  remove(id: number, event: EventInput): Promise<boolean>;
}

export function rowMoves(kind: Kind, { batcher, clock }: { batcher: Batcher; clock: Clock }): RowMoves {
  const table = TABLE_OF[kind];
  return {
    move: ({ id, from, to, by, guard, patch = {}, event }) => {
      const mover = MOVES[kind][from]?.[to];
      if (mover !== 'any' && mover !== by) throw new Error(`${kind} ${id} cannot move from ${from} to ${to} by ${by}`);
      const set = { state: STATE_CODES[to], state_time: toSeconds(clock.now()), ...patchColumns(kind, patch) };
      const proved = guardColumns(kind, { ...guard, state: from });
      return batcher.submit({ kind: 'update', table, id, guard: proved, set, event });
    },
    remove: (id, event) => batcher.submit({ kind: 'removal', table, id, guard: { state: STATE_CODES.delete }, event }),
  };
}
