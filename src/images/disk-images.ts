/**
 * What this machine can do with disk images: it builds them below one directory, keeps their files there, and their logs.
 * A build is named by its disk image and version; all of its paths follow from that.
 */
import type { Readable } from 'node:stream';
import type { DiskimageConfig } from '../config/types.ts';
import type { ImageFile } from '../lifecycle/records.ts';

/** A build's name: files are `<images-dir>/<image>-<version>.<format>`, as the original has them. */
export interface BuildName {
  /** Of the disk image. */
  readonly image: string;
  /** Epoch seconds. */
  readonly version: number;
}

export interface BuildOrder extends BuildName {
  readonly config: DiskimageConfig;
  readonly elementsDir: string | null;
  readonly scriptDir: string | null;
  /** What the files of the build before it take up on disk; null: there was none. At least that much space must be free. */
  readonly previousBytes: number | null;
}

/** The directory of the images. Its UUID lies in a file in it: one directory may be seen by several hosts. */
export interface ImagesDirectory {
  readonly id: string;
  /** Absolute. */
  readonly path: string;
}

export interface DiskImagesSettings {
  readonly imagesDir: string | null;
  /** From `buildLogDirectory`. */
  readonly logDirectory: string;
  /** A directory belongs to one installation: another one's images are not touched. */
  readonly installation: string;
}

export interface DiskImages {
  /**
   * The directory in use; null: there is none, and `problem` says in one sentence why. Made and looked at when
   * `configure` is called, which never throws and, as long as nothing changed, costs next to nothing.
   */
  readonly directory: ImagesDirectory | null;
  readonly problem: string | null;
  configure(settings: DiskImagesSettings): void;

  /** Absolute path of a build's files without their extensions. */
  pathOf(build: BuildName): string;

  /**
   * Builds the image and makes every format that its configuration asks for. The files appear under their names when all
   * are complete and have been read back; before that, and after an error, there is none of them. Errors, each with a
   * message that says what to do: `command-failed` (the program failed, was killed, ran out of time, left no file or a
   * wrong one), `config` (no such program), `no-space`, `aborted`. When it rejects nothing of the build runs any more.
   */
  build(order: BuildOrder, signal: AbortSignal): Promise<readonly ImageFile[]>;

  /**
   * What there is of a build, read and measured; empty: nothing. For builds that this program did not make: files that lie
   * under one of `formerNames` (without extension) get the build's name first. Error: `command-failed` when none of the
   * files that are there can be used, which may be for want of a permission.
   */
  inspect(build: BuildName, signal: AbortSignal, formerNames?: readonly string[]): Promise<readonly ImageFile[]>;

  /**
   * Opens the file of one format. The stream ends with `not-found` when there is none, and with `unavailable` when there is
   * no directory to look in now.
   */
  open(build: BuildName, format: string): Readable;

  /**
   * Removes the files of a build, finished or not, and ends what a process that is gone has left running of it. Its log
   * stays. What is gone already is success. `formerNames`: as of `inspect`.
   */
  remove(build: BuildName, formerNames?: readonly string[]): Promise<void>;

  /**
   * Removes working directories of builds that `isKnown` does not know, and logs that are neither of a build it knows nor
   * among the newest of their image.
   */
  sweep(isKnown: (build: BuildName) => boolean): Promise<void>;
}
