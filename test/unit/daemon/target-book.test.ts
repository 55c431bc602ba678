import { describe, expect, it } from 'vitest';
import { createTargetBook, type TargetBook } from '../../../src/daemon/target-book.ts';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import type { TargetView } from '../../../src/planning/world.ts';
import { NOW } from '../../support/builders.ts';

const STATUS = { isQuietingDown: false, computers: [{ name: 'small-cloud-1', isBusy: true }] };
const ANSWER = {
  takenAt: NOW,
  isQuietingDown: false,
  agents: new Map([['small-cloud-1', { isBusy: true }]]),
};
const viewOf = (book: TargetBook, now = NOW): TargetView | undefined => book.view(now).get('jenkins');

/** A book in which the Jenkins has answered, and then `problems` times not. */
function written(problems = 0, log: Log = silentLog): TargetBook {
  const book = createTargetBook(log);
  book.recordStatus('jenkins', NOW, STATUS);
  for (let count = 0; count < problems; count += 1) book.recordProblem('jenkins', { error: 'HTTP 503', now: NOW });
  return book;
}

describe('what is known of a target', () => {
  it('is nothing before it was asked', () => {
    expect(createTargetBook(silentLog).view(NOW)).toEqual(new Map());
  });

  it('is what its Jenkins last answered; it is asked again after ten seconds', () => {
    expect(viewOf(written())).toEqual({ answer: ANSWER, problem: null, dueAt: NOW + 10_000, refusal: null });
  });

  it('is the last answer for half a minute when there is none any more, and then only why', () => {
    const book = written(1);
    expect(viewOf(book, NOW + 29_999)).toMatchObject({ answer: ANSWER, problem: 'HTTP 503' });
    expect(viewOf(book, NOW + 30_000)).toMatchObject({ answer: null, problem: 'HTTP 503' });
  });

  it('is the last answer as long as nothing speaks against it', () => {
    expect(viewOf(written(), NOW + 3_600_000)).toMatchObject({ answer: ANSWER, problem: null });
  });

  it('is nothing for half a minute when it has never answered, and then why; it is asked again after five seconds', () => {
    const book = createTargetBook(silentLog);
    book.recordProblem('jenkins', { error: 'HTTP 503', now: NOW });
    book.recordProblem('jenkins', { error: 'HTTP 500', now: NOW + 29_000 });
    expect(viewOf(book, NOW + 29_999)).toMatchObject({ answer: null, problem: null, dueAt: NOW + 34_000 });
    expect(viewOf(book, NOW + 30_000)).toMatchObject({ answer: null, problem: 'HTTP 500', dueAt: NOW + 34_000 });
  });

  it('is what it answers again', () => {
    const book = written(3);
    book.recordStatus('jenkins', NOW + 1, { isQuietingDown: true, computers: [] });
    expect(viewOf(book, NOW + 1)).toMatchObject({ answer: { isQuietingDown: true, agents: new Map() }, problem: null });
  });

  it('is nothing that was said before the clock was set back, and it is asked soon', () => {
    expect(viewOf(written(), NOW - 3_600_000)).toMatchObject({ answer: null, problem: null, dueAt: NOW - 3_590_000 });
  });
});

describe('a target whose launchers refuse nodes', () => {
  const error = 'job node_assign:zuul failed';
  const pauseOf = (book: TargetBook, now: number): number => (book.view(now).get('zuul')?.refusal?.until ?? now) - now;

  it('is left alone for a second, and longer each time, at most five minutes; nodes of one offer count once', () => {
    const book = createTargetBook(silentLog);
    const pauses: number[] = [];
    let now = NOW;
    for (let offer = 0; offer < 12; offer += 1) {
      for (let node = 0; node < 3; node += 1) book.recordOffer('zuul', { error, now: now + node });
      pauses.push(pauseOf(book, now));
      now += pauses.at(-1)!;
    }
    expect(pauses.map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    expect(book.view(now).get('zuul')).toMatchObject({ answer: null, problem: null, refusal: { error } });
    // The clock is set back by an hour.
    expect(pauseOf(book, now - 3_600_000)).toBe(300_000);
  });

  it('is as good as new when one has taken a node', () => {
    const book = createTargetBook(silentLog);
    for (const now of [NOW, NOW + 1000]) book.recordOffer('zuul', { error, now });
    book.recordOffer('zuul', { error: null, now: NOW + 3000 });
    expect(pauseOf(book, NOW + 3000)).toBe(0);
    book.recordOffer('zuul', { error, now: NOW + 4000 });
    expect(pauseOf(book, NOW + 4000)).toBe(1000);
  });
});

it('tells once that a Jenkins went away, and once that it is back', () => {
  const told: string[] = [];
  const note = (_facts: object, text: string): void => void told.push(text);
  const book = written(3, { ...silentLog, info: note, warn: note });
  book.recordStatus('jenkins', NOW, STATUS);
  book.recordStatus('jenkins', NOW, STATUS);
  expect(told).toEqual([
    'the Jenkins of the target does not answer as it should',
    'the Jenkins of the target answers again',
  ]);
});
