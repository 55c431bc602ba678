import type { Clock } from '../../lib/clock.ts';
import { isNodepoolError } from '../../lib/errors.ts';

/** What changes rarely and is needed often. */
export interface Remembered<T> {
  /** Reads it when what is known is older than `maxAgeMs`; callers that come meanwhile share one reading. */
  get(signal: AbortSignal, maxAgeMs?: number): Promise<T>;
}

export interface RememberOptions<T> {
  readonly clock: Clock;
  /** How old it may be where a caller does not say. */
  readonly maxAgeMs: number;
  readonly read: (signal: AbortSignal) => Promise<T>;
}

/** Errors are not remembered. */
export function remember<T>({ clock, maxAgeMs, read }: RememberOptions<T>): Remembered<T> {
  let known: { readonly value: Promise<T>; readonly readAt: number } | null = null;

  const start = (signal: AbortSignal): Promise<T> => {
    const reading = { value: read(signal), readAt: clock.now() };
    known = reading;
    // Whoever waits for it gets the error; here it only must not be kept.
    reading.value.catch(() => {
      if (known === reading) known = null;
    });
    return reading.value;
  };

  return {
    get: async (signal, ageMs = maxAgeMs) => {
      // A clock that was set back must not make it last longer.
      while (known !== null && Math.abs(clock.now() - known.readAt) <= ageMs) {
        try {
          return await known.value;
        } catch (error) {
          // The caller that had begun to read was called off: that is no answer for this one.
          if (!isNodepoolError(error, 'aborted') || signal.aborted) throw error;
        }
      }
      return start(signal);
    },
  };
}
