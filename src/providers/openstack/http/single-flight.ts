import { orAborted } from '../../../lib/bounded.ts';

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
    return orAborted(flight, { signal, what: `waiting for ${what}` });
  };
}
