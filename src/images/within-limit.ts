import { NodepoolError } from '../lib/errors.ts';
import { onAbort } from '../lib/on-abort.ts';
import type { TimeLimit } from '../lib/time-limit.ts';

/**
 * Runs something with a time limit and, unlike `withTimeLimit`, waits for its end whatever happens: the signal that `run`
 * is given aborts with the error to be thrown, `command-failed` when the time is over and `aborted` when `signal` aborts.
 */
export async function withinLimit<T>(
  { clock, ms, what }: TimeLimit,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const over = new AbortController();
  const release = onAbort(signal, () => own.abort(new NodepoolError('aborted', `${what} was abandoned`)));
  void clock.sleep(ms, over.signal).then(() => {
    const message = `${what} did not end within ${ms / 1000} s`;
    if (!over.signal.aborted) own.abort(new NodepoolError('command-failed', message));
  });
  try {
    return await run(own.signal);
  } finally {
    release();
    over.abort();
  }
}
