import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { logTo } from '../../../src/process/log.ts';
import { DEFAULT_LOG_SETTINGS } from '../../../src/process/log-settings.ts';
import { endOnUncaught } from '../../../src/process/uncaught.ts';

function aProcess() {
  const lines: Record<string, unknown>[] = [];
  const codes: number[] = [];
  const output = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    reopen: () => undefined,
  };
  const source = Object.assign(new EventEmitter(), { exit: (code: number) => void codes.push(code) });
  source.on('warning', () => codes.push(-1));
  endOnUncaught(source as unknown as NodeJS.Process, logTo(output, DEFAULT_LOG_SETTINGS));
  return { source, lines, codes };
}

it('ends the process with the stack in the log after an error that nobody caught', () => {
  const { source, lines, codes } = aProcess();
  source.emit('uncaughtException', Object.assign(new Error('lost'), { code: 'ELOST' }));
  expect(lines).toEqual([
    expect.objectContaining({
      level: 'fatal',
      msg: 'unexpected error; the daemon ends',
      err: { message: 'lost', code: 'ELOST', stack: expect.stringContaining('uncaught.test.ts') as string },
    }),
  ]);
  expect(codes).toEqual([1]);
});

it('logs a warning of Node.js instead of having it printed, and goes on', () => {
  const { source, lines, codes } = aProcess();
  source.emit('warning', { name: 'ExperimentalWarning', message: 'SQLite is experimental' });
  expect(lines).toEqual([
    expect.objectContaining({ level: 'warn', name: 'ExperimentalWarning', msg: 'SQLite is experimental' }),
  ]);
  expect(codes).toEqual([]);
});
