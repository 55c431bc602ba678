import type { Clock } from './clock.ts';
import { createDeadlines, type Deadlines } from './deadlines.ts';
import { NodepoolError } from './errors.ts';
import { interruptible } from './interruptible.ts';
import { onAbort } from './on-abort.ts';

export interface TimeLimit {
  readonly clock: Clock;
  readonly ms: number;
  /** What takes the time, for the message. */
  readonly what: string;
}

/**
 * Runs something long with a time limit. Rejects with `command-failed` when it is over and with `aborted` when
 * `signal` aborts, whether or not `run` heeds the signal that it is given.
 */
export function withTimeLimit<T>(
  { clock, ms, what }: TimeLimit,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return interruptible(run, [
    (interrupt) => onAbort(signal, () => interrupt(new NodepoolError('aborted', `${what} was abandoned`))),
    (interrupt) => deadlinesOf(clock, ms).start(() => interrupt(expired(what, ms))),
  ]);
}

function expired(what: string, ms: number): NodepoolError {
  return new NodepoolError('command-failed', `${what} did not end within ${ms / 1000} s`);
}

/** One timer serves all that have the same limit: thousands of logins may be under way. */
const deadlines = new WeakMap<Clock, Map<number, Deadlines>>();

function deadlinesOf(clock: Clock, ms: number): Deadlines {
  let own = deadlines.get(clock);
  if (own === undefined) deadlines.set(clock, (own = new Map<number, Deadlines>()));
  let found = own.get(ms);
  if (found === undefined) own.set(ms, (found = createDeadlines(clock, ms)));
  return found;
}
