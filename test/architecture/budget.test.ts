import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { read, root } from './source-tree.ts';

interface BudgetEntry {
  readonly limits: Readonly<Record<string, number>>;
  readonly reason: string;
}

/** How far an exception may go (house rule 16). */
const CAPS: Readonly<Record<string, number>> = { maxLines: 400, maxLinesPerFunction: 60, complexity: 15, maxParams: 4 };

const budget = Object.entries(JSON.parse(read('tools/size-budget.json')) as Record<string, BudgetEntry>);

it('every exception from a size limit is for a file that exists', () => {
  expect(budget.map(([file]) => file).filter((file) => !existsSync(root + file))).toEqual([]);
});

it('every exception from a size limit says why', () => {
  expect(budget.filter(([, { reason }]) => reason.trim().split(/\s+/).length < 4)).toEqual([]);
});

it('no exception from a size limit goes beyond the cap', () => {
  const tooFar = budget.flatMap(([file, { limits }]) =>
    Object.entries(limits)
      .filter(([name, limit]) => !(limit <= (CAPS[name] ?? 0)))
      .map(([name]) => `${file}: ${name}`),
  );
  expect(tooFar).toEqual([]);
});
