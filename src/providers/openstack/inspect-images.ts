/** What the provider's images need: a flavor, a base image, key pairs. */
import type { ProviderImageConfig } from '../../config/types.ts';
import { chooseFlavor, describeFlavorWish } from '../../lib/choose-flavor.ts';
import { isNodepoolError } from '../../lib/errors.ts';
import type { Finding } from '../provider.ts';
import type { Inspected } from './inspect.ts';
import { readComputeQuota } from './limits.ts';

export async function checkFlavors(
  { session, config, flavors }: Inspected,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const about = 'flavors';
  const [known, quota] = await Promise.all([flavors.get(signal), readComputeQuota(session, signal)]);
  return [...config.images.values()].map((image): Finding => {
    const flavor = chooseFlavor(known, image);
    if (flavor === null) return { level: 'error', about, text: missingFlavor(image) };
    const { name, cores, ramMb, diskGb } = flavor;
    const text = `Servers of image ${image.name} are made with flavor ${name} (${cores} ${cores === 1 ? 'core' : 'cores'}, ${ramMb} MB of RAM, ${diskGb} GB of disk)`;
    if (diskGb === 0 && image.volumeGb === null)
      return {
        level: 'warning',
        about,
        text: `${text}, which most clouds boot from volumes only: set "boot-from-volume".`,
      };
    const room = Math.min(
      Math.floor((quota.cores.limit ?? Infinity) / cores),
      Math.floor((quota.ramMb.limit ?? Infinity) / ramMb),
    );
    if (room >= config.maxServers) return { level: 'ok', about, text: `${text}.` };
    return { level: 'warning', about, text: `${text}: the quota of cores and RAM has room for ${room} of them.` };
  });
}

function missingFlavor(image: ProviderImageConfig): string {
  const change = image.nameFilter === null ? 'lower "min-ram"' : 'change "min-ram" or "name-filter"';
  return `No flavor has ${describeFlavorWish(image)}, which image ${image.name} asks for: ${change}.`;
}

export async function checkBaseImages({ config, images }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const about = 'base images';
  const snapshots = [...config.images.values()].flatMap(({ source }) =>
    source.kind === 'snapshot' ? source.baseImage : [],
  );
  const look = async (base: string): Promise<Finding> => {
    try {
      const id = await images.findBase(base, signal);
      return {
        level: 'ok',
        about,
        text: base === id ? `Base image ${id} is there.` : `Base image "${base}" is ${id}.`,
      };
    } catch (error) {
      if (!isNodepoolError(error, 'rejected')) throw error;
      const text = `There is no active image "${base}" that the project can boot from: upload it, or correct "base-image".`;
      return { level: 'error', about, text };
    }
  };
  return Promise.all([...new Set(snapshots)].map(look));
}

/** What clouds.yaml says of the cloud is not what is uploaded: that is for the configuration to say. */
export async function checkImageType({ config, access }: Inspected): Promise<readonly Finding[]> {
  const about = 'image type';
  const { imageType } = config;
  const wanted = access.imageFormat;
  if (![...config.images.values()].some(({ source }) => source.kind === 'diskimage')) return [];
  if (wanted === null || wanted === imageType)
    return [{ level: 'ok', about, text: `Images are uploaded as ${imageType}.` }];
  const text = `Images are uploaded as ${imageType}, but ${access.source} says that the cloud wants ${wanted}: set "image-type".`;
  return [{ level: 'warning', about, text }];
}

export async function checkKeypairs({ config, keypairs }: Inspected, signal: AbortSignal): Promise<readonly Finding[]> {
  const about = 'key pairs';
  const names = [config.keypair, ...[...config.images.values()].map(({ keyName }) => keyName)];
  const look = async (name: string): Promise<Finding> => {
    if ((await keypairs.find(name, signal)) !== null) return { level: 'ok', about, text: `Key pair ${name} is there.` };
    const text = `There is no key pair "${name}": key pairs belong to the user who makes them, so make it with these credentials.`;
    return { level: 'error', about, text };
  };
  return Promise.all([...new Set(names.filter((name) => name !== null))].map(look));
}
