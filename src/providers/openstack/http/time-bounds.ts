import type { Clock } from '../../../lib/clock.ts';
import { createDeadlines } from '../../../lib/deadlines.ts';
import { NodepoolError } from '../../../lib/errors.ts';
import { interruptible } from '../../../lib/interruptible.ts';
import { onAbort } from '../../../lib/on-abort.ts';

/** Runs something that heeds the signal it is given; `what` names it in messages. */
export type Bounded = <T>(what: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/**
 * Puts one time limit, or none, around whole calls, repetitions and pauses included. The signal given to `run` aborts with
 * the error to reject with: `unavailable` when the time is up, `aborted` when the caller's signal aborts.
 */
export function createBounded(clock: Clock, limitMs: number | null): Bounded {
  const startLimit = limitMs === null ? () => () => undefined : createDeadlines(clock, limitMs).start;
  return async (what, signal, run) => {
    const own = new AbortController();
    const release = [
      onAbort(signal, () => own.abort(new NodepoolError('aborted', `${what} was abandoned`))),
      startLimit(() =>
        own.abort(new NodepoolError('unavailable', `${what}: no answer within ${(limitMs ?? 0) / 1000} s`)),
      ),
    ];
    try {
      return await run(own.signal);
    } finally {
      for (const end of release) end();
    }
  };
}

/** Settles as `promise` does, unless `signal` aborts before: then with `aborted`, while the work goes on for others. */
function waitFor<T>(promise: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  const abandoned = (): NodepoolError => new NodepoolError('aborted', `waiting for ${what} was abandoned`);
  return interruptible(() => promise, [(interrupt) => onAbort(signal, () => interrupt(abandoned()))]);
}

/** Callers that come while `run` is under way share it. Its result is not kept. */
export function createSingleFlight<T>(what: string, run: () => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let flight: Promise<T> | null = null;
  return (signal) => {
    if (flight === null) {
      const own = run().finally(() => (flight = null));
      // It has no handler when all who waited have left.
      own.catch(() => undefined);
      flight = own;
    }
    return waitFor(flight, signal, what);
  };
}
