import { Readable } from 'node:stream';
import { NodepoolError } from '../lib/errors.ts';
import type { DiskImages } from './disk-images.ts';

/** For processes that neither build nor upload disk images; `problem` says why in one sentence. */
export function noDiskImages(problem: string): DiskImages {
  const error = (): NodepoolError => new NodepoolError('refused', problem);
  const fail = (): Promise<never> => Promise.reject(error());
  return {
    directory: null,
    problem,
    configure: () => undefined,
    pathOf: ({ image, version }) => `${image}-${version}`,
    build: fail,
    inspect: fail,
    open: () => new Readable().destroy(error()),
    remove: fail,
    sweep: fail,
  };
}
