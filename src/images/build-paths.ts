/** Which files belong to a build. All names follow from that of the build, as in the original. */
import type { BuildName } from './disk-images.ts';

/** Name of the files without their extensions. A slash in the image's name would lead elsewhere. */
export function stemOf({ image, version }: BuildName): string {
  return `${image.replaceAll('/', '_')}-${version}`;
}

/** Extension of the directory in which diskimage-builder says what is in the image. */
export const MANIFEST = 'd';

/** Where a build lies until it is complete, below the images directory. */
export function workingName(build: BuildName): string {
  return `.${stemOf(build)}`;
}

/** What the name of a working directory ends with when it is to be removed. */
export const DOOMED = '.removed';

export function doomedName(build: BuildName): string {
  return `${workingName(build)}${DOOMED}`;
}

/** The build that a working directory is named after; null: it is none. An underscore may stand for a slash. */
export function buildOfWorkingName(name: string): BuildName | null {
  const [, image, version] = /^\.(.+)-(\d{1,10})(?:\.removed)?$/s.exec(name) ?? [];
  return image === undefined ? null : { image, version: Number(version) };
}

/** Format of a file of a build: what follows the last dot. Null: it does not belong to the build. */
export function formatOf(fileName: string, stem: string): string | null {
  const dot = fileName.lastIndexOf('.');
  return dot >= 0 && fileName.slice(0, dot) === stem ? fileName.slice(dot + 1) || null : null;
}
