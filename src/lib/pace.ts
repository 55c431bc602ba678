/**
 * How far apart calls are kept after the other side asked to slow down without saying for how long. The gap doubles
 * with each such answer and loses a fifth with each success, so that calls settle near the rate that is taken. All
 * values are milliseconds.
 */

const FIRST_GAP_MS = 250;
const LONGEST_GAP_MS = 10_000;
/** A gap below this is none. */
const SHORTEST_GAP_MS = 50;

/** The gap after one more request to slow down; `rateMs` is what lies between calls anyway. */
export function longerGap(gapMs: number, rateMs: number): number {
  const doubled = 2 * Math.max(gapMs, rateMs);
  return Math.min(Math.max(doubled, FIRST_GAP_MS), LONGEST_GAP_MS);
}

/** The gap after one more success; 0: none. */
export function shorterGap(gapMs: number): number {
  const shorter = gapMs * 0.8;
  return shorter < SHORTEST_GAP_MS ? 0 : shorter;
}
