import type { Log, LogFields } from '../lib/log.ts';
import { safeFields, withoutPasswords } from '../process/log-fields.ts';
import type { TextStream } from './context.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'off'] as const;
type Level = (typeof LEVELS)[number];

/** The least level that the logger of this name writes. */
export type LevelOf = (logger: string) => Level;

/** A logger that writes readable lines to a stream. */
export function createStreamLog(stream: TextStream, levelOf: LevelOf, name = 'nodepool'): Log {
  const least = LEVELS.indexOf(levelOf(name));
  const write = (level: Level, fields: LogFields, message: string): void => {
    if (LEVELS.indexOf(level) < least) return;
    const parts = [withoutPasswords(message), ...Object.entries(safeFields(fields, least === 0)).map(describeField)];
    stream.write(`${level.toUpperCase()} ${name}: ${parts.join(' ')}\n`);
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    child: (part) => createStreamLog(stream, levelOf, `${name}.${part}`),
  };
}

function describeField([key, value]: [string, unknown]): string {
  return `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
}
