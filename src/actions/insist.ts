import type { Clock } from '../lib/clock.ts';
import { isNodepoolError } from '../lib/errors.ts';

/** Between two tries, in milliseconds. */
const PAUSE_MS = 1000;

/**
 * Repeats a write until the database takes it or `signal` aborts: for what cannot be found out again, such as that
 * a script of an hour has ended well.
 */
export async function insist<T>(clock: Clock, signal: AbortSignal, write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isNodepoolError(error, 'database-unavailable') || signal.aborted) throw error;
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}
