import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { Session } from './session.ts';

/** A database that is restarted, or fails over, is back by then. */
const LIMIT_MS = 30_000;
const PAUSE_MS = 1000;

/**
 * Does what must not be left half done: tries again, and says so once, when the database does not answer. `work` must
 * stand being done twice, as nobody knows whether what got no answer took effect. Throws its last error after 30 seconds.
 */
export async function persist<T>({ context, tell }: Session, work: () => Promise<T>): Promise<T> {
  const until = context.clock.now() + LIMIT_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isNodepoolError(error, 'database-unavailable') || context.clock.now() >= until) throw error;
      if (tries === 1) tell(`${describeError(error)}; trying again for ${LIMIT_MS / 1000} s`);
    }
    await context.clock.sleep(PAUSE_MS);
  }
}
