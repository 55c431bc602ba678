/** The `diskimages` section of the resolved configuration. */
import { resolve } from 'node:path';
import { asWritten, textMap, toMs, type TextAt } from './convert.ts';
import type { ConfigFile, ProviderEntry } from './schema.ts';
import type { DiskimageConfig } from './types.ts';

interface Context {
  /** Position in the file. */
  readonly index: number;
  /** Of the file. */
  readonly directory: string;
  readonly providers: readonly ProviderEntry[];
  readonly textAt: TextAt;
}

type DiskimageEntry = ConfigFile['diskimages'][number];

export function resolveDiskimage(entry: DiskimageEntry, context: Context): DiskimageConfig {
  const { index, directory, providers, textAt } = context;
  const at = ['diskimages', index];
  const { 'rebuild-age': rebuildAge, 'dib-cmd': program } = entry;
  return {
    name: entry.name,
    elements: entry.elements,
    release: asWritten(entry.release, [...at, 'release'], textAt),
    envVars: textMap(entry['env-vars'], [...at, 'env-vars'], textAt),
    formats: [...new Set([...entry.formats, ...formatsWanted(entry.name, providers)])].sort(),
    rebuildAgeMs: rebuildAge === undefined ? null : toMs(rebuildAge),
    buildTimeoutMs: toMs(entry['build-timeout']),
    dibCmd: program.includes('/') ? resolve(directory, program) : program,
    qemuImgOptions: entry['qemu-img-options'],
    pause: entry.pause,
  };
}

/** What the providers want that have an image made of it. */
function formatsWanted(name: string, providers: readonly ProviderEntry[]): string[] {
  const users = providers.filter(({ images }) => images.some(({ diskimage }) => diskimage === name));
  return users.map((provider) => provider['image-type']);
}
