import { statfs } from 'node:fs/promises';
import { NodepoolError } from '../lib/errors.ts';

const MIB = 1024 * 1024;

/** Without a build before it nobody knows what one needs; the smallest images of any use take about this. */
const LEAST_BYTES = 1024 * MIB;

/** A build may be somewhat larger than the one before. */
const GROWTH = 1.2;

/** A disk with less room than this counts as full. */
const FULL_BYTES = MIB;

/** Bytes that this user may still write below a directory. */
export async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

export function isFull(freeBytes: number): boolean {
  return freeBytes < FULL_BYTES;
}

/** Error: `no-space`, when a build like the one before, or the first one, would not fit. */
export function checkSpace(
  image: string,
  { freeBytes, previousBytes, directory }: { freeBytes: number; previousBytes: number | null; directory: string },
): void {
  const needed = previousBytes === null ? LEAST_BYTES : previousBytes * GROWTH;
  if (freeBytes >= needed) return;
  const numbers = `${size(freeBytes)} are free in ${directory} and a build of ${image} needs ${size(needed)}`;
  throw new NodepoolError(
    'no-space',
    `${numbers}: delete what is not needed there, or move images-dir to a larger disk`,
  );
}

function size(bytes: number): string {
  return bytes < 10_240 * MIB ? `${(bytes / MIB).toFixed(0)} MiB` : `${(bytes / MIB / 1024).toFixed(1)} GiB`;
}
