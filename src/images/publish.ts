import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildName } from './disk-images.ts';
import { nullWhenMissing } from '../lib/system-error.ts';
import { outputPath } from './remove-build.ts';
import { manifestPath, type Site } from './site.ts';

/** Gives the files of a complete build, which have been flushed, their names. */
export async function publish({ directory }: Site, build: BuildName, formats: readonly string[]): Promise<void> {
  const output = outputPath(directory, build);
  await rename(manifestPath(dirname(output), build), manifestPath(directory, build)).catch(nullWhenMissing);
  for (const format of formats) await rename(`${output}.${format}`, join(directory, `${basename(output)}.${format}`));
  await flush(directory);
}

/**
 * Waits until a file is on the disk: a machine that loses power must not come back with an image that is a name only. What
 * it takes up is not known before.
 */
export async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
