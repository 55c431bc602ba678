import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StatusAnswer } from '../../../src/gearman/status.ts';

function readLines(lines: readonly string[]): ReturnType<StatusAnswer['take']> {
  const answer = new StatusAnswer();
  let outcome: ReturnType<StatusAnswer['take']> = null;
  for (const line of lines) outcome = answer.take(line);
  return outcome;
}

describe('the answer to status', () => {
  it('ends with a full stop, and not before', () => {
    expect(readLines(['build:a:small\t2\t1\t0'])).toBeNull();
    expect(readLines(['build:a:small\t2\t1\t0', '.'])).toEqual({
      table: [{ name: 'build:a:small', jobs: 2, hasWorkers: false }],
    });
    expect(readLines(['.'])).toEqual({ table: [] });
  });

  it('may end its lines as Windows does, and have blanks around and in its fields', () => {
    const table = [{ name: 'build:my job:small', jobs: 2, hasWorkers: true }];
    expect(readLines([' build:my job:small \t 2 \t1\t 3 \r', '.\r'])).toEqual({ table });
  });

  it.each([
    ['', null],
    ['f', null],
    ['f\t', null],
    ['f\tmany\t0\t0', null],
    ['f\t1.5\t0\t0', null],
    ['f\t1e3\t0\t0', null],
    ['f\t0x10\t0\t0', null],
    ['f\t99999999999999999999\t0\t0', null],
    ['f\t-3\t0\t0', -3],
    ['f\t+3', 3],
    ['f\t007\t0\t0', 7],
  ])('has in the line %j the number of jobs %j', (line, jobs) => {
    expect(readLines([line, '.'])).toEqual({ table: [{ name: line.split('\t')[0], jobs, hasWorkers: false }] });
  });

  it.each([
    ['f\t0\t0\t2', true],
    ['f\t0\t0\t0', false],
    ['f\t0\t0\tmany', false],
    ['f\t0\t2', false],
  ])('has in the line %j workers: %j', (line, hasWorkers) => {
    expect(readLines([line, '.'])).toMatchObject({ table: [{ hasWorkers }] });
  });

  it('may be a refusal, which no function can be taken for', () => {
    const problem = 'refuses to tell its status: ERR UNKNOWN_COMMAND Unknown+server+command';
    expect(readLines(['ERR UNKNOWN_COMMAND Unknown+server+command\r'])).toEqual({ problem });
    expect(readLines(['ERR function\t1\t0\t0', '.'])).toEqual({
      table: [{ name: 'ERR function', jobs: 1, hasWorkers: false }],
    });
  });

  it('has no more functions than any site', () => {
    const lines = Array<string>(50_000).fill('f\t1\t0\t0');
    expect(readLines([...lines, '.'])).toMatchObject({ table: { length: 50_000 } });
    expect(readLines([...lines, 'f\t1\t0\t0'])).toEqual({ problem: 'lists more than 50000 functions' });
  });

  it('may be any text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (lines) => {
        const outcome = readLines([...lines.filter((line) => !line.startsWith('ERR ')), '.']);
        if (outcome === null || !('table' in outcome)) throw new Error('no table');
        for (const { jobs } of outcome.table) expect(jobs === null || Number.isSafeInteger(jobs)).toBe(true);
      }),
      { numRuns: 100, seed: 20_160_101 },
    );
  });
});
