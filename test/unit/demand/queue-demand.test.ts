import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FunctionStatus } from '../../../src/gearman/status.ts';
import { countQueueDemand, findUncounted } from '../../../src/demand/queue-demand.ts';

const LABELS = new Set(['small', 'large', 'gpu']);

/** Counts what servers ask for; each is given as functions and their jobs. */
function count(...servers: readonly Readonly<Record<string, number | null>>[]): Record<string, number> {
  return Object.fromEntries(countQueueDemand(servers.map(table), LABELS));
}

function table(functions: Readonly<Record<string, number | null>>): readonly FunctionStatus[] {
  return Object.entries(functions).map(([name, jobs]) => ({ name, jobs, hasWorkers: false }));
}

describe('the demand of queues', () => {
  it('is the number of jobs of functions with a label', () => {
    expect(count({ 'build:unit:small': 2, 'build:docs:small': 1, 'build:unit:large': 4 })).toEqual({
      small: 3,
      large: 4,
    });
  });

  it('adds up over servers', () => {
    expect(count({ 'build:unit:small': 2 }, { 'build:unit:small': 5 })).toEqual({ small: 7 });
  });

  it('knows no label that nothing asks for', () => {
    expect(count({ 'build:unit:small': 0, 'build:docs:large': -2 })).toEqual({});
  });

  it('comes only from functions that build', () => {
    expect(count({ 'merger:merge': 3, 'stop:unit:small': 1, 'rebuild:unit:small': 1, build: 1, '': 1 })).toEqual({});
  });

  it('counts jobs without a label for the first label of a job of that name, on whatever server that is', () => {
    expect(count({ 'build:unit': 3, 'build:unit:large': 0, 'build:unit:small': 1 })).toEqual({ large: 3, small: 1 });
    expect(count({ 'build:unit': 3 }, { 'build:unit:large': 0 })).toEqual({ large: 3 });
    expect(count({ 'build:unit:small': 0 }, { 'build:unit': 1, 'build:unit:large': 0 })).toEqual({ small: 1 });
  });

  it('leaves out jobs without a label while there is none for them', () => {
    expect(count({ 'build:unit': 3, 'build:docs:small': 1 })).toEqual({ small: 1 });
  });

  it('leaves out labels that are not in the configuration, also as the first one of a job', () => {
    expect(count({ 'build:unit:master': 5, 'build:unit:small': 0, 'build:unit': 2 })).toEqual({ small: 2 });
    expect(count({ 'build:unit:': 5, 'build::': 1, 'build:': 1 })).toEqual({});
  });

  it('takes the last part of a name with colons as the label, and the one before it as the job', () => {
    expect(count({ 'build:my job:small': 1, 'build:folder:unit:large': 2, 'build:unit': 4 })).toEqual({
      small: 1,
      large: 6,
    });
  });

  it('counts no jobs where the server gives no number, but learns the label', () => {
    expect(count({ 'build:unit:small': null, 'build:unit': 2, 'build:docs': null })).toEqual({ small: 2 });
  });

  it('does not confuse names with what objects have', () => {
    expect(count({ 'build:constructor': 1, 'build:unit:__proto__': 1, 'build:toString:small': 1 })).toEqual({
      small: 1,
    });
  });

  it('is never less than nothing, and never for a label that is not in the configuration', () => {
    const part = fc.constantFrom('', 'unit', 'docs', 'small', 'large', 'master');
    const name = fc.array(part, { maxLength: 4 }).map((parts) => ['build', ...parts].join(':'));
    const status = fc.record({ name, jobs: fc.option(fc.integer()), hasWorkers: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(status)), (servers) => {
        for (const [label, nodes] of countQueueDemand(servers, LABELS)) {
          expect([LABELS.has(label), nodes > 0]).toEqual([true, true]);
        }
      }),
      { numRuns: 500, seed: 20_160_101 },
    );
  });
});

describe('a function without a number of jobs', () => {
  it('is found when it asks for nodes', () => {
    expect(findUncounted(table({ 'build:unit:small': 1, 'build:docs:small': null, 'build:x': null }))).toBe(
      'build:docs:small',
    );
    expect(findUncounted(table({ merge: null, 'build:unit:small': 0 }))).toBeNull();
  });
});
