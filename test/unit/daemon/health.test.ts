import { expect, it } from 'vitest';
import { createHealth } from '../../../src/daemon/health.ts';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { logLines } from '../../../src/lib/log.ts';

it('the pool is not looked after before the first pass, after one that failed, and while one hangs', async () => {
  const clock = createFakeClock();
  const lines: string[] = [];
  const health = createHealth({ clock, log: logLines(({ message }) => lines.push(message)) });
  expect(health.problem()).toBe('the daemon has not looked at its pool yet');
  health.passed();
  expect(health.problem()).toBeNull();
  const away = new NodepoolError('database-unavailable', 'the database does not answer');
  for (let count = 0; count < 3; count += 1) health.failed(away);
  expect(health.problem()).toBe('the last pass failed: the database does not answer');
  health.passed();
  await clock.advance(30_000);
  expect(health.problem()).toBeNull();
  await clock.advance(1000);
  expect([health.problem(), clock.now() - health.lastPassAt()]).toEqual([
    'the last look at the pool ended 31 s ago',
    31_000,
  ]);
  health.passed();
  expect(health.problem()).toBeNull();
  // What goes on failing is told once.
  expect(lines).toHaveLength(2);
});
