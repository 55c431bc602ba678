import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { read, root } from './source-tree.ts';

const rows = read('test/parity.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| --- ') && !line.startsWith('| Test of the original'))
  .map((line) => line.split(' | '));

/** Tests of ours that a cell names. */
function namedTests(cell: string): { path: string; name: string }[] {
  return [...cell.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)].map(([, path = '', name = '']) => ({ path, name }));
}

it('every test of ours that test/parity.md names is in the file that it names', () => {
  const named = rows.flatMap(([, , ours = '']) => namedTests(ours));
  expect(named.length).toBeGreaterThan(50);
  const missing = named.filter(({ path, name }) => {
    const calls = [`'${name}'`, `\`${name}\``, `"${name}"`];
    return !existsSync(join(root, path)) || !calls.some((call) => read(path).includes(call));
  });
  expect(missing).toEqual([]);
});

it('every row of test/parity.md names a test of ours, or says why there is none', () => {
  const empty = rows.filter(
    ([, , ours = '']) => namedTests(ours).length === 0 && !ours.startsWith('out of scope, because '),
  );
  expect(empty).toEqual([]);
});
