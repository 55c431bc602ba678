import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ImageFile } from '../lifecycle/records.ts';

type Measured = Pick<ImageFile, 'bytes' | 'allocatedBytes' | 'sha256' | 'sha512' | 'md5'>;

/** The three digests of a chunk take a millisecond, in which the daemon does nothing else. */
const CHUNK_BYTES = 256 * 1024;

/** The unit in which the operating system counts what a file takes up, whatever the file system's own is. */
const BLOCK_BYTES = 512;

/** Size and digests of a file, which is read once. */
export async function measureFile(path: string, signal: AbortSignal): Promise<Measured> {
  const { size, blocks } = await stat(path);
  const [sha256, sha512, md5] = [createHash('sha256'), createHash('sha512'), createHash('md5')];
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    signal.throwIfAborted();
    for (const hash of [sha256, sha512, md5]) hash.update(chunk as Buffer);
  }
  return {
    bytes: size,
    allocatedBytes: blocks * BLOCK_BYTES,
    sha256: sha256.digest('hex'),
    sha512: sha512.digest('hex'),
    md5: md5.digest('hex'),
  };
}
