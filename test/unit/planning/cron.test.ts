import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkCron, parseCron } from '../../../src/lib/cron.ts';
import { lastFiring, nextFiring } from '../../../src/planning/cron.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const utc = (text: string): number => Date.parse(`${text}Z`);
/** A local time, so that the tests mean the same in every time zone. */
const local = (text: string): number => new Date(text).getTime();
const showLocal = (time: number): string => {
  const pad = (value: number): string => String(value).padStart(2, '0');
  const at = new Date(time);
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
};

/** The first `count` firings after a local time. */
function firings(spec: string, after: string, count: number): string[] {
  const found: number[] = [];
  for (let time = local(after); found.length < count; found.push(time)) time = nextFiring(spec, time);
  return found.map(showLocal);
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the next firing', () => {
  // 2026-01-15 is a Thursday.
  it.each([
    { spec: '14 2 * * *', first: '2026-01-16T02:14:00', second: '2026-01-17T02:14:00' },
    { spec: '*/15 * * * *', first: '2026-01-15T12:15:00', second: '2026-01-15T12:30:00' },
    { spec: '27 */6 * * *', first: '2026-01-15T12:27:00', second: '2026-01-15T18:27:00' },
    { spec: '0 9-17/4 * * *', first: '2026-01-15T13:00:00', second: '2026-01-15T17:00:00' },
    { spec: '0,30 8,20 * * *', first: '2026-01-15T20:00:00', second: '2026-01-15T20:30:00' },
    { spec: '0 0 * * 0', first: '2026-01-18T00:00:00', second: '2026-01-25T00:00:00' },
    { spec: '0 0 * * 7', first: '2026-01-18T00:00:00', second: '2026-01-25T00:00:00' },
    { spec: '0 0 * * Sun', first: '2026-01-18T00:00:00', second: '2026-01-25T00:00:00' },
    { spec: '0 0 * * 5-7', first: '2026-01-16T00:00:00', second: '2026-01-17T00:00:00' },
    { spec: '0 0 1 jan,JUL *', first: '2026-07-01T00:00:00', second: '2027-01-01T00:00:00' },
    { spec: '0 0 29 2 *', first: '2028-02-29T00:00:00', second: '2032-02-29T00:00:00' },
  ])('of $spec is at $first, then at $second', ({ spec, first, second }) => {
    expect(firings(spec, '2026-01-15T12:00:00', 2)).toEqual([first, second]);
  });

  it('takes a sixth field for seconds', () => {
    expect(firings('* * * * * */20', '2026-01-15T12:00:00', 3)).toEqual([
      '2026-01-15T12:00:20',
      '2026-01-15T12:00:40',
      '2026-01-15T12:01:00',
    ]);
    expect(firings('30 4 * * * 15', '2026-01-15T12:00:00', 1)).toEqual(['2026-01-16T04:30:15']);
  });

  it('needs either day field when both are restricted', () => {
    expect(firings('0 0 13 * fri', '2026-02-01T00:00:00', 3)).toEqual([
      '2026-02-06T00:00:00',
      '2026-02-13T00:00:00',
      '2026-02-20T00:00:00',
    ]);
    expect(firings('0 0 14 * fri', '2026-02-12T00:00:00', 2)).toEqual(['2026-02-13T00:00:00', '2026-02-14T00:00:00']);
  });

  it('needs both day fields when one begins with a star', () => {
    expect(firings('0 0 */2 * mon', '2026-01-01T00:00:00', 2)).toEqual(['2026-01-05T00:00:00', '2026-01-19T00:00:00']);
  });

  it('comes after the time that is asked about, never at it', () => {
    const noon = local('2026-01-15T12:00:00');
    expect(nextFiring('0 12 * * *', noon)).toBe(noon + DAY);
    expect(nextFiring('0 12 * * *', noon - 1)).toBe(noon);
  });

  it('does not depend on what was asked before', () => {
    const noon = local('2026-01-15T12:00:00');
    const times = [noon, noon + 5 * MINUTE, noon - DAY, noon + 59_999, noon, noon - 1];
    expect(times.map((time) => nextFiring('*/5 * * * *', time) - noon)).toEqual(
      [5, 10, 5 - 1440, 5, 5, 0].map((minutes) => minutes * MINUTE),
    );
  });
});

describe('the last firing', () => {
  const noon = local('2026-01-15T12:00:00');

  it('is in an interval that ends with it', () => {
    expect(lastFiring('0 12 * * *', noon - 1, noon)).toBe(noon);
  });

  it('is not in an interval that begins with it', () => {
    expect(lastFiring('0 12 * * *', noon, noon + MINUTE)).toBeNull();
  });

  it('is not in an interval that ends just before it', () => {
    expect(lastFiring('0 12 * * *', noon - MINUTE, noon - 1)).toBeNull();
  });

  it('is the newest of many', () => {
    expect(lastFiring('* * * * *', noon - 30 * DAY, noon + 1)).toBe(noon);
  });

  it('is not found when the clock was set back', () => {
    expect(lastFiring('* * * * *', noon, noon - DAY)).toBeNull();
  });

  it('agrees with the next firings in any interval', () => {
    const specs = ['*/7 * * * *', '0 */3 * * 1-5', '14 2 * * *', '* * * * * 30', '5,50 1-3 * * *'];
    const interval = fc.record({
      spec: fc.constantFrom(...specs),
      after: fc.integer({ min: 0, max: 365 * DAY }).map((offset) => noon + offset),
      length: fc.integer({ min: 0, max: 5 * 60 * MINUTE }),
    });
    fc.assert(
      fc.property(interval, ({ spec, after, length }) => {
        let last: number | null = null;
        for (let time = nextFiring(spec, after); time <= after + length; time = nextFiring(spec, time)) last = time;
        expect(lastFiring(spec, after, after + length)).toBe(last);
      }),
    );
  });
});

