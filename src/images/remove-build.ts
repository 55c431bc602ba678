import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { doomedName, stemOf, workingName } from './build-paths.ts';
import { OUTPUT_VARIABLE } from './builder-command.ts';
import type { BuildName } from './disk-images.ts';
import { nullWhenMissing } from '../lib/system-error.ts';
import { endNotedGroup } from './process-group.ts';
import { filesOf, manifestPath, PROCESS_FILE, type Site } from './site.ts';

/** Path that a build gives its files, without their extensions, while it is not complete. */
export function outputPath(directory: string, build: BuildName): string {
  return join(directory, workingName(build), stemOf(build));
}

/**
 * Removes what there is of a build, and ends what runs of it. The working directory gets another name first: from then on
 * nothing can start or be published from it, and what had started before is noted in it.
 */
export async function removeBuild(site: Site, build: BuildName): Promise<void> {
  await removeWork(site, build);
  for (const { path } of await filesOf(site, build)) await rm(path, { force: true });
  await rm(manifestPath(site.directory, build), { recursive: true, force: true });
}

export async function removeWork({ directory, clock }: Site, build: BuildName): Promise<void> {
  const doomed = join(directory, doomedName(build));
  const clear = async (): Promise<void> => {
    const mark = `${OUTPUT_VARIABLE}=${outputPath(directory, build)}`;
    await endNotedGroup(join(doomed, PROCESS_FILE), { mark, clock });
    await rm(doomed, { recursive: true, force: true });
  };
  // An earlier removal may have been cut off: two directories cannot have one name.
  await clear();
  await rename(join(directory, workingName(build)), doomed).catch(nullWhenMissing);
  await clear();
}
