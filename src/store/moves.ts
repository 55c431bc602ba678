/**
 * The life-cycle tables at run time. The type checker refuses illegal moves already; what it cannot see is a
 * mistake of ours, and must not reach the database.
 */
import { IMAGE_MOVES, type ImageState } from '../lifecycle/image-states.ts';
import { NODE_MOVES, type Mover, type NodeState } from '../lifecycle/node-states.ts';
import type { Actor } from './store.ts';

type Moves = Readonly<Record<string, Readonly<Partial<Record<string, Mover>>>>>;

/** @throws Error when the table has no such move, or not by this actor */
export function checkNodeMove(from: NodeState, to: NodeState, by: Actor): void {
  check('A node', NODE_MOVES, { from, to, by });
}

/** @throws Error when the table has no such move, or not by this actor */
export function checkImageMove(from: ImageState, to: ImageState, by: Actor): void {
  check('An image', IMAGE_MOVES, { from, to, by });
}

function check(subject: string, moves: Moves, { from, to, by }: { from: string; to: string; by: Actor }): void {
  const mover = moves[from]?.[to];
  if (mover !== 'any' && mover !== by) throw new Error(`${subject} cannot move from ${from} to ${to} by ${by}`);
}
