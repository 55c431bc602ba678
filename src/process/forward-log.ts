/** The log of a thread: what is to be printed is passed on to the one that has the output. */
import type { Log, LogFields } from '../lib/log.ts';
import { safeFields } from './log-fields.ts';
import { levelOf } from './log.ts';
import { LOG_LEVELS, type LogSettings } from './log-settings.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

export interface ForwardedLine {
  readonly level: Level;
  /** Plain data: errors would lose their codes on the way. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** @param logger name of the logger that the lines end up in; those below it are not told apart */
export function forwardLog(logger: string, settings: LogSettings, send: (line: ForwardedLine) => void): Log {
  const from = LOG_LEVELS.indexOf(levelOf(logger, settings));
  const write =
    (level: Level) =>
    (fields: LogFields, message: string): void => {
      if (LOG_LEVELS.indexOf(level) >= from) send({ level, fields: safeFields(fields, from === 0), message });
    };
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return log;
}
