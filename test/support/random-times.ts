/** Random times for random worlds: such that limits have just passed or just not. */
import fc from 'fast-check';
import { NOW } from './builders.ts';

export const HOUR = 3_600_000;
/** Around the limits that decide: nothing, listing interval, lag, grace, timeouts, limits of states. */
const AGES = [
  0,
  1,
  999,
  1000,
  5000,
  5001,
  60_000,
  60_001,
  65_000,
  65_001,
  HOUR,
  HOUR + 1,
  8 * HOUR + 1000,
  8 * HOUR + 1001,
  30 * HOUR,
];
export const time = fc.constantFrom(...AGES).map((age) => NOW - age);
/** Mostly within the last minute, so that life cycles get on. */
export const recently = fc.constantFrom(...AGES.slice(0, 8), ...AGES.slice(0, 8), ...AGES).map((age) => NOW - age);
export const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 2 });
