/** The note that a running daemon leaves in the state directory, so that the command line program finds it. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

const NAME = 'daemon.json';

/** The running daemon's note; null when there is none, or its daemon is gone. */
export function readRuntimeFile(directory: string, isAlive: (pid: number) => boolean): RuntimeFile | null {
  const note = readNote(directory);
  return note && isAlive(note.pid) ? note : null;
}

/** Replaces the note in one step. Error: `config`, when the directory cannot be written. */
export function writeRuntimeFile(directory: string, note: RuntimeFile): void {
  const path = join(directory, NAME);
  const draft = `${path}.${note.pid}`;
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

/** Takes the note back, unless another daemon has replaced it. Never throws. */
export function removeRuntimeFile(directory: string, pid: number): void {
  if (readNote(directory)?.pid !== pid) return;
  try {
    rmSync(join(directory, NAME), { force: true });
  } catch {
    // A note that stays behind names a dead daemon, and is taken for none.
  }
}

function readNote(directory: string): RuntimeFile | null {
  try {
    const note: unknown = JSON.parse(readFileSync(join(directory, NAME), 'utf8'));
    return isNote(note) ? note : null;
  } catch {
    // Missing, not ours to read, or damaged: as good as none.
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
