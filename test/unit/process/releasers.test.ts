import { expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { createReleasers } from '../../../src/process/releasers.ts';

it('releases the last first, each once, and goes on after one that fails', async () => {
  const released: string[] = [];
  const warnings: string[] = [];
  const releasers = createReleasers();
  releasers.push('database', () => void released.push('database'));
  releasers.push('metrics', () => Promise.reject(new Error('lost')));
  releasers.push('engine', async () => {
    await Promise.resolve();
    released.push('engine');
  });
  await releasers.releaseAll({ ...silentLog, warn: (_fields, message) => void warnings.push(message) });
  await releasers.releaseAll(silentLog);
  expect(released).toEqual(['engine', 'database']);
  expect(warnings).toEqual(['could not release the metrics']);
});
