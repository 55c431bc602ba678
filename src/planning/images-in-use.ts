/** Which images the labels in force need. */
import type { Config } from '../config/types.ts';
import type { Draft } from './draft.ts';

type ImagesInUse = ReadonlyMap<string, ReadonlySet<string>>;

// Built once per configuration: several planners ask, in each pass.
const inUseBy = new WeakMap<Config, ImagesInUse>();

/** Image names that labels in force use, by provider. Labels with min-ready -1 are disabled. */
export function imagesInUse({ world: { config } }: Draft): ImagesInUse {
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
export function diskImagesInUse(draft: Draft): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [provider, images] of imagesInUse(draft)) {
    for (const image of images) {
      const source = draft.world.config.providers.get(provider)?.images.get(image)?.source;
      if (source?.kind === 'diskimage') names.add(source.diskimage);
    }
  }
  return names;
}
