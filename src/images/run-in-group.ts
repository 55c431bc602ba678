import { spawn, type ChildProcess } from 'node:child_process';
import type { Environment } from '../config/state-directory.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { onAbort } from '../lib/on-abort.ts';
import { endGroup, isGroupGone, NOTE_AND_EXEC, thisHost } from './process-group.ts';

/** What the leader of a group leaves running may end by itself: diskimage-builder's output goes through a filter. */
const SETTLE_MS = 10_000;

export interface GroupCommand {
  /** Path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Environment;
  /** Where its output goes, in the operating system's hands: it does not need us. Null: nowhere. */
  readonly output: number | null;
  /** Path of the file that says which process group it is. */
  readonly note: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs a program in a process group (and session) of its own, without input. When it returns, nothing of the group runs
 * any more. When `signal` aborts, the group is ended and the error is the signal's reason.
 */
export async function runInGroup(command: GroupCommand, clock: Clock, signal: AbortSignal): Promise<Ending> {
  signal.throwIfAborted();
  const { id, exited } = start(command);
  let release = (): void => undefined;
  const aborted = new Promise<null>((resolve) => {
    release = onAbort(signal, () => resolve(null));
  });
  try {
    const ending = await Promise.race([exited, aborted]);
    if (ending !== null) await isGroupGone(id, { clock, ms: SETTLE_MS, signal });
    await endGroup(id, clock);
    const { code, signal: killer } = await exited;
    signal.throwIfAborted();
    return { code, signal: killer };
  } finally {
    release();
  }
}

function start(command: GroupCommand): { id: number; exited: Promise<Ending> } {
  const child = spawnShell(command);
  const exited = new Promise<Ending>((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => reject(notStarted(command.program, error)));
  });
  // Without a pid the error above follows, and `exited` is all that anybody looks at.
  return { id: child.pid ?? 0, exited };
}

function spawnShell({ program, args, env, output, note }: GroupCommand): ChildProcess {
  const stream = output ?? 'ignore';
  try {
    return spawn('/bin/sh', ['-c', NOTE_AND_EXEC, note, thisHost(), program, ...args], {
      detached: true,
      env: { ...env },
      stdio: ['ignore', stream, stream],
    });
  } catch (error) {
    // Some errors come at once: an environment that is too large, for one.
    throw notStarted(program, error);
  }
}

function notStarted(program: string, error: unknown): NodepoolError {
  return new NodepoolError('command-failed', `${program} could not be started: ${describeError(error)}`, {
    cause: error,
  });
}
