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
  expect(health.problem()).toBe('the last look at the pool failed; the log says why');
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

it('where the database is, and as whom the pool logs in there, is for the log alone', () => {
  const why = 'the database np on db.example.org:3306 (user nodepool) does not answer';
  const lines: unknown[] = [];
  const log = logLines(({ level, fields }) => lines.push([level, fields.error]));
  const health = createHealth({ clock: createFakeClock(), log });
  health.failed(new NodepoolError('database-unavailable', why));
  expect(health.problem()).not.toMatch(/db\.example\.org|user/);
  expect(lines).toEqual([['warn', why]]);
});
