/** The output of builds, a file for each: written by daemons, read by `nodepool image-log`. */
import { appendFile, close, mkdirSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/** What a log belongs to: a build of a disk image, or that of a snapshot at a provider. */
export interface LogName {
  /** null: of a disk image. */
  readonly provider: string | null;
  readonly image: string;
  /** Epoch seconds. */
  readonly version: number;
}

/** Where logs are kept: daemon and command line find the same place. `stateDir` is that of `config/state-directory.ts`. */
export function buildLogDirectory(
  { imagesDir, buildLogDir }: { imagesDir: string | null; buildLogDir: string | null },
  stateDir: string,
): string {
  if (buildLogDir !== null) return buildLogDir;
  return imagesDir === null ? `${stateDir}/build-logs` : `${imagesDir}/logs`;
}

/** Absolute path of the log: `IMAGE-VERSION.log`, or for a snapshot `IMAGE@PROVIDER-VERSION.log`. Slashes in names become underscores. */
export function logPath(directory: string, { provider, image, version }: LogName): string {
  const name = `${image}${provider === null ? '' : `@${provider}`}-${version}`;
  return `${directory}/${name.replaceAll('/', '_')}.log`;
}

/** The log of a running build. It never fails: a build does not end because nobody can read about it. */
export interface BuildLog {
  /** Takes the output of a program; null: the log cannot be written. */
  readonly fd: number | null;
  /** Appends a line, in its turn. */
  line(text: string): void;
  /** Resolves when all lines up to now are in the file. */
  written(): Promise<void>;
  close(): Promise<void>;
}

const appendTo = promisify(appendFile);
const closeFile = promisify(close);

/** Opens the log at `path` to be continued; that it cannot be written is reported once, through `log`. */
export function openBuildLog(path: string, log: Log): BuildLog {
  let hasComplained = false;
  const complain = (error: unknown): void => {
    if (!hasComplained) log.warn({ path, error: describeError(error) }, 'the log of a build cannot be written');
    hasComplained = true;
  };
  const fd = openForAppending(path, complain);
  let turn = Promise.resolve();
  return {
    fd,
    line: (text) => {
      if (fd !== null) turn = turn.then(() => appendTo(fd, `${text}\n`)).catch(complain);
    },
    written: () => turn,
    close: async () => {
      await turn;
      if (fd !== null) await closeFile(fd).catch(complain);
    },
  };
}

function openForAppending(path: string, complain: (error: unknown) => void): number | null {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // Programs trace what they were given, secrets among it.
    return openSync(path, 'a', 0o640);
  } catch (error) {
    complain(error);
    return null;
  }
}

/** Enough for a screenful of the longest lines that diskimage-builder traces. */
const TAIL_BYTES = 64 * 1024;

/** The last `count` lines of a log that say something, without terminal codes; none when it cannot be read. */
export async function lastLines(path: string, count: number): Promise<readonly string[]> {
  // They are told beside something that matters more.
  const text = await readTail(path).catch(() => '');
  const lines = text.split('\n').map(plainText);
  return lines.filter((line) => line.trim() !== '').slice(-count);
}

async function readTail(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, TAIL_BYTES)), { position: start });
    const text = buffer.toString('utf8', 0, bytesRead);
    // A line whose beginning is not there says something else.
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

/** What a terminal would show in the end: progress bars write one line over and over. */
function plainText(line: string): string {
  const text = line.replaceAll(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])/g, '').replace(/\r+$/, '');
  return text.slice(text.lastIndexOf('\r') + 1);
}
