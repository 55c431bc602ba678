/** The daemon's log: named loggers with levels of their own, on pino. */
import { pino, type Logger } from 'pino';
import type { Log, LogFields } from '../lib/log.ts';
import { safeFields, withoutPasswords } from './log-fields.ts';
import { openLogOutput, type LogOutput } from './log-output.ts';
import type { LogLevel, LogSettings } from './log-settings.ts';

export interface DaemonLog extends Log {
  /** Why the daemon ends against its will. */
  fatal(fields: LogFields, message: string): void;
  /** Opens the log file again, after it was rotated away. Errors: `refused`; the old file stays open. */
  reopen(): void;
}

/** The root logger, `nodepool`. Errors: `refused` when the log file cannot be written. */
export async function createLog(settings: LogSettings, env: NodeJS.ProcessEnv): Promise<DaemonLog> {
  return logTo(await openLogOutput(settings, env), settings);
}

/** The same on an output that is open already. */
export function logTo(output: LogOutput, settings: LogSettings): DaemonLog {
  const root = pino(
    {
      base: null,
      level: 'debug',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors arrive as plain data; pino's own serializer would add to them.
      serializers: { err: (err: unknown) => err },
    },
    output,
  );
  const log = namedLog(root, 'nodepool', settings);
  const fatal = root.child({ logger: 'nodepool' });
  return {
    ...log,
    fatal: (fields, message) => fatal.fatal(safeFields(fields, true), withoutPasswords(message)),
    reopen: () => output.reopen(),
  };
}

function namedLog(root: Logger, name: string, settings: LogSettings): Log {
  const level = levelOf(name, settings);
  const logger = root.child({ logger: name }, { level: level === 'off' ? 'silent' : level });
  const stacks = level === 'debug';
  const write =
    (at: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: LogFields, message: string): void => {
      // Fields cost more than lines: those of a line that is not printed are left alone.
      if (logger.isLevelEnabled(at)) logger[at](safeFields(fields, stacks), withoutPasswords(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (child) => namedLog(root, `${name}.${child}`, settings),
  };
}

/** The level set for the logger itself or for the nearest one above it. */
export function levelOf(logger: string, settings: LogSettings): LogLevel {
  for (let name = logger; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
    const level = settings.levels[name];
    if (level !== undefined) return level;
  }
  return settings.level;
}
