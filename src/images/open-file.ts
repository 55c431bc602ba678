import { close, createReadStream, existsSync, open, read } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { NodepoolError } from '../lib/errors.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { fileErrorReason } from './file-errors.ts';
import { MARKER } from './images-directory.ts';

/** Uploads want large pieces. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * A file of the images directory as a stream, which ends with `not-found` when there is none; with `unavailable` when the
 * directory is not what it was, as after its file system was unmounted.
 */
export function openFile(path: string): Readable {
  const fs = {
    open: (...args: Parameters<typeof open>) => {
      const done = args.at(-1) as (error: Error | null, fd?: number) => void;
      open(path, 'r', (error, fd) => done(error === null ? null : notThere(path, error), fd));
    },
    read,
    close,
  };
  return createReadStream(path, { highWaterMark: CHUNK_BYTES, fs });
}

function notThere(path: string, error: NodeJS.ErrnoException): NodepoolError {
  const isMissing = systemErrorCode(error) === 'ENOENT';
  const isUnmounted = isMissing && !existsSync(join(dirname(path), MARKER));
  const code = isUnmounted ? 'unavailable' : isMissing ? 'not-found' : 'config';
  return new NodepoolError(code, `the image file ${path} cannot be read: ${fileErrorReason(error)}`, { cause: error });
}

/** The stream of a file without a directory to look in. */
export function noFile(problem: string | null): Readable {
  const error = new NodepoolError('unavailable', `the image file cannot be read: ${problem ?? 'there is none'}`);
  return new Readable({
    read() {
      this.destroy(error);
    },
  });
}
