/** The log of a thread: what is to be printed is passed on to the one that has the output. */
import { logLines, type Log, type LogLine } from '../lib/log.ts';
import { safeFields } from './log-fields.ts';
import { levelOf } from './log.ts';
import { LOG_LEVELS, type LogSettings } from './log-settings.ts';

/**
 * Passes lines on with plain data for fields: errors would lose their codes on the way.
 * @param logger name of the logger that the lines end up in
 */
export function forwardLog(logger: string, settings: LogSettings, send: (line: LogLine) => void): Log {
  const from = LOG_LEVELS.indexOf(levelOf(logger, settings));
  return logLines(({ level, fields, message }) => {
    if (LOG_LEVELS.indexOf(level) >= from) send({ level, fields: safeFields(fields, from === 0), message });
  });
}
