import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { UploadSpec } from '../provider.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';
import { imageMetadata } from './tags.ts';

/**
 * Makes an image at Glance in two requests, of which the first gives it its id and the second its file. An error that
 * promises that nothing was created takes the image away again; after any other it may be there, without its file.
 */
export async function uploadImage(session: Session, spec: UploadSpec, signal: AbortSignal): Promise<void> {
  const { bytes, open, onProgress } = spec;
  const path = `/images/${encodeURIComponent(spec.id)}`;
  await session.send({ service: 'image', method: 'POST', path: '/images', body: imageBody(spec), signal });
  try {
    const file = { bytes, open, onProgress };
    await session.send({ service: 'image', method: 'PUT', path: `${path}/file`, file, signal });
  } catch (error) {
    // Not after `conflict`: somebody else is sending the file of this image.
    if (!isNodepoolError(error, 'quota', 'throttled', 'rejected', 'auth')) throw error;
    await remove(session, { service: 'image', path, signal }).catch((failure: unknown) => {
      const message = `${error.message}; the image ${spec.id} made for it may still be there`;
      throw isNodepoolError(failure, 'aborted') ? failure : new NodepoolError('unavailable', message, { cause: error });
    });
    throw error;
  }
}

function imageBody(spec: UploadSpec): Readonly<Record<string, unknown>> {
  const attributes = {
    id: spec.id,
    name: spec.name,
    visibility: 'private',
    disk_format: spec.format,
    container_format: 'bare',
    min_disk: spec.minDiskGb,
  };
  const taken = Object.keys(spec.meta).find((key) => Object.hasOwn(attributes, key));
  if (taken === undefined) return { ...imageMetadata(spec), ...attributes };
  const message = `"${taken}" in the metadata of image ${spec.name} is no property: it is what the upload itself sets`;
  throw new NodepoolError('rejected', message);
}
