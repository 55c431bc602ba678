import { it } from 'vitest';
import { killAtEveryEffect } from '../support/every-crash.ts';

it.each([
  { listingLagMs: 0, listings: 'on time' },
  { listingLagMs: 2000, listings: 'two seconds late' },
])(
  'a daemon on SQLite killed at every effect leaks nothing and doubles nothing with listings $listings',
  async ({ listingLagMs }) => {
    await killAtEveryEffect('SQLite', listingLagMs);
  },
  3_600_000,
);
