/**
 * The pid file: says which process is the daemon, and keeps a second one from starting beside it.
 *
 * It comes into being complete (written aside, then hard-linked to its name, which fails when the name is
 * taken), so nobody ever reads half of it. A stale one is moved aside before it is replaced: of two daemons
 * that find the same stale file only one gets to move it.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { NodepoolError } from '../lib/errors.ts';
import { systemErrorCode, systemErrorReason } from '../lib/system-error.ts';

export interface PidFile {
  readonly path: string;
  /** Removes the file if it still names this process. Never throws: called while the process ends. */
  remove(): void;
}

export interface PidFileOwner {
  readonly pid: number;
  /** Whether another process `pid` is a daemon at work. */
  isDaemon(pid: number): boolean;
}

/** Somebody else may take the file between our look and our step; this often is more than chance. */
const ATTEMPTS = 10;

/** Errors: `refused` when another daemon holds the file or it cannot be written. */
export function writePidFile(path: string, owner: PidFileOwner): PidFile {
  const aside = `${path}.${owner.pid}`;
  try {
    rmSync(aside, { force: true });
    writeFileSync(aside, `${owner.pid}\n`, { mode: 0o644, flag: 'wx' });
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (tryLink(aside, path)) return { path, remove: () => removeOwn(path, owner.pid) };
      clearStale(path, owner);
    }
  } catch (error) {
    if (error instanceof NodepoolError) throw error;
    throw new NodepoolError(
      'refused',
      `cannot write the pid file ${path} (${systemErrorReason(error)}): choose another one with -p`,
      { cause: error },
    );
  } finally {
    removeQuietly(aside);
  }
  throw new NodepoolError('refused', `cannot take the pid file ${path}: other processes keep replacing it`);
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a stale file out of the way; a file that another daemon holds is an error. */
function clearStale(path: string, owner: PidFileOwner): void {
  const found = readIfThere(path);
  if (found === null) return;
  refuseIfHeld(path, found, owner);
  const aside = `${path}.${owner.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  // A new daemon may have replaced the stale file before our rename: then it gets its file back.
  if (readIfThere(aside) !== found) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function refuseIfHeld(path: string, content: string, owner: PidFileOwner): void {
  const pid = /^\d{1,10}$/.test(content.trim()) ? Number(content) : 0;
  // Our own pid: left by an earlier life in which we had the same one, as happens in containers.
  if (pid <= 0 || pid === owner.pid || !owner.isDaemon(pid)) return;
  throw new NodepoolError('refused', `another nodepoold runs as process ${pid} and holds the pid file ${path}`);
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function removeOwn(path: string, pid: number): void {
  try {
    if (readIfThere(path)?.trim() === String(pid)) rmSync(path, { force: true });
  } catch {
    // A leftover pid file is stale and no obstacle to the next start.
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The directory cannot be written, or is none: then the file is not there either.
  }
}
