import { isNodepoolError, NodepoolError, type ErrorCode } from '../lib/errors.ts';
import { BUSY_REPEAT_MS, DELETE_REPEAT_MS } from '../lifecycle/limits.ts';

/** Errors that say themselves when to go on, or nothing about what was asked for. */
const UNRELATED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['throttled', 'aborted', 'database-unavailable']);

/**
 * The error of a deletion that the cloud refused; `waitedMs`: since when it is wanted. One that is refused for long is
 * asked for less and less often: after a third of the time that it has taken so far, within limits.
 */
export function laterIfRefused(error: unknown, waitedMs = Infinity): unknown {
  if (!isNodepoolError(error) || UNRELATED.has(error.code)) return error;
  const retryAfterMs = Math.min(DELETE_REPEAT_MS, Math.max(BUSY_REPEAT_MS, Math.round(waitedMs / 3)));
  return new NodepoolError(error.code, error.message, { cause: error, retryAfterMs });
}
