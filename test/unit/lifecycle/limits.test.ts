import { describe, expect, it } from 'vitest';
import {
  buildRetryDelayMs,
  launchRetryDelayMs,
  listingRetryDelayMs,
  providerRetryDelayMs,
} from '../../../src/lifecycle/limits.ts';

const seconds = (delay: (count: number) => number, counts: readonly number[]): number[] =>
  counts.map((count) => delay(count) / 1000);

describe('the pause after failures in a row', () => {
  it('is a second after two failed launches, then doubles from 5 s up to 10 min', () => {
    expect(seconds(launchRetryDelayMs, [1, 2, 3, 4, 5, 9, 10, 1000])).toEqual([1, 1, 5, 10, 20, 320, 600, 600]);
  });

  it('doubles from 30 s up to an hour after failed builds', () => {
    expect(seconds(buildRetryDelayMs, [1, 2, 3, 7, 8, 1000])).toEqual([30, 60, 120, 1920, 3600, 3600]);
  });

  it('doubles from 10 s up to 5 min after a provider refused as a whole', () => {
    expect(seconds(providerRetryDelayMs, [1, 2, 5, 6, 1000])).toEqual([10, 20, 160, 300, 300]);
  });

  it('doubles from 1 s up to a minute after failed listings', () => {
    expect(seconds(listingRetryDelayMs, [1, 2, 6, 7, 1000])).toEqual([1, 2, 32, 60, 60]);
  });
});
