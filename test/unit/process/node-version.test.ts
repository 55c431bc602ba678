import { expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { warnOfOldNode } from '../../../src/process/node-version.ts';

it.each([
  ['20.20.2', 1],
  ['22.16.0', 0],
  ['24.1.0', 0],
])('warns of a Node.js without security fixes, and of no other: %s', (version, count) => {
  let warnings = 0;
  warnOfOldNode(version, { ...silentLog, warn: () => void (warnings += 1) });
  expect(warnings).toBe(count);
});
