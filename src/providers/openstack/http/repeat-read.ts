import type { Clock } from '../../../lib/clock.ts';
import type { Random } from '../../../lib/random.ts';
import { readRetryAfterMs } from '../../../lib/retry-after.ts';
import type { Outcome } from './exchange.ts';

/** Before the second and the third try; the middle of where chance puts them. */
const PAUSES_MS = [300, 1000];
const PASSING_STATUSES: readonly number[] = [500, 502, 503, 504];
/** A service that asks for a longer pause is left alone; the caller hears of it. */
const MAX_HONOURED_MS = 5000;

export interface RepeatOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** For all tries together. */
  readonly limitMs: number;
}

/**
 * Sends what only reads up to three times, as long as the outcome may be a passing one, and resolves with the last
 * outcome. A pause ends early when `signal` aborts; `send` has to look at it too.
 */
export async function repeatRead(
  { clock, random, limitMs }: RepeatOptions,
  signal: AbortSignal,
  send: () => Promise<Outcome>,
): Promise<Outcome> {
  const startedAt = clock.now();
  for (const middleMs of PAUSES_MS) {
    const outcome = await send();
    const pauseMs = pauseBeforeRepeat(outcome, clock.now()) ?? middleMs * (0.5 + random.fraction());
    const isInTime = clock.now() - startedAt + pauseMs < limitMs;
    if (!isPassing(outcome) || pauseMs > MAX_HONOURED_MS || !isInTime) return outcome;
    await clock.sleep(pauseMs, signal);
  }
  return send();
}

function isPassing(outcome: Outcome): boolean {
  if (outcome.kind === 'answer') return PASSING_STATUSES.includes(outcome.status);
  return outcome.kind === 'unusable' || outcome.isPassing;
}

function pauseBeforeRepeat(outcome: Outcome, now: number): number | undefined {
  return outcome.kind === 'answer' ? readRetryAfterMs(outcome.headers, now) : undefined;
}
