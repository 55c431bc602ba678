/** What a build, and what else handles its files, works with. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../config/state-directory.ts';
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { formatOf, MANIFEST, stemOf } from './build-paths.ts';
import type { BuildName } from './disk-images.ts';
import { findProgram } from './find-program.ts';
import { createQemuImg, type QemuImg } from './qemu-img.ts';

export interface Programs {
  /** Builds every image, whatever its configuration says, as in rehearsals; null: each one's own `dib-cmd`. */
  readonly builder: string | null;
  /** A name to be looked for in PATH, or a path. */
  readonly qemuImg: string;
}

export interface Site {
  readonly clock: Clock;
  readonly log: Log;
  /** The daemon's. */
  readonly env: Environment;
  readonly programs: Programs;
  /** Bytes that can be written below a directory. */
  readonly freeBytes: (directory: string) => Promise<number>;
  /** Absolute path of the images. */
  readonly directory: string;
  readonly logDirectory: string;
}

/** Below a working directory: which build it is, and which process group runs for it. */
export const BUILD_FILE = 'build.json';
export const PROCESS_FILE = 'process';

/** Error: `config`, when there is none. */
export async function findQemuImg({ programs, env }: Site): Promise<QemuImg> {
  const found = await findProgram(programs.qemuImg, env['PATH']);
  if ('path' in found) return createQemuImg(found.path, env);
  const what = found.problem === 'missing' ? 'there is no program' : 'there is no right to run';
  throw new NodepoolError('config', `${what} ${programs.qemuImg}, which disk images need: install qemu-utils`);
}

/** Names of what lies under the names of a complete build, with their formats, the manifest left out. */
export async function filesOf(
  { directory }: Site,
  build: BuildName,
): Promise<readonly { readonly path: string; readonly format: string }[]> {
  const stem = stemOf(build);
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.flatMap((entry) => {
    const format = formatOf(entry.name, stem);
    return format === null || entry.isDirectory() ? [] : [{ path: join(directory, entry.name), format }];
  });
}

export function manifestPath(directory: string, build: BuildName): string {
  return join(directory, `${stemOf(build)}.${MANIFEST}`);
}
