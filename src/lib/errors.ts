/**
 * The error catalogue. An error that the program expects is a {@link NodepoolError} with a code from this
 * table; the code decides what happens next, never the message. Anything else is a mistake of ours.
 */

/** What a caller may do after an error: try again soon, after a back-off, with other parameters, or not at all. */
export type RetryClass = 'soon' | 'later' | 'elsewhere' | 'never';

/**
 * Every code with its retry class and, where a launch can fail with it, the last part of its statsd key
 * (`nodepool.launch.error.<metric>`; the original's keys are kept).
 */
export const ERROR_CODES = {
  /** The cloud's resource, or the row asked for, does not exist (any more). */
  'not-found': { retry: 'never', metric: 'unknown' },
  /** The cloud refused because a quota is used up. */
  quota: { retry: 'later', metric: 'quota' },
  /** The cloud asked us to slow down; `retryAfterMs` may say for how long. */
  throttled: { retry: 'soon', metric: 'throttled' },
  /** The resource is busy with something else; nothing was done. */
  conflict: { retry: 'soon', metric: 'conflict' },
  /** The cloud refused the request as wrong; sending it again unchanged is useless. */
  rejected: { retry: 'elsewhere', metric: 'rejected' },
  /** No usable answer (time-out, reset, 5xx): the request may or may not have had its effect. */
  unavailable: { retry: 'later', metric: 'unavailable' },
  /** The cloud does not accept our credentials. */
  auth: { retry: 'later', metric: 'auth' },
  /** No address, or no SSH answer, from a server. */
  unreachable: { retry: 'soon', metric: 'ssh' },
  /** The server answers SSH but does not let us in, or not as expected. */
  'login-refused': { retry: 'soon', metric: 'auth' },
  /** Another host key than the one on record: it is not the server that it was. */
  'host-key-changed': { retry: 'never', metric: 'ssh' },
  /** A command or script on a server ended with a non-zero exit code. */
  'command-failed': { retry: 'elsewhere', metric: 'script' },
  /** The disk has no room for what is to be written. */
  'no-space': { retry: 'later', metric: 'unknown' },
  /** The database does not answer. */
  'database-unavailable': { retry: 'soon', metric: 'unknown' },
  /** The database answers but is not ours, is newer than this program, or refuses the login. */
  'database-unusable': { retry: 'never', metric: 'unknown' },
  /** The configuration file has problems; the message lists them. */
  config: { retry: 'never', metric: 'unknown' },
  /** The operator asked for something that makes no sense (exit code 2). */
  usage: { retry: 'never', metric: 'unknown' },
  /** The operator asked for something that is not possible now (exit code 1). */
  refused: { retry: 'never', metric: 'unknown' },
  /** The work was abandoned because the daemon stops or lost its lease. */
  aborted: { retry: 'soon', metric: 'unknown' },
} as const satisfies Record<string, { retry: RetryClass; metric: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  cause?: unknown;
  /** How long the other side asked us to wait, in milliseconds. */
  retryAfterMs?: number;
}

export class NodepoolError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'NodepoolError';
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Whether `error` is an expected error, and if `codes` are given, one of these. */
export function isNodepoolError(error: unknown, ...codes: ErrorCode[]): error is NodepoolError {
  return error instanceof NodepoolError && (codes.length === 0 || codes.includes(error.code));
}

/** The message of anything thrown, on one line. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}
