/** Which images the labels in force need. */
import type { Config, ProviderConfig } from '../config/types.ts';

type ImagesInUse = ReadonlyMap<string, ReadonlySet<string>>;

// Built once per configuration: several planners ask, in each pass.
const inUseBy = new WeakMap<Config, ImagesInUse>();

/** Image names that labels in force use, by provider. Labels with min-ready -1 are disabled. */
export function imagesInUse(config: Config): ImagesInUse {
  const known = inUseBy.get(config);
  if (known !== undefined) return known;
  const inUse = findImagesInUse(config);
  inUseBy.set(config, inUse);
  return inUse;
}

function findImagesInUse({ labels }: Config): ImagesInUse {
  const inUse = new Map<string, Set<string>>();
  for (const label of labels.values()) {
    if (label.minReady < 0) continue;
    for (const provider of label.providers) {
      const names = inUse.get(provider) ?? new Set<string>();
      names.add(label.image);
      inUse.set(provider, names);
    }
  }
  return inUse;
}

/** Disk images that images in use are made of. */
export function diskImagesInUse(config: Config): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [provider, images] of imagesInUse(config)) {
    for (const image of images) {
      const diskimage = diskImageOf(config.providers.get(provider), image);
      if (diskimage !== null) names.add(diskimage);
    }
  }
  return names;
}

/** The disk image that a provider's image is made of; null: of none, or there is no such image. */
export function diskImageOf(provider: ProviderConfig | undefined, image: string): string | null {
  const source = provider?.images.get(image)?.source;
  return source?.kind === 'diskimage' ? source.diskimage : null;
}
