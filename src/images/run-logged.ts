import type { Environment } from '../config/state-directory.ts';
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import { lastLines, type BuildLog } from './build-logs.ts';
import { isFull } from './free-space.ts';
import { runInGroup, type Ending } from './run-in-group.ts';

export interface LoggedCommand {
  /** Path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Environment;
  /** What it does, for messages: `disk-image-create (disk image ubuntu)`. */
  readonly what: string;
}

export interface LoggedPlace {
  readonly clock: Clock;
  readonly log: BuildLog;
  readonly logPath: string;
  /** Path of the file that says which process group runs. */
  readonly note: string;
  /** Of the disk that is written to. */
  readonly freeBytes: () => Promise<number>;
}

/**
 * Runs a program in a process group, its output in the log between lines of ours. Error: `no-space` when it fails because
 * the disk is full, `command-failed` when it fails otherwise.
 */
export async function runLogged(command: LoggedCommand, place: LoggedPlace, signal: AbortSignal): Promise<void> {
  const { program, args, what } = command;
  const { clock, log, note } = place;
  const start = clock.now();
  writeLine(place, `${RUNS} ${[program, ...args].map(quote).join(' ')}`);
  await log.written();
  try {
    const ending = await runInGroup({ ...command, output: log.fd, note }, clock, signal);
    const how = describe(ending);
    writeLine(place, `${how} after ${Math.round((clock.now() - start) / 1000)} s`);
    if (ending.code !== 0) throw await failure(`${what} ${how}`, place);
  } catch (error) {
    if (signal.aborted) writeLine(place, `was ended after ${Math.round((clock.now() - start) / 1000)} s`);
    throw error;
  }
}

/** Lines of ours in the log of a build tell themselves from those of programs. */
export function writeLine({ clock, log }: Pick<LoggedPlace, 'clock' | 'log'>, text: string): void {
  log.line(`${OURS} ${new Date(clock.now()).toISOString()} ${text}`);
}

const OURS = '[nodepool]';
const RUNS = 'runs';

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function describe({ code, signal }: Ending): string {
  if (signal === null) return `ended with exit code ${code ?? 'unknown'}`;
  return signal === 'SIGKILL'
    ? 'was killed by SIGKILL, as the kernel does when memory is short'
    : `was killed by ${signal}`;
}

/** The words of every program that reports ENOSPC: they tell of the disk that it was working on, which need not be ours. */
const NO_SPACE = 'No space left on device';

/** Of these it may have said why it fails before it cleaned up. */
const LINES_LOOKED_AT = 500;

async function failure(what: string, { logPath, freeBytes }: LoggedPlace): Promise<NodepoolError> {
  const lines = await lastLines(logPath, LINES_LOOKED_AT);
  const own = lines.slice(lines.findLastIndex((line) => line.startsWith(OURS) && line.includes(` ${RUNS} `)) + 1);
  if (own.some((line) => line.includes(NO_SPACE)) || isFull(await freeBytes()))
    return new NodepoolError('no-space', `${what} because the disk is full: make room; its log is ${logPath}`);
  return new NodepoolError('command-failed', what);
}
