import type { Readable } from 'node:stream';
import { NodepoolError } from '../lib/errors.ts';
import type { UploadSpec } from './provider.ts';

/**
 * The bytes of a file that is being uploaded, piece by piece. A piece counts as sent when the next one is asked for. A file
 * that is not as long as was said has changed under the upload: `rejected`.
 */
export async function* readChunks(
  { bytes, onProgress }: Pick<UploadSpec, 'bytes' | 'onProgress'>,
  file: Readable,
): AsyncGenerator<Uint8Array> {
  let sentBytes = 0;
  for await (const chunk of file as AsyncIterable<Uint8Array>) {
    if (sentBytes + chunk.length > bytes) throw hasChanged('longer', bytes);
    yield chunk;
    sentBytes += chunk.length;
    onProgress(sentBytes);
  }
  if (sentBytes < bytes) throw hasChanged('shorter', bytes);
}

function hasChanged(comparison: string, bytes: number): NodepoolError {
  return new NodepoolError('rejected', `the file is ${comparison} than the ${bytes} bytes that were to be uploaded`);
}
