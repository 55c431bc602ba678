/** How the pool gets into a server. A driver brings the implementation that fits its servers. */

export interface LoginTarget {
  readonly address: string;
  /** Tried in this order. */
  readonly usernames: readonly string[];
  /** Path of the private key; null: none. */
  readonly privateKeyPath: string | null;
}

export interface RemoteFile {
  /** Absolute path on the server. */
  readonly path: string;
  /** Text, or bytes where they are not UTF-8. */
  readonly content: string | Uint8Array;
  /** Permission bits, e.g. 0o644. */
  readonly mode: number;
}

export interface RemoteCommand {
  /** A line for the server's shell, quoted by the caller (`quote.ts`). */
  readonly line: string;
  /** Allocate a pseudo-terminal, as the classic ready script gets one. */
  readonly pty?: boolean;
  /** Receives output as it comes, line by line, without line ends. */
  readonly onLine?: (line: string) => void;
}

/**
 * Errors: `unreachable` (nobody answers), `login-refused` (somebody answers, but not with a working login),
 * `command-failed` (exit code other than 0, message with the last lines of output), `aborted`.
 */
export interface Shell {
  /** Logs in and runs an echo; resolves with the user name that worked. */
  probe(target: LoginTarget, signal: AbortSignal): Promise<string>;
  run(target: LoginTarget, command: RemoteCommand, signal: AbortSignal): Promise<void>;
  writeFiles(target: LoginTarget, files: readonly RemoteFile[], signal: AbortSignal): Promise<void>;
}
