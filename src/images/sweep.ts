import { readdir, readFile, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../lib/errors.ts';
import { buildOfWorkingName, DOOMED } from './build-paths.ts';
import type { BuildName } from './disk-images.ts';
import { nullWhenMissing } from '../lib/system-error.ts';
import { removeWork } from './remove-build.ts';
import { BUILD_FILE, type Site } from './site.ts';

/** Logs of an image that stay, whatever became of the builds. */
const LOGS_KEPT = 10;

/**
 * What is younger is left alone: another daemon may have begun it after we looked which builds there are, and clocks of
 * hosts differ a little.
 */
const MIN_AGE_MS = 10 * 60_000;

export type IsKnown = (build: BuildName) => boolean;

/** Removes what is left of builds that nobody knows any more. What cannot be removed is reported, and left. */
export async function sweep(site: Site, isKnown: IsKnown): Promise<void> {
  const isOld = ({ version }: BuildName): boolean => site.clock.now() - version * 1000 >= MIN_AGE_MS;
  const isStale = (build: BuildName): boolean => isOld(build) && !isKnown(build);
  const { directory, logDirectory } = site;
  for (const name of await readdir(directory))
    await reported(site, join(directory, name), () => sweepWork(site, name, isStale));
  const logs = await readdir(logDirectory).then(parseLogNames, nullWhenMissing);
  for (const { name } of oldLogs(logs ?? [], isStale))
    await reported(site, join(logDirectory, name), () => unlink(join(logDirectory, name)));
}

async function reported({ log }: Site, path: string, remove: () => Promise<void>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    // The next sweep tries again.
    log.warn({ path, error: describeError(error) }, 'what is left of a build cannot be removed');
  }
}

async function sweepWork(site: Site, name: string, isStale: IsKnown): Promise<void> {
  const named = buildOfWorkingName(name);
  if (named === null || !isStale(named)) return;
  const path = join(site.directory, name);
  // A removal that was cut off may have taken that file first, and its own name for the directory is like no other.
  const build = (await readBuildFile(path)) ?? (name.endsWith(DOOMED) ? named : null);
  if (build !== null) return isStale(build) ? removeWork(site, build) : undefined;
  // Something else may be called like that; an empty directory is one that was about to become a working directory.
  await rmdir(path).catch(() => undefined);
}

async function readBuildFile(directory: string): Promise<BuildName | null> {
  try {
    const { image, version } = JSON.parse(await readFile(join(directory, BUILD_FILE), 'utf8')) as Partial<BuildName>;
    return typeof image === 'string' && typeof version === 'number' ? { image, version } : null;
  } catch {
    // None of ours, or not yet.
    return null;
  }
}

interface LogFile extends BuildName {
  readonly name: string;
}

/** Files that are named as `logPath` does. A provider's name counts as part of the image's. */
function parseLogNames(names: readonly string[]): readonly LogFile[] {
  return names.flatMap((name) => {
    const [, image, version] = /^(.+)-(\d{9,10})\.log$/s.exec(name) ?? [];
    return image === undefined ? [] : [{ name, image, version: Number(version) }];
  });
}

function oldLogs(logs: readonly LogFile[], isStale: IsKnown): readonly LogFile[] {
  const newestFirst = logs.toSorted((a, b) => b.version - a.version);
  const counts = new Map<string, number>();
  return newestFirst.filter((file) => {
    const newer = counts.get(file.image) ?? 0;
    counts.set(file.image, newer + 1);
    return newer >= LOGS_KEPT && isStale(file);
  });
}
