import type { Config, ProviderConfig } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import { hintAt } from './hint.ts';

/**
 * Checks that an image can be built at the provider, or with `all` at each that has it. Throws `not-found` for
 * names that the configuration does not know, `refused` for images that this version cannot build.
 */
export function checkBuildable(config: Config, wanted: { provider: string; image: string }): void {
  const providers = wanted.provider === 'all' ? allWith(config, wanted.image) : [oneWith(config, wanted)];
  for (const { name, images } of providers) {
    const source = images.get(wanted.image)?.source;
    if (source?.kind !== 'diskimage') continue;
    const text = `image ${wanted.image} at ${name} waits for an upload of disk image ${source.diskimage}; this version does not build disk images`;
    throw new NodepoolError('refused', text);
  }
}

function allWith({ providers }: Config, image: string): readonly ProviderConfig[] {
  const found = [...providers.values()].filter(({ images }) => images.has(image));
  if (found.length > 0) return found;
  const known = new Set([...providers.values()].flatMap(({ images }) => [...images.keys()]));
  throw new NodepoolError('not-found', `no provider has an image ${image}${hintAt(image, [...known])}`);
}

function oneWith({ providers }: Config, wanted: { provider: string; image: string }): ProviderConfig {
  const provider = requireProvider(providers, wanted.provider);
  if (!provider.images.has(wanted.image)) {
    throw new NodepoolError(
      'not-found',
      `provider ${provider.name} has no image ${wanted.image}${hintAt(wanted.image, [...provider.images.keys()])}`,
    );
  }
  return provider;
}

/** Throws `not-found`. */
export function requireProvider(providers: Config['providers'], name: string): ProviderConfig {
  const provider = providers.get(name);
  if (provider === undefined)
    throw new NodepoolError('not-found', `there is no provider ${name}${hintAt(name, [...providers.keys()])}`);
  return provider;
}
