import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

const STDOUT = 1;

/**
 * Watches the terminal that the process was started on. Answers a function that tells whether it has been closed
 * since; always false when standard output was no terminal.
 */
export function watchTerminal(): () => boolean {
  if (!isatty(STDOUT) || !canOpenTerminal()) return () => false;
  return () => !canOpenTerminal();
}

/** A process loses its controlling terminal when that is closed. */
function canOpenTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
