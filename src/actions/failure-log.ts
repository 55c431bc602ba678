/** Counts failures per place, one per wave: launches that fail together say the same thing once. */
import type { Clock } from '../lib/clock.ts';
import { buildRetryDelayMs, launchRetryDelayMs, providerRetryDelayMs } from '../lifecycle/limits.ts';
import type { FailurePlace, FailureRecord } from '../lifecycle/records.ts';
import { placeKey } from '../planning/places.ts';
import type { Store } from '../store/store.ts';

export interface FailureLog {
  record(place: FailurePlace, error: string): Promise<void>;
  /**
   * A success at the place ends its count. `known`: the failures on record, to spare a statement where there is none.
   * `triedAt`: when what succeeded was tried; before the rest after the last failure it says nothing about that.
   */
  clear(place: FailurePlace, known: readonly FailureRecord[], triedAt?: number): Promise<void>;
  /** The error because of which nothing is to be tried at the place now, as far as this process has seen it; or null. */
  errorAt(place: FailurePlace): string | null;
}

/** Failures at one place closer together than this are one wave, in milliseconds. */
const WAVE_MS = 1000;

/** The rest of a place, as this process remembers it. */
interface Quiet {
  readonly since: number;
  readonly until: number;
  readonly error: string;
}

const DELAYS = {
  launch: launchRetryDelayMs,
  build: buildRetryDelayMs,
  'disk-image': buildRetryDelayMs,
  provider: providerRetryDelayMs,
};

export function createFailureLog({ store, clock }: { store: Store; clock: Clock }): FailureLog {
  const quiets = new Map<string, Quiet>();
  /** One that lies ahead altogether is from before the clock was set back. */
  const quietAt = (key: string): Quiet | null => {
    const quiet = quiets.get(key);
    return quiet !== undefined && quiet.since <= clock.now() ? quiet : null;
  };
  const isQuiet = (key: string): boolean => clock.now() < (quietAt(key)?.until ?? 0);
  return {
    record: async (place, error) => {
      const now = clock.now();
      const key = placeKey(place);
      if (isQuiet(key)) return;
      quiets.set(key, { since: now, until: now + WAVE_MS, error });
      await store.failures.record(place, error, (count) => {
        const retryAt = now + DELAYS[place.kind](count);
        quiets.set(key, { since: now, until: Math.max(retryAt, now + WAVE_MS), error });
        return retryAt;
      });
    },
    clear: async (place, known, triedAt = Infinity) => {
      const key = placeKey(place);
      const failure = known.find((other) => placeKey(other) === key);
      if (failure === undefined) return;
      const recordedUntil = failure.lastAt <= clock.now() ? failure.retryAt : 0;
      if (triedAt < Math.max(recordedUntil, quietAt(key)?.until ?? 0)) return;
      quiets.delete(key);
      await store.failures.clear(place);
    },
    errorAt: (place) => {
      const key = placeKey(place);
      return isQuiet(key) ? (quiets.get(key)?.error ?? null) : null;
    },
  };
}
