/** A place to build disk images in, with the stand-ins of `tools/fake-builder` or programs that a test writes. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DiskimageConfig } from '../../../src/config/types.ts';
import { createDiskImages, type DiskImagesDeps } from '../../../src/images/create-disk-images.ts';
import type { BuildOrder, DiskImages, DiskImagesSettings } from '../../../src/images/disk-images.ts';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import { silentLog, type Log } from '../../../src/lib/log.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { aDiskimageConfig, INSTALLATION } from '../../support/builders.ts';

/** The stand-in of that name. */
export const standIn = (name: string): string =>
  fileURLToPath(new URL(`../../../tools/fake-builder/${name}`, import.meta.url));

/** Version of the builds: long ago enough to be swept. */
export const VERSION = 1_600_000_000;

export const forever = new AbortController().signal;

/** How much faster time goes. */
const HURRY = 25;
/** What goes by at most between two looks at the clock: on a machine that stops, or is slow, so many more are left. */
const LONGEST_STEP_MS = 500;

/** Ten seconds that a program is given to end take less than half a one. Its time of day is right at the beginning. */
export function hurriedClock(): Clock {
  let now = systemClock.now();
  let lookedAt = now;
  return {
    now: () => {
      const real = systemClock.now();
      now += Math.min((real - lookedAt) * HURRY, LONGEST_STEP_MS);
      lookedAt = real;
      return now;
    },
    sleep: (ms, signal) => systemClock.sleep(ms / HURRY, signal),
  };
}

export interface Warning {
  readonly message: string;
  readonly error: unknown;
}

export interface Workshop {
  /** Of everything; the images directory is in it. */
  readonly root: string;
  readonly directory: string;
  readonly images: DiskImages;
  readonly warnings: Warning[];
  readonly settings: DiskImagesSettings;
  /** Another one on the same directory, as a daemon that comes after the first. */
  successor(): DiskImages;
  /** An order for version {@link VERSION} of `ubuntu`; `envVars` are for the stand-in. */
  order(config?: Partial<DiskimageConfig>, rest?: Partial<BuildOrder>): BuildOrder;
  /** Writes a program and returns its path. */
  program(name: string, text: string, mode?: number): string;
  /** Sorted names in the images directory, those of the marker and the logs left out. */
  names(): string[];
  log(): string;
  remove(): void;
}

export function createWorkshop(
  deps: Partial<DiskImagesDeps> = {},
  { inDirectory }: { inDirectory?: string } = {},
): Workshop {
  const root = mkdtempSync(join(tmpdir(), 'nodepool-images-'));
  const directory = inDirectory ?? join(root, 'images');
  const warnings: Warning[] = [];
  const log: Log = { ...silentLog, warn: ({ error }, message) => void warnings.push({ message, error }) };
  const settings = { imagesDir: directory, logDirectory: join(root, 'logs'), installation: INSTALLATION };
  const open = (): DiskImages => {
    const images = createDiskImages({
      clock: systemClock,
      random: systemRandom,
      log,
      env: { PATH: process.env['PATH'] },
      programs: { builder: standIn('disk-image-create'), qemuImg: standIn('qemu-img') },
      freeBytes: async () => 2 ** 40,
      ...deps,
    });
    images.configure(settings);
    return images;
  };
  return {
    root,
    directory,
    images: open(),
    warnings,
    settings,
    successor: open,
    order: (config = {}, rest = {}) => ({
      image: 'ubuntu',
      version: VERSION,
      elementsDir: null,
      scriptDir: null,
      previousBytes: null,
      ...rest,
      config: aDiskimageConfig({ ...config, envVars: { FAKE_BUILDER_PLACEHOLDERS: '1', ...config.envVars } }),
    }),
    program: (name, text, mode = 0o755) => {
      const path = join(root, name);
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    },
    names: () =>
      readdirSync(directory)
        .filter((name) => name !== '.nodepool-images' && name !== 'logs')
        .sort(),
    log: () => readFileSync(join(root, 'logs', `ubuntu-${VERSION}.log`), 'utf8'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Whether there is a living process with that pid; the dead whom nobody has looked at yet do not live. */
export function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) [ZX] /.test(readFileSync(path, 'utf8'));
}

/** Pids of the living processes whose command line, its words joined by blanks, holds `text`. */
export function pidsOf(text: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => commandOf(pid).includes(text));
}

function commandOf(pid: number): string {
  try {
    // The dead have none.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It has just ended.
    return '';
  }
}

/** Resolves when `isSo`, which is asked in every turn of the event loop. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
