import type { Clock } from './clock.ts';
import { createDeadlines } from './deadlines.ts';
import { NodepoolError } from './errors.ts';
import { onAbort } from './on-abort.ts';

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
      onAbort(signal, () => own.abort(abandoned(what))),
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

export interface Abandonment {
  readonly signal: AbortSignal;
  /** What is waited for, for the message. */
  readonly what: string;
}

/** Settles as `promise` does, or rejects with `aborted` as soon as `signal` aborts, while the work goes on for others. */
export function orAborted<T>(promise: Promise<T>, { signal, what }: Abandonment): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(abandoned(what)));
    void promise.then(resolve, reject).finally(release);
  });
}

function abandoned(what: string): NodepoolError {
  return new NodepoolError('aborted', `${what} was abandoned`);
}
