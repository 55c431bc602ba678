import { describe, expect, it } from 'vitest';
import { closeRound, countWait, ROUNDS_KEPT } from '../../../src/planning/allocation-history.ts';
import type { Round } from '../../../src/planning/memory.ts';

const [nothing, something] = [0, 1];
const round = (entries: Record<string, number>): Round => new Map(Object.entries(entries));

describe('the wait of a label', () => {
  it('is 0 without a history', () => {
    expect(countWait([], 'small')).toBe(0);
  });

  it('counts the newest rounds in which it got nothing', () => {
    expect(countWait([round({ small: nothing }), round({ small: nothing })], 'small')).toBe(2);
  });

  it('starts anew after a round that gave it something', () => {
    const rounds = [round({ small: nothing }), round({ small: something }), round({ small: nothing })];
    expect(countWait(rounds, 'small')).toBe(1);
  });

  it('starts anew after a round in which it did not ask', () => {
    const rounds = [round({ small: nothing }), round({ big: nothing }), round({ small: nothing, big: nothing })];
    expect(countWait(rounds, 'small')).toBe(1);
    expect(countWait(rounds, 'big')).toBe(2);
  });

  it('is 0 when the newest round gave it something', () => {
    expect(countWait([round({ small: nothing }), round({ small: something })], 'small')).toBe(0);
  });
});

describe('closing a round', () => {
  const rounds = Array.from({ length: ROUNDS_KEPT }, (_, index) =>
    round({ small: nothing, [`label-${index}`]: nothing }),
  );

  it('puts it at the end', () => {
    const last = round({ small: something });
    expect(closeRound(rounds.slice(0, 2), last)).toEqual([...rounds.slice(0, 2), last]);
  });

  it('drops the oldest round when there are 100', () => {
    const last = round({ small: nothing });
    expect(closeRound(rounds, last)).toEqual([...rounds.slice(1), last]);
  });

  it('keeps the oldest round when there are 99', () => {
    expect(closeRound(rounds.slice(1), round({ small: nothing }))[0]).toBe(rounds[1]);
  });

  it('ends every wait when nobody asked', () => {
    const after = closeRound(closeRound(rounds, new Map()), round({ small: nothing }));
    expect(countWait(after, 'small')).toBe(1);
  });
});
