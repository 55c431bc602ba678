import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byRank } from '../../../src/lifecycle/hand-out.ts';
import {
  REQUEST_MOVES,
  REQUEST_STATE_CODES,
  requestRank,
  requestStateFromCode,
  type RequestState,
} from '../../../src/lifecycle/request-states.ts';
import { aRequest, NOW } from '../../support/builders.ts';
import { minutes } from '../../support/planned.ts';

const STATES = Object.keys(REQUEST_STATE_CODES) as RequestState[];

describe('the states of a request', () => {
  it('are read back from their codes', () => {
    expect(STATES.map((state) => requestStateFromCode(REQUEST_STATE_CODES[state]))).toEqual(STATES);
    expect([0, 4, -1].map(requestStateFromCode)).toEqual([null, null, null]);
  });

  it('lead from waiting to nodes or to the end, and from there nowhere', () => {
    expect(REQUEST_MOVES).toEqual({
      waiting: { granted: 'grant', ended: 'any' },
      granted: { ended: 'any' },
      ended: {},
    });
  });
});

describe('the rank of a request', () => {
  const line = (...requests: readonly [ageMs: number, priority: number][]): number[] =>
    byRank(requests.map(([age, priority], id) => aRequest({ id, priority, createdAt: NOW - age }))).map(({ id }) => id);

  it('is that of its age, and of its id among those that came together', () => {
    expect(line([1000, 0], [3000, 0], [2000, 0])).toEqual([1, 2, 0]);
    expect(line([1000, 0], [1000, 0])).toEqual([0, 1]);
  });

  it('lets a step of priority go ahead of ten minutes, and of no more', () => {
    expect(line([minutes(10) - 1, 0], [0, 1])).toEqual([1, 0]);
    expect(line([minutes(10) + 1, 0], [0, 1])).toEqual([0, 1]);
    expect(line([0, -1], [1, 0])).toEqual([1, 0]);
  });

  it('is better than that of everything that comes later than its priority is lower, so that its turn comes', () => {
    const priority = fc.integer({ min: -100, max: 100 });
    fc.assert(
      fc.property(priority, priority, fc.nat(10_000_000), (own, other, laterMs) => {
        const isAhead = requestRank(NOW, own) < requestRank(NOW + laterMs, other);
        expect(isAhead).toBe(laterMs > (other - own) * minutes(10));
      }),
    );
  });
});
