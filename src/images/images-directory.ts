/**
 * The directory of the images: made when it is missing, and marked with a file that says which directory it is, wherever it
 * is mounted, and which installation the images in it belong to.
 */
import { accessSync, constants, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NodepoolError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import type { Random } from '../lib/random.ts';
import { nullWhenMissing, systemErrorCode } from '../lib/system-error.ts';
import type { DiskImagesSettings, ImagesDirectory } from './disk-images.ts';
import { fileErrorReason } from './file-errors.ts';

export const MARKER = '.nodepool-images';

interface Marker {
  readonly directory: string;
  readonly installation: string;
}

/** Which directory is in use, as long as it is there and ours. */
export class DirectoryInUse {
  readonly #random: Random;
  #directory: ImagesDirectory | null = null;
  #problem: string | null = 'images-dir has not been looked at yet';
  #settings: DiskImagesSettings | null = null;
  /** What the marker was when it was read; null: it has to be read again. */
  #seen: string | null = null;
  #isLooking = false;
  /** Paths of directories that were in use before. */
  readonly #known = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  get directory(): ImagesDirectory | null {
    return this.#directory;
  }

  /** In one sentence why there is none. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Error: `config`, with the problem. */
  needed(): ImagesDirectory {
    if (this.#directory === null) throw new NodepoolError('config', this.#problem ?? 'there is no images directory');
    return this.#directory;
  }

  /** Never throws. When neither the settings nor the directory changed it only starts a look at the marker. */
  configure(settings: DiskImagesSettings): void {
    const last = this.#settings;
    const isSame = last?.imagesDir === settings.imagesDir && last.installation === settings.installation;
    this.#settings = settings;
    if (!isSame || this.#directory === null || this.#seen === null) this.#examine(settings);
    else if (!this.#isLooking) void this.#look(this.#directory.path);
  }

  #examine(settings: DiskImagesSettings): void {
    try {
      const directory = openDirectory(settings, { random: this.#random, known: this.#known });
      this.#seen = stamp(statSync(join(directory.path, MARKER)));
      this.#known.add(directory.path);
      [this.#directory, this.#problem] = [directory, null];
    } catch (error) {
      this.#directory = null;
      this.#problem = error instanceof Problem ? error.message : unusable(settings, fileErrorReason(error));
    }
  }

  /** In nobody's way: a network file system that hangs must not hold up the daemon every second. */
  async #look(path: string): Promise<void> {
    this.#isLooking = true;
    // Whatever is wrong with it is found out when it is read.
    const now = await stat(join(path, MARKER)).then(stamp, () => null);
    this.#isLooking = false;
    if (this.#directory?.path === path && now !== this.#seen) this.#seen = null;
  }
}

class Problem extends Error {}

const stamp = ({ ino, mtimeMs }: { ino: number; mtimeMs: number }): string => `${ino} ${mtimeMs}`;

const unusable = ({ imagesDir }: DiskImagesSettings, reason: string): string =>
  `the images directory ${imagesDir ?? ''} cannot be used (${reason}): correct that, or set images-dir to another one`;

interface Surroundings {
  readonly random: Random;
  readonly known: ReadonlySet<string>;
}

function openDirectory(settings: DiskImagesSettings, { random, known }: Surroundings): ImagesDirectory {
  if (settings.imagesDir === null)
    throw new Problem(
      'the configuration has no images-dir: set it to the directory that disk images are to be kept in',
    );
  const path = resolve(settings.imagesDir);
  const isNew = makeDirectory(path);
  accessSync(path, constants.W_OK | constants.X_OK);
  let marker = readMarker(path);
  if (marker === null) {
    if (!isNew && known.has(path)) throw new Problem(lost(path));
    writeMarker(path, { directory: random.uuid(), installation: settings.installation }, random);
    marker = readMarker(path);
  }
  if (marker === null) throw new Problem(lost(path));
  if (marker.installation !== settings.installation) throw new Problem(foreign(path));
  return { id: marker.directory, path };
}

/** Tells whether there was none. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o755 });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT')
      throw new Problem(`the images directory ${path} cannot be made because there is no directory ${dirname(path)}`);
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
  if (!statSync(path).isDirectory())
    throw new Problem(`images-dir ${path} is not a directory: remove it, or set images-dir to another place`);
  return false;
}

const lost = (path: string): string =>
  `the images directory ${path} has lost its file ${MARKER}: mount the file system that it was on, or restart to begin with an empty one`;

const foreign = (path: string): string =>
  `the images in ${path} belong to another installation (another database): set images-dir to a directory of its own, or remove ${MARKER} in it when that one is no more`;

function readMarker(path: string): Marker | null {
  let text: string;
  try {
    text = readFileSync(join(path, MARKER), 'utf8');
  } catch (error) {
    return nullWhenMissing(error);
  }
  const { directory, installation } = Object(parseJson(text)) as Partial<Record<keyof Marker, unknown>>;
  if (typeof directory === 'string' && typeof installation === 'string') return { directory, installation };
  throw new Problem(`the file ${join(path, MARKER)} is damaged: restore it, or remove it to have a new one written`);
}

/** Written aside and linked: of several hosts that come at once the first one wins, and all read a whole file. */
function writeMarker(path: string, marker: Marker, random: Random): void {
  const aside = join(path, `${MARKER}.${random.hex(4)}`);
  try {
    writeFileSync(aside, `${JSON.stringify(marker)}\n`, { flag: 'wx' });
    linkSync(aside, join(path, MARKER));
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
