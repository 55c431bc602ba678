/**
 * The notes that running daemons leave in the state directory, one each, so that the command line program finds them.
 * One that was killed leaves its note behind; the next daemon takes it away.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { isRecord } from '../lib/json.ts';

/** Holds no secrets. Paths are absolute. */
export interface RuntimeFile {
  readonly pid: number;
  readonly config: string;
  /** null: none is used. */
  readonly secure: string | null;
  /** A rehearsal: all providers are on the fake cloud. */
  readonly fake: boolean;
}

/** Of a note, or of one that was never finished. */
const NAME = /^daemon-([1-9]\d{0,9})\.json(\.new)?$/;

/** The notes of the daemons that are alive, in the order of their pids. */
export function readRuntimeFiles(directory: string, isAlive: (pid: number) => boolean): readonly RuntimeFile[] {
  const pids = notedPids(directory).filter(isAlive);
  return pids.map((pid) => readNote(noteOf(directory, pid))).filter((note) => note !== null);
}

/** Writes the note in one step. Error: `config`, when the directory cannot be written. */
export function writeRuntimeFile(directory: string, note: RuntimeFile): void {
  const path = noteOf(directory, note.pid);
  const draft = `${path}.new`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    writeFileSync(draft, `${JSON.stringify(note, null, 2)}\n`);
    renameSync(draft, path);
  } catch (error) {
    const reason = describeError(error);
    throw new NodepoolError(
      'config',
      `${path} cannot be written (${reason}); set NODEPOOL_STATE_DIR to a directory that can`,
      {
        cause: error,
      },
    );
  }
}

/** Takes a daemon's note away. Never throws. */
export function removeRuntimeFile(directory: string, pid: number): void {
  const path = noteOf(directory, pid);
  try {
    for (const file of [path, `${path}.new`]) rmSync(file, { force: true });
  } catch {
    // A note that stays behind names a dead daemon, and is taken for none.
  }
}

/** Takes the notes of dead daemons away. Never throws. */
export function sweepRuntimeFiles(directory: string, isAlive: (pid: number) => boolean): void {
  for (const pid of notedPids(directory)) if (!isAlive(pid)) removeRuntimeFile(directory, pid);
}

function noteOf(directory: string, pid: number): string {
  return join(directory, `daemon-${pid}.json`);
}

function notedPids(directory: string): number[] {
  try {
    const pids = readdirSync(directory).flatMap((name) => NAME.exec(name)?.slice(1, 2).map(Number) ?? []);
    return [...new Set(pids)].sort((one, other) => one - other);
  } catch {
    // Missing, or not ours to read: as good as without notes.
    return [];
  }
}

function readNote(path: string): RuntimeFile | null {
  try {
    const note: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isNote(note) ? note : null;
  } catch {
    // Taken back just now, not ours to read, or damaged: as good as none.
    return null;
  }
}

function isNote(value: unknown): value is RuntimeFile {
  if (!isRecord(value)) return false;
  const { pid, config, secure, fake } = value;
  return (
    Number.isSafeInteger(pid) &&
    Number(pid) > 0 &&
    typeof config === 'string' &&
    (secure === null || typeof secure === 'string') &&
    typeof fake === 'boolean'
  );
}
