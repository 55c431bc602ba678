/** How the pool gets into a server. A driver brings the implementation that fits its servers. */

export interface LoginTarget {
  readonly address: string;
  /** Tried in this order. */
  readonly usernames: readonly string[];
  /** Path of the private key; null: none. */
  readonly privateKeyPath: string | null;
  /** The key that the server has to show, as `ssh-ed25519 AAAA...`; null: any is taken. */
  readonly hostKey: string | null;
}

export interface Login {
  /** The user name that worked. */
  readonly username: string;
  /** The key that the server showed, as `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
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
 * `host-key-changed` (another server answers than the one that was there; nothing was sent to it),
 * `command-failed` (exit code other than 0, message with the last lines of output), `aborted`.
 */
export interface Shell {
  /** Resolves when somebody speaks SSH at the address: no login, and nearly free. */
  knock(address: string, signal: AbortSignal): Promise<void>;
  /** Logs in and runs an echo. */
  probe(target: LoginTarget, signal: AbortSignal): Promise<Login>;
  run(target: LoginTarget, command: RemoteCommand, signal: AbortSignal): Promise<void>;
  writeFiles(target: LoginTarget, files: readonly RemoteFile[], signal: AbortSignal): Promise<void>;
}
