/**
 * Fairness over time. A round is one division of the free places: what each label that asked was given.
 * A label that keeps asking and gets nothing has waited since its last gain; who waited longest is served first.
 */
import type { Round } from './memory.ts';

/** Rounds that are remembered: a label's wait is counted up to here. */
export const ROUNDS_KEPT = 100;

/** Consecutive newest rounds in which `label` asked and got nothing; a round without it ends the count. */
export function countWait(rounds: readonly Round[], label: string): number {
  let wait = 0;
  for (let index = rounds.length - 1; index >= 0; index -= 1) {
    const given = rounds[index]?.get(label);
    if (given === undefined || given > 0) break;
    wait += 1;
  }
  return wait;
}

/** The history with one more round, the oldest dropped where it gets too long. */
export function closeRound(rounds: readonly Round[], round: Round): readonly Round[] {
  // Nobody asked: that ends every wait, as no history at all does.
  if (round.size === 0) return [];
  return [...rounds.slice(1 - ROUNDS_KEPT), round];
}
