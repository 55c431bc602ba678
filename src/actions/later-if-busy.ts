import { isNodepoolError, NodepoolError } from '../lib/errors.ts';
import { BUSY_REPEAT_MS } from '../lifecycle/limits.ts';

/** The error; what is busy with something else is tried again later than other errors of its class. */
export function laterIfBusy(error: unknown): unknown {
  if (!isNodepoolError(error, 'conflict')) return error;
  return new NodepoolError('conflict', error.message, { cause: error, retryAfterMs: BUSY_REPEAT_MS });
}
