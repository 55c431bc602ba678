import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';

/** A path, or why there is none. */
export type FoundProgram = { readonly path: string } | { readonly problem: 'missing' | 'not-executable' };

/** Looks for a program as a shell does: a name in the directories of `searchPath`, anything with a slash where it says. */
export async function findProgram(name: string, searchPath: string | undefined): Promise<FoundProgram> {
  const places = name.includes('/')
    ? [resolve(name)]
    : (searchPath ?? '').split(delimiter).map((directory) => resolve(join(directory || '.', name)));
  let problem: 'missing' | 'not-executable' = 'missing';
  for (const path of places) {
    const found = await look(path);
    if (found === 'executable') return { path };
    if (found === 'not-executable') problem = found;
  }
  return { problem };
}

async function look(path: string): Promise<'executable' | 'not-executable' | 'missing'> {
  try {
    if (!(await stat(path)).isFile()) return 'missing';
  } catch {
    // Not there, or nowhere we may look.
    return 'missing';
  }
  return access(path, constants.X_OK).then(
    () => 'executable',
    () => 'not-executable',
  );
}
