import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { formatOf, stemOf } from './build-paths.ts';
import type { BuildName } from './disk-images.ts';
import type { Site } from './site.ts';

/** Gives files, and the manifest, that lie under another name the name of a build. What has that name already stays. */
export async function renameFiles({ directory }: Site, name: string, build: BuildName): Promise<void> {
  const stem = stemOf(build);
  const present = new Set(await readdir(directory));
  for (const entry of present) {
    const format = formatOf(entry, name);
    if (format === null || present.has(`${stem}.${format}`)) continue;
    await rename(join(directory, entry), join(directory, `${stem}.${format}`));
  }
}
