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
  const quietUntil = new Map<string, number>();
  return {
    record: async (place, error) => {
      const now = clock.now();
      const key = placeKey(place);
      if (now < (quietUntil.get(key) ?? 0)) return;
      quietUntil.set(key, now + WAVE_MS);
      await store.failures.record(place, error, (count) => {
        const retryAt = now + DELAYS[place.kind](count);
        quietUntil.set(key, Math.max(retryAt, now + WAVE_MS));
        return retryAt;
      });
    },
    clear: async (place, known) => {
      const key = placeKey(place);
      if (!known.some((failure) => placeKey(failure) === key)) return;
      quietUntil.delete(key);
      await store.failures.clear(place);
    },
  };
}

function placeKey({ kind, provider, image, az }: FailurePlace): string {
  return JSON.stringify([kind, provider, image, az]);
}
