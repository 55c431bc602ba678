import { setTimeout as delay } from 'node:timers/promises';

/** Time comes in as a parameter everywhere, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // An aborted sleep is an early end, not an error: callers look at the signal themselves.
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};

/** The epoch second in which `ms` lies: the unit of the classic `state_time` columns. */
export function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
