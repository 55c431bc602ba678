import { expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import type { LogLine } from '../../../src/lib/log.ts';
import { forwardLog } from '../../../src/process/forward-log.ts';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from '../../../src/process/log-settings.ts';

function record(settings: Partial<LogSettings>) {
  const lines: LogLine[] = [];
  const log = forwardLog('nodepool.api', { ...DEFAULT_LOG_SETTINGS, ...settings }, (line) => void lines.push(line));
  return { log, lines };
}

it('passes on what is to be printed, and no more', () => {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const passed = (settings: Partial<LogSettings>): string[] => {
    const { log, lines } = record(settings);
    for (const level of levels) log[level]({}, 'a message');
    return lines.map(({ level }) => level);
  };
  expect(passed({})).toEqual(['info', 'warn', 'error']);
  expect(passed({ level: 'error' })).toEqual(['error']);
  expect(passed({ level: 'error', levels: { 'nodepool.api': 'debug' } })).toEqual([...levels]);
  expect(passed({ levels: { nodepool: 'off' } })).toEqual([]);
});

it('makes plain data of fields that would not survive the way', () => {
  const { log, lines } = record({});
  log.warn({ err: new NodepoolError('refused', 'no'), token: 'secret', at: new Date(0) }, 'a message');
  const fields = { err: { message: 'no', code: 'refused' }, token: '[hidden]', at: '1970-01-01T00:00:00.000Z' };
  expect(structuredClone(lines)).toEqual([{ level: 'warn', fields, message: 'a message' }]);
});
