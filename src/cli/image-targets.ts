/** Checks names of images and providers on the command line against the configuration. All throw `not-found` or `refused`. */
import type { Config, ProviderConfig } from '../config/types.ts';
import { NodepoolError } from '../lib/errors.ts';
import { hintAt } from '../lib/near-name.ts';
import { diskImageOf } from '../planning/images-in-use.ts';

/** The providers meant: the one named, or with `all` each that has the image. */
export function requireImage(config: Config, wanted: { provider: string; image: string }): readonly ProviderConfig[] {
  return wanted.provider === 'all' ? allWith(config, wanted.image) : [oneWith(config, wanted)];
}

/** The same for an image that is made of a disk image; with `all` only the providers where it is. */
export function requireUploadable(
  config: Config,
  wanted: { provider: string; image: string },
): readonly ProviderConfig[] {
  const providers = requireImage(config, wanted);
  const uploadable = providers.filter((provider) => diskImageOf(provider, wanted.image) !== null);
  if (uploadable.length > 0) return uploadable;
  const where = providers.map(({ name }) => name).join(', ');
  const text = `image ${wanted.image} at ${where} is a snapshot, there is nothing to upload; "nodepool image-update ${wanted.provider} ${wanted.image}" makes it anew`;
  throw new NodepoolError('refused', text);
}

export function requireDiskImage({ diskimages, providers }: Config, name: string): void {
  if (diskimages.has(name)) return;
  const isMadeOf = (provider: ProviderConfig): string[] => {
    const diskimage = diskImageOf(provider, name);
    return diskimage === null ? [] : [diskimage];
  };
  const all = [...providers.values()];
  const [used, ...others] = new Set(all.flatMap(isMadeOf));
  if (used !== undefined) {
    const text = `${name} is not a disk image but an image at providers, which is made of disk image ${[used, ...others].join(' or ')}`;
    throw new NodepoolError('not-found', `${text}; say "nodepool image-build ${used}"`);
  }
  const snapshotAt = all.filter(({ images }) => images.has(name)).map((provider) => provider.name);
  if (snapshotAt.length > 0) {
    const text = `${name} is not a disk image but a snapshot at ${snapshotAt.join(', ')}`;
    throw new NodepoolError('not-found', `${text}; say "nodepool image-update all ${name}"`);
  }
  throw new NodepoolError('not-found', `there is no disk image ${name}${hintAt(name, [...diskimages.keys()])}`);
}

/** An image that can be paused: at a provider, or (null) any disk image or provider image. */
export function requireAnyImage(config: Config, { image, provider }: { image: string; provider: string | null }): void {
  if (provider !== null) return void oneWith(config, { provider, image });
  if (!config.diskimages.has(image) && !imageNames(config).has(image)) throw unknownImage(config, image);
}

/** What to throw at the name of no disk image and of no image at providers. */
export function unknownImage(config: Config, image: string): NodepoolError {
  const known = new Set([...config.diskimages.keys(), ...imageNames(config)]);
  return new NodepoolError('not-found', `there is no image ${image}${hintAt(image, [...known])}`);
}

function allWith(config: Config, image: string): readonly ProviderConfig[] {
  const found = [...config.providers.values()].filter(({ images }) => images.has(image));
  if (found.length > 0) return found;
  const hint = hintAtDiskImage(config, image) ?? hintAt(image, [...imageNames(config)]);
  throw new NodepoolError('not-found', `no provider has an image ${image}${hint}`);
}

function oneWith(config: Config, wanted: { provider: string; image: string }): ProviderConfig {
  const provider = requireProvider(config.providers, wanted.provider);
  if (provider.images.has(wanted.image)) return provider;
  const hint = hintAtDiskImage(config, wanted.image) ?? hintAt(wanted.image, [...provider.images.keys()]);
  throw new NodepoolError('not-found', `provider ${provider.name} has no image ${wanted.image}${hint}`);
}

/** What is made of the disk image of that name; null: there is none, or nothing is. */
function hintAtDiskImage({ diskimages, providers }: Config, name: string): string | null {
  if (!diskimages.has(name)) return null;
  const all = [...providers.values()];
  const made = all.flatMap((provider) =>
    [...provider.images.keys()].filter((image) => diskImageOf(provider, image) === name),
  );
  return made.length === 0 ? null : ` (it is a disk image, of which ${[...new Set(made)].join(', ')} is made)`;
}

function imageNames({ providers }: Config): ReadonlySet<string> {
  return new Set([...providers.values()].flatMap(({ images }) => [...images.keys()]));
}

/** Throws `not-found`. */
export function requireProvider(providers: Config['providers'], name: string): ProviderConfig {
  const provider = providers.get(name);
  if (provider === undefined)
    throw new NodepoolError('not-found', `there is no provider ${name}${hintAt(name, [...providers.keys()])}`);
  return provider;
}