describe('when the clocks change', () => {
  // In Berlin 02:00 becomes 03:00 on 2026-03-29, and 03:00 becomes 02:00 on 2026-10-25.
  it('does not lose a daily entry whose hour is left out', () => {
    vi.stubEnv('TZ', 'Europe/Berlin');
    expect(nextFiring('15 2 * * *', utc('2026-03-28T12:00:00'))).toBe(utc('2026-03-29T01:00:00'));
    expect(nextFiring('15 2 * * *', utc('2026-03-29T12:00:00'))).toBe(utc('2026-03-30T00:15:00'));
  });

  it('does not lose one of several fixed hours either', () => {
    vi.stubEnv('TZ', 'Europe/Berlin');
    expect(nextFiring('17 2,14 * * *', utc('2026-03-28T18:00:00'))).toBe(utc('2026-03-29T01:00:00'));
    expect(nextFiring('17 2,14 * * *', utc('2026-03-29T01:00:00'))).toBe(utc('2026-03-29T12:17:00'));
  });

  it('does not repeat a daily entry whose hour comes twice', () => {
    vi.stubEnv('TZ', 'Europe/Berlin');
    const first = utc('2026-10-25T00:16:00');
    expect(nextFiring('16 2 * * *', first - 1)).toBe(first);
    expect(nextFiring('16 2 * * *', first)).toBe(utc('2026-10-26T01:16:00'));
    expect(lastFiring('16 2 * * *', first, utc('2026-10-25T12:00:00'))).toBeNull();
  });

  it('goes on with an entry for every quarter of an hour', () => {
    vi.stubEnv('TZ', 'Europe/Berlin');
    const start = utc('2026-10-25T00:00:00');
    const quarters = Array.from({ length: 8 }, (_, index) => start + index * 15 * MINUTE);
    expect(quarters.map((time) => nextFiring('0-59/15 * * * *', time) - time)).toEqual(Array(8).fill(15 * MINUTE));
  });
});

describe('checking a specification', () => {
  it.each([
    '* * * * *',
    '*/1 * * * *',
    '14 14 * * *',
    ' 27  */6 * * * ',
    '0 0 1 1 mon-fri/2',
    '* * * * * *',
    '0 0 29 2 *',
  ])('finds nothing wrong with %j', (spec) => {
    expect(checkCron(spec)).toBeNull();
  });

  it.each([
    ['', 'has 0 fields'],
    ['* * * *', 'has 4 fields'],
    ['* * * * * * *', 'has 7 fields'],
    ['@daily', 'has 1 field'],
  ])('counts the fields of %j', (spec, words) => {
    expect(checkCron(spec)).toBe(
      `The cron specification "${spec}" ${words}: write minute, hour, day of month, month and weekday, and if need be second.`,
    );
  });

  it.each([
    ['60 * * * *', 'minute', '60'],
    ['* 24 * * *', 'hour', '24'],
    ['* * 0 * *', 'day of month', '0'],
    ['* * 32 * *', 'day of month', '32'],
    ['* * * 13 *', 'month', '13'],
    ['* * * foo *', 'month', 'foo'],
    ['* * * * 8', 'weekday', '8'],
    ['* * * * * 60', 'second', '60'],
    ['5- * * * *', 'minute', '5-'],
    ['9-5 * * * *', 'minute', '9-5'],
    ['1,,2 * * * *', 'minute', '1,,2'],
    ['*/0 * * * *', 'minute', '*/0'],
    ['-1 * * * *', 'minute', '-1'],
    ['1.5 * * * *', 'minute', '1.5'],
    ['mon * * * *', 'minute', 'mon'],
    ['* * L * *', 'day of month', 'L'],
    ['* * 15W * *', 'day of month', '15W'],
    ['* * * * fri#2', 'weekday', 'fri#2'],
    ['* * * * +fri', 'weekday', '+fri'],
    ['? * * * *', 'minute', '?'],
  ])('names the wrong field of %j', (spec, field, text) => {
    expect(checkCron(spec)).toMatch(
      `The ${field} field "${text}" of the cron specification "${spec}" is not valid: use `,
    );
  });

  it('finds a day that never comes', () => {
    expect(checkCron('0 0 31 2 *')).toMatch('never comes due');
    expect(checkCron('0 0 31 2 mon')).toBeNull();
  });

  it('is repeated by the parser as an error of the configuration', () => {
    expect(() => parseCron('61 * * * *')).toThrowError(expect.objectContaining({ code: 'config' }));
  });
});
