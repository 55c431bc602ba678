/** Disk images without programs and files: a disk in memory that outlives the processes that build on it. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { BuildName, BuildOrder, DiskImages, ImagesDirectory } from '../../src/images/disk-images.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { NodepoolError } from '../../src/lib/errors.ts';
import type { ImageFile } from '../../src/lifecycle/records.ts';
import { IMAGES_DIRECTORY_ID, IMAGES_DIRECTORY_PATH } from './builders.ts';

/** What lies in one images directory. */
export class ImagesDisk {
  readonly directory: ImagesDirectory;
  /** Contents of complete files, by name. */
  readonly files = new Map<string, string>();
  /** Builds of which a working directory is there, and whose it is: null, of a process that is gone. */
  readonly work = new Map<string, object | null>();

  constructor(directory: ImagesDirectory = { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH }) {
    this.directory = directory;
  }
}

export function stemOf({ image, version }: BuildName): string {
  return `${image}-${version}`;
}

/** What the disk would say of a file with this content. */
export function fileOf(format: string, content: string): ImageFile {
  const bytes = Buffer.byteLength(content);
  const digest = (algorithm: string): string => createHash(algorithm).update(content).digest('hex');
  const digests = { sha256: digest('sha256'), sha512: digest('sha512'), md5: digest('md5') };
  return { format, bytes, allocatedBytes: bytes, virtualBytes: 1024 * bytes, ...digests };
}

export interface FakeDiskImagesOptions {
  readonly clock: Clock;
  readonly disk?: ImagesDisk;
  /** How long a build takes. */
  readonly buildMs?: number;
}

/** A machine that builds on the disk. Everything it is asked for that has an effect is in `calls`, in order. */
export class FakeDiskImages implements DiskImages {
  readonly disk: ImagesDisk;
  readonly calls: string[] = [];
  readonly orders: BuildOrder[] = [];
  /** What the next builds end with, in order; null: they go well. */
  readonly failures: (Error | null)[] = [];
  /** null: there is no directory; why is in `problem`. */
  isUsable = true;
  readonly #clock: Clock;
  readonly #buildMs: number;

  constructor({ clock, disk = new ImagesDisk(), buildMs = 1000 }: FakeDiskImagesOptions) {
    this.#clock = clock;
    this.disk = disk;
    this.#buildMs = buildMs;
  }

  get directory(): ImagesDirectory | null {
    return this.isUsable ? this.disk.directory : null;
  }

  get problem(): string | null {
    return this.isUsable ? null : 'the configuration has no images-dir';
  }

  configure(): void {
    // It has one directory for good.
  }

  pathOf(build: BuildName): string {
    return `${this.disk.directory.path}/${stemOf(build)}`;
  }

  async build(order: BuildOrder, signal: AbortSignal): Promise<readonly ImageFile[]> {
    const stem = stemOf(order);
    this.calls.push(`build ${stem}`);
    this.orders.push(order);
    // What a process before us left of it is thrown away.
    const own = {};
    this.disk.work.set(stem, own);
    await this.#clock.sleep(this.#buildMs, signal);
    // As when the process has died in between: the working directory stays.
    if (signal.aborted) throw new NodepoolError('aborted', `the build of ${stem} was abandoned`);
    if (this.disk.work.get(stem) !== own)
      throw new NodepoolError('aborted', `build ${stem} was removed while it was made`);
    this.disk.work.delete(stem);
    const failure = this.failures.shift() ?? null;
    if (failure !== null) throw failure;
    const { formats } = order.config;
    const contents = formats.map((format) => [format, `${format} of ${stem}`] as const);
    for (const [format, content] of contents) this.disk.files.set(`${stem}.${format}`, content);
    return contents.map(([format, content]) => fileOf(format, content));
  }

  inspect(build: BuildName): Promise<readonly ImageFile[]> {
    const stem = stemOf(build);
    this.calls.push(`inspect ${stem}`);
    const own = [...this.disk.files].filter(([name]) => name.startsWith(`${stem}.`));
    return Promise.resolve(own.map(([name, content]) => fileOf(name.slice(stem.length + 1), content)));
  }

  open(build: BuildName, format: string): Readable {
    const name = `${stemOf(build)}.${format}`;
    const content = this.disk.files.get(name);
    if (content !== undefined) return Readable.from([Buffer.from(content)]);
    const missing = new NodepoolError('not-found', `there is no file ${this.disk.directory.path}/${name}`);
    return new Readable({ read: () => undefined }).destroy(missing);
  }

  remove(build: BuildName): Promise<void> {
    const stem = stemOf(build);
    this.calls.push(`remove ${stem}`);
    this.disk.work.delete(stem);
    for (const name of this.disk.files.keys()) if (name.startsWith(`${stem}.`)) this.disk.files.delete(name);
    return Promise.resolve();
  }

  sweep(isKnown: (build: BuildName) => boolean): Promise<void> {
    this.calls.push('sweep');
    for (const stem of this.disk.work.keys()) {
      const [, image = '', version = ''] = /^(.+)-(\d+)$/.exec(stem) ?? [];
      if (!isKnown({ image, version: Number(version) })) this.disk.work.delete(stem);
    }
    return Promise.resolve();
  }
}
