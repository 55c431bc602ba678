import type { Clock } from '../../lib/clock.ts';
import { createDeadlines } from '../../lib/deadlines.ts';
import { isNodepoolError } from '../../lib/errors.ts';
import { onAbort } from '../../lib/on-abort.ts';
import { sayText } from '../../lib/say-text.ts';
import type { Connection } from './connection.ts';
import { abandoned } from './patience.ts';
import type { RunCommand } from './run-command.ts';

const ECHO = 'nodepool login test';
/** How long the echo may take, */
const LIMIT_MS = 10_000;
/** and how long after the server has said something else. */
const CHATTER_LIMIT_MS = 2000;

/** Tells whether the user can run commands: null, or why not. Rejects with `unreachable` or `aborted`. */
export type EchoTest = (connection: Connection, signal: AbortSignal) => Promise<string | null>;

/**
 * Images for clouds let root log in only to say who else to log in as, wait ten seconds, and hang up; nobody waits for
 * that.
 */
export function createEchoTest({ clock, run }: { clock: Clock; run: RunCommand }): EchoTest {
  const patience = createDeadlines(clock, LIMIT_MS);
  const chatter = createDeadlines(clock, CHATTER_LIMIT_MS);
  return async (connection, signal) => {
    const own = new AbortController();
    const giveUp = (): void => own.abort();
    const ends = [onAbort(signal, giveUp), patience.start(giveUp)];
    let isHeard = false;
    let other: string | null = null;
    const onLine = (line: string): void => {
      if (line === ECHO) isHeard = true;
      else if (other === null && line.trim() !== '') {
        other = line;
        ends.push(chatter.start(giveUp));
      }
    };
    try {
      await run(connection, { line: `echo '${ECHO}'`, onLine }, own.signal);
    } catch (error) {
      if (signal.aborted) throw abandoned(connection.address);
      // What was heard says more than how it ended. Nothing was heard, and the server is gone: nobody was refused.
      if (other === null && !isHeard && !isNodepoolError(error, 'command-failed', 'aborted')) throw error;
    } finally {
      for (const end of ends) end();
    }
    if (isHeard) return null;
    return `runs no commands and says ${other === null ? 'nothing' : `"${sayText(other)}"`}`;
  };
}
