import { isDeepStrictEqual } from 'node:util';
import { fileStamp } from '../../../config/file-stamp.ts';
import { isNodepoolError } from '../../../lib/errors.ts';
import type { CloudAccess } from '../access.ts';
import { readTextIfThere } from './clouds-file.ts';
import { resolveAccess, type AccessRequest } from './resolve-access.ts';

export interface WatchedAccess {
  readonly access: CloudAccess;
  /** Whether the files that it came from say something else by now, or can no longer be used. */
  isOutdated(): boolean;
}

/**
 * Reads how to get into a cloud, and later tells a change, such as another password. As long as the files are as they
 * were, to look at them costs a `stat` for each place where one is looked for. Error: `config`, as `resolveAccess`.
 */
export function watchAccess(request: Omit<AccessRequest, 'readText'>): WatchedAccess {
  let seen = read(request);
  const { access, certificates } = seen;
  return {
    access,
    isOutdated: () => {
      if ([...seen.stamps].every(([path, stamp]) => fileStamp(path) === stamp)) return false;
      const latest = readIfPossible(request);
      if (latest === null || !isDeepStrictEqual([latest.access, latest.certificates], [access, certificates]))
        return true;
      // Another cloud of the file was changed: this one has not.
      seen = latest;
      return false;
    },
  };
}

interface Reading {
  readonly access: CloudAccess;
  /** Stamps of the files for TLS, which are read when a session begins. */
  readonly certificates: readonly string[];
  /** Of all files that were looked at, those that are not there too, taken before they were read. */
  readonly stamps: ReadonlyMap<string, string>;
}

function read(request: Omit<AccessRequest, 'readText'>): Reading {
  const stamps = new Map<string, string>();
  const look = (path: string): string => {
    const stamp = fileStamp(path);
    stamps.set(path, stamp);
    return stamp;
  };
  const readText = (path: string): ReturnType<typeof readTextIfThere> => {
    look(path);
    return readTextIfThere(path);
  };
  const access = resolveAccess({ ...request, readText });
  const { caFile, certFile, keyFile } = access.tls;
  const certificates = [caFile, certFile, keyFile].filter((file) => file !== null).map(look);
  return { access, certificates, stamps };
}

/** null: not any more. Whoever tries to make a provider of it will hear why. */
function readIfPossible(request: Omit<AccessRequest, 'readText'>): Reading | null {
  try {
    return read(request);
  } catch (error) {
    if (isNodepoolError(error, 'config')) return null;
    throw error;
  }
}
