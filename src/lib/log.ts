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

const nothing = (): void => undefined;

/** A logger that drops everything. */
export const silentLog: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLog,
};
