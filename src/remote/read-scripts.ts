import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NodepoolError } from '../lib/errors.ts';
import { systemErrorCode, systemErrorReason } from '../lib/system-error.ts';
import { STAGING_DIRECTORY } from './scripts.ts';
import type { RemoteFile } from './shell.ts';

/** More than any set of scripts needs; it stops a `script-dir` that points at something else. */
const MAX_TOTAL_BYTES = 16 * 1024 * 1024;

/**
 * Every regular file in `directory` (links to files too, no subdirectories), by name, as files with mode 0755 for the
 * staging directory of a template server. Throws `config` when the directory cannot be read or holds too much.
 */
export async function readScripts(directory: string): Promise<readonly RemoteFile[]> {
  try {
    return await readFiles(directory, await regularFiles(directory));
  } catch (error) {
    if (error instanceof NodepoolError) throw error;
    throw new NodepoolError('config', describeProblem(directory, error), { cause: error });
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; make it, or name an existing directory',
  ENOTDIR: 'is not a directory; name one',
};

function describeProblem(directory: string, error: unknown): string {
  const { path = directory } = error as NodeJS.ErrnoException;
  const reason = systemErrorReason(error);
  if (path !== directory)
    return `${path}, a file in script-dir, cannot be read: ${reason}; change its permissions or remove it`;
  const problem = PROBLEMS[systemErrorCode(error) ?? ''];
  return `script-dir ${path} ${problem ?? `cannot be read: ${reason}; change its permissions or name another directory`}`;
}

/** Names of the files; their sizes are checked before anything is read. */
async function regularFiles(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).sort();
  const regular: string[] = [];
  let total = 0;
  for (const name of names) {
    const entry = await statOrNull(join(directory, name));
    if (!entry?.isFile()) continue;
    regular.push(name);
    total += entry.size;
  }
  if (total > MAX_TOTAL_BYTES) {
    const megabytes = Math.ceil(total / 1024 / 1024);
    throw new NodepoolError(
      'config',
      `script-dir ${directory} holds ${megabytes} MiB of files; more than 16 MiB are not copied to servers`,
    );
  }
  return regular;
}

async function statOrNull(path: string): Promise<{ isFile(): boolean; size: number } | null> {
  // A dangling link, or a file that is gone by now, is no script.
  return stat(path).catch(() => null);
}

function readFiles(directory: string, names: readonly string[]): Promise<readonly RemoteFile[]> {
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(directory, name));
      return {
        path: `${STAGING_DIRECTORY}/${name}`,
        content: isUtf8(bytes) ? bytes.toString('utf8') : bytes,
        mode: 0o755,
      };
    }),
  );
}
