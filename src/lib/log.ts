/** What the program needs of a logger. Fields come first, as in pino, which stands behind it in the daemon. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger named `name` (`nodepool.<name>`), whose level can be set on its own. */
  child(name: string): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that gives each line to `write`. Those below it are not told apart. */
export function logLines(write: (line: LogLine) => void): Log {
  const at =
    (level: LogLine['level']) =>
    (fields: LogFields, message: string): void =>
      write({ level, fields, message });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
}

/** A logger that drops everything. */
export const silentLog: Log = logLines(() => undefined);
