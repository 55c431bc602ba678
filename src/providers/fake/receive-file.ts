import { createHash } from 'node:crypto';
import { NodepoolError } from '../../lib/errors.ts';
import { onAbort } from '../../lib/on-abort.ts';
import { readChunks } from '../file-chunks.ts';
import type { UploadSpec } from '../provider.ts';
import type { Content } from './image.ts';

/** Reads a file that is uploaded to its end, keeping nothing of it. */
export async function receiveFile(spec: UploadSpec, signal: AbortSignal): Promise<Content> {
  const file = spec.open();
  const release = onAbort(signal, () => file.destroy(new NodepoolError('aborted', 'uploadImage was abandoned')));
  const hash = createHash('sha512');
  try {
    for await (const chunk of readChunks(spec, file)) hash.update(chunk);
    return { bytes: spec.bytes, digest: { algorithm: 'sha512', value: hash.digest('hex') } };
  } finally {
    release();
    file.destroy();
  }
}
