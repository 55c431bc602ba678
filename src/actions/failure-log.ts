/** Counts failures per place, one per wave: launches that fail together say the same thing once. */
import type { Clock } from '../lib/clock.ts';
import { buildRetryDelayMs, launchRetryDelayMs, providerRetryDelayMs } from '../lifecycle/limits.ts';
import type { FailurePlace, FailureRecord } from '../lifecycle/records.ts';
import type { Store } from '../store/store.ts';

export interface FailureLog {
  record(place: FailurePlace, error: string): Promise<void>;
  /** A success at the place ends its count. `known`: the failures on record, to spare a statement where there is none. */
  clear(place: FailurePlace, known: readonly FailureRecord[]): Promise<void>;
}

/** Failures at one place closer together than this are one wave, in milliseconds. */
const WAVE_MS = 1000;

const DELAYS = { launch: launchRetryDelayMs, build: buildRetryDelayMs, provider: providerRetryDelayMs };

export function createFailureLog({ store, clock }: { store: Store; clock: Clock }): FailureLog {
  const quiets = new Map<string, { readonly since: number; readonly until: number }>();
  return {
    record: async (place, error) => {
      const now = clock.now();
      const key = placeKey(place);
      const quiet = quiets.get(key);
      // One that lies ahead altogether is from before the clock was set back.
      if (quiet !== undefined && quiet.since <= now && now < quiet.until) return;
      quiets.set(key, { since: now, until: now + WAVE_MS });
      await store.failures.record(place, error, (count) => {
        const retryAt = now + DELAYS[place.kind](count);
        quiets.set(key, { since: now, until: Math.max(retryAt, now + WAVE_MS) });
        return retryAt;
      });
    },
    clear: async (place, known) => {
      const key = placeKey(place);
      if (!known.some((failure) => placeKey(failure) === key)) return;
      quiets.delete(key);
      await store.failures.clear(place);
    },
  };
}

function placeKey({ kind, provider, image, az }: FailurePlace): string {
  return JSON.stringify([kind, provider, image, az]);
}
