import { join } from 'node:path';
import type { Random } from '../lib/random.ts';
import { stemOf } from './build-paths.ts';
import type { BuildName, DiskImages } from './disk-images.ts';
import { fileError } from './file-errors.ts';
import { freeBytesOf } from './free-space.ts';
import { DirectoryInUse } from './images-directory.ts';
import { inspectBuild } from './inspect-build.ts';
import { makeBuild } from './make-build.ts';
import { noFile, openFile } from './open-file.ts';
import { removeBuild } from './remove-build.ts';
import { renameFiles } from './rename-files.ts';
import type { Site } from './site.ts';
import { sweep } from './sweep.ts';

export interface DiskImagesDeps extends Pick<Site, 'clock' | 'log' | 'env' | 'programs'> {
  readonly random: Random;
  /** Bytes that can be written below a directory; default: what the operating system says. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

export function createDiskImages({ random, freeBytes = freeBytesOf, ...deps }: DiskImagesDeps): DiskImages {
  const inUse = new DirectoryInUse(random);
  let logDirectory = '';
  const site = (): Site => ({ ...deps, freeBytes, directory: inUse.needed().path, logDirectory });
  const takeOver = async (build: BuildName, formerNames: readonly string[]): Promise<void> => {
    for (const name of formerNames) await renameFiles(site(), name, build);
  };
  const pathOf = (build: BuildName): string => join(inUse.needed().path, stemOf(build));
  return {
    get directory() {
      return inUse.directory;
    },
    get problem() {
      return inUse.problem;
    },
    configure: (settings) => {
      logDirectory = settings.logDirectory;
      inUse.configure(settings);
    },
    pathOf,
    build: async (order, signal) => makeBuild(site(), order, signal),
    inspect: (build, signal, formerNames = []) =>
      explained(`disk image ${build.image} cannot be read`, async () => {
        await takeOver(build, formerNames);
        return inspectBuild(site(), build, signal);
      }),
    open: (build, format) => {
      const directory = inUse.directory;
      return directory === null ? noFile(inUse.problem) : openFile(join(directory.path, `${stemOf(build)}.${format}`));
    },
    remove: (build, formerNames = []) =>
      explained(`build ${stemOf(build)} cannot be removed`, async () => {
        await takeOver(build, formerNames);
        await removeBuild(site(), build);
      }),
    sweep: (isKnown) => explained('the images directory cannot be swept', () => sweep(site(), isKnown)),
  };
}

async function explained<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw fileError(error, what);
  }
}
