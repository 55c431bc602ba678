/**
 * Process groups: a build runs in one of its own, so that all of it can be ended. Which one is noted in a file, by the build
 * itself and before it does anything else, so that whoever cleans up after a killed daemon finds it.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import { systemErrorCode } from '../lib/system-error.ts';

/**
 * How long the steps of ending a group may take. Its leader is asked first, and alone: diskimage-builder unmounts and removes
 * what it has made, which fails when the filter of its output is ended along with it. After a kill the kernel may need a
 * moment. Altogether it is less than a daemon has to stop.
 */
const LEADER_GRACE_MS = 8000;
const TERM_GRACE_MS = 4000;
const KILL_GRACE_MS = 5000;
const POLL_MS = 50;

/** A process as `/proc/PID/stat` has it. */
interface ProcessFacts {
  readonly pid: number;
  readonly group: number;
  readonly isZombie: boolean;
  /** In clock ticks since the machine started: together with the pid it means one process only. */
  readonly startTime: string;
}

/** Fields are counted from behind the name, which may hold anything, parentheses and blanks too. */
function parseStat(text: string): ProcessFacts | null {
  const [, pid, rest = ''] = /^(\d+) \(.*\) ([^)]+)$/s.exec(text.trim()) ?? [];
  const fields = rest.split(' ');
  const [state, group, startTime] = [fields[0], fields[2], fields[19]];
  if (pid === undefined || state === undefined || group === undefined || startTime === undefined) return null;
  return { pid: Number(pid), group: Number(group), isZombie: state === 'Z' || state === 'X', startTime };
}

/** The boot of the machine and the pid namespace that pids are good for; empty: not to be known here. */
export function thisHost(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not Linux, or /proc is hidden: then nothing that a note says can be verified, and nothing is ended by one.
    return '';
  }
}

/**
 * A command line for `/bin/sh -c`, with the path of the note, the host and then a command: it notes the host and itself in
 * the file, and becomes the command. It uses nothing but what the shell has built in.
 */
export const NOTE_AND_EXEC =
  'read -r stat 2>/dev/null </proc/$$/stat; printf "%s\\n" "$1" "$stat" >"$0" || exit 125; shift; exec "$@"';

/** Sees to it that nothing of a process group runs any more. Error: `command-failed` when it cannot be ended. */
export async function endGroup(id: number, clock: Clock): Promise<void> {
  if (!(await isGroupRunning(id))) return;
  if (await isRunning(id)) {
    send(id, 'SIGTERM');
    await isGone(() => isRunning(id), { clock, ms: LEADER_GRACE_MS });
  }
  for (const [signal, graceMs] of [
    ['SIGTERM', TERM_GRACE_MS],
    ['SIGKILL', KILL_GRACE_MS],
  ] as const) {
    send(-id, signal);
    if (await isGroupGone(id, { clock, ms: graceMs })) return;
  }
  throw new NodepoolError(
    'command-failed',
    `process group ${id} of a build goes on although it was killed; end it by hand, as the user that it belongs to`,
  );
}

interface Patience {
  readonly clock: Clock;
  readonly ms: number;
  readonly signal?: AbortSignal;
}

/** Waits up to `ms` for the end of a process group, or until `signal` aborts; tells whether it has ended. */
export function isGroupGone(id: number, patience: Patience): Promise<boolean> {
  return isGone(() => isGroupRunning(id), patience);
}

async function isGone(isThere: () => Promise<boolean>, { clock, ms, signal }: Patience): Promise<boolean> {
  const until = clock.now() + ms;
  while (await isThere()) {
    if (signal?.aborted || clock.now() >= until) return false;
    await clock.sleep(POLL_MS, signal);
  }
  return true;
}

/**
 * Sends a signal (0: none, to see whether it could be sent) to a process, or to the group of a negative number; false: there
 * is none.
 */
function send(target: number, signal: NodeJS.Signals | 0): boolean {
  // 0, 1 and -1 would mean our own group, the first process, and everybody.
  if (Math.abs(target) <= 1) return false;
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    // EPERM: all of its processes belong to somebody else.
    return systemErrorCode(error) !== 'ESRCH';
  }
}

async function isGroupRunning(id: number): Promise<boolean> {
  if (!send(-id, 0)) return false;
  // The dead count for the call above until their parent has looked at them, which in some containers nobody does.
  const members = await membersOf(id);
  return members === null || members.length > 0;
}

/** Whether a process lives; where that is not to be known, whether there is one. */
async function isRunning(pid: number): Promise<boolean> {
  const facts = await factsOf(pid);
  return facts === null ? send(pid, 0) : !facts.isZombie;
}

/** The living processes of a group; null: not to be known here. */
async function membersOf(id: number): Promise<readonly number[] | null> {
  // Not Linux.
  const names = await readdir('/proc').catch(() => null);
  if (names === null || thisHost() === '') return null;
  const pids = names.filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => factsOf(Number(pid))));
  return found.flatMap((facts) => (facts !== null && facts.group === id && !facts.isZombie ? [facts.pid] : []));
}

async function factsOf(pid: number): Promise<ProcessFacts | null> {
  // It has just ended, mostly.
  return readFile(`/proc/${pid}/stat`, 'utf8').then(parseStat, () => null);
}

/**
 * Ends the process group that the note at `path` names, if it is still the same: one of this host, whose leader began at
 * the noted time or, where that has ended, of which a process has `mark` in its environment.
 */
export async function endNotedGroup(path: string, { mark, clock }: { mark: string; clock: Clock }): Promise<void> {
  // No note: nothing was started.
  const text = await readFile(path, 'utf8').catch(() => '');
  const [host = '', stat = ''] = text.split('\n');
  const noted = parseStat(stat);
  if (host === '' || host !== thisHost() || noted === null) return;
  if (await isSameGroup(noted, mark)) await endGroup(noted.pid, clock);
}

async function isSameGroup(noted: ProcessFacts, mark: string): Promise<boolean> {
  const leader = await factsOf(noted.pid);
  if (leader !== null) return leader.startTime === noted.startTime;
  for (const pid of (await membersOf(noted.pid)) ?? []) {
    // What we may not look into is not known to be ours.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(mark)) return true;
  }
  return false;
}
