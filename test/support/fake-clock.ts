import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/lib/clock.ts';

export interface FakeClock extends Clock {
  /**
   * Moves time on by `ms`. Sleepers wake in the order of their times, each at its own time, and what they start
   * runs until it waits again, before time moves further.
   */
  advance(ms: number): Promise<void>;
  /** Sets the time without waking anybody, as an operator or NTP may do; backwards too. */
  set(ms: number): void;
  /** When the next sleeper wakes; null: nobody sleeps. */
  nextAt(): number | null;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it; `startMs` is epoch milliseconds. */
export function createFakeClock(startMs = Date.UTC(2016, 0, 1)): FakeClock {
  let now = startMs;
  const sleepers: Sleeper[] = [];

  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms <= 0 || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        signal?.removeEventListener('abort', abandon);
        resolve();
      };
      const sleeper = { at: now + ms, wake: end };
      const abandon = (): void => {
        sleepers.splice(sleepers.indexOf(sleeper), 1);
        end();
      };
      signal?.addEventListener('abort', abandon);
      // Behind all that wake at the same time: equal times wake in the order in which they began to sleep.
      sleepers.splice(sleepers.findLastIndex((other) => other.at <= sleeper.at) + 1, 0, sleeper);
    });
  };

  const advance = async (ms: number): Promise<void> => {
    const end = now + ms;
    await turn();
    for (let next = sleepers[0]; next && next.at <= end; next = sleepers[0]) {
      now = Math.max(now, next.at);
      while (sleepers[0] && sleepers[0].at <= now) sleepers.shift()?.wake();
      await turn();
    }
    now = end;
  };

  return {
    now: () => now,
    sleep,
    advance,
    set: (ms) => {
      now = ms;
    },
    nextAt: () => sleepers[0]?.at ?? null,
  };
}
