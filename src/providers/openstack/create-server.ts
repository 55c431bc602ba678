import type { ProviderConfig } from '../../config/types.ts';
import { chooseFlavor } from '../../lib/choose-flavor.ts';
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { serverId, type ServerId } from '../../lib/ids.ts';
import type { Cloud, Flavor, ServerSpec } from '../provider.ts';
import type { Images } from './images.ts';
import type { Networks } from './networks.ts';
import { requireObject, requireText } from './parse.ts';
import type { Remembered } from './remember.ts';
import { serverBody } from './server-body.ts';
import type { Session } from './session.ts';

export interface CreateServerDeps {
  readonly session: Session;
  readonly flavors: Remembered<readonly Flavor[]>;
  readonly images: Pick<Images, 'findBase'>;
  readonly networks: Pick<Networks, 'requested'>;
  readonly config: Pick<ProviderConfig, 'securityGroups'>;
}

/** After a refused create the flavors are read again, unless they are this young. */
const FRESH_FLAVORS_MS = 10_000;

/** Makes a server of what a spec names; what is not there, or not to be told from others, is `rejected`. */
export function createServerMaker(deps: CreateServerDeps): Cloud['createServer'] {
  const { session, flavors, images, networks, config } = deps;

  const post = async (body: unknown, signal: AbortSignal): Promise<ServerId> => {
    try {
      const answer = await session.send({ service: 'compute', method: 'POST', path: '/servers', body, signal });
      return serverId(requireText(requireObject(answer.body, 'server'), 'id'));
    } catch (error) {
      // What Nova does not find, or finds in the way (which of several networks is meant), is wrong in the request.
      if (!isNodepoolError(error, 'not-found', 'conflict')) throw error;
      throw new NodepoolError('rejected', error.message, { cause: error });
    }
  };

  return async (spec, signal) => {
    const [known, imageId, networkIds] = await Promise.all([
      flavors.get(signal),
      'id' in spec.image ? spec.image.id : images.findBase(spec.image.base, signal),
      networks.requested(signal),
    ]);
    const bodyWith = ({ id: flavorId }: Flavor): unknown =>
      serverBody(spec, { flavorId, imageId, networkIds, securityGroups: config.securityGroups });
    const flavor = pickFlavor(known, spec);
    try {
      return await post(bodyWith(flavor), signal);
    } catch (error) {
      if (!isNodepoolError(error, 'rejected')) throw error;
      const current = await flavors.get(signal, FRESH_FLAVORS_MS);
      if (current.some(({ id }) => id === flavor.id)) throw error;
      // The flavor was removed since the flavors were read; nothing was created, so another may be tried.
      return post(bodyWith(pickFlavor(current, spec)), signal);
    }
  };
}

function pickFlavor(flavors: readonly Flavor[], { minRamMb, nameFilter }: ServerSpec): Flavor {
  const flavor = chooseFlavor(flavors, { minRamMb, nameFilter });
  if (flavor !== null) return flavor;
  const named = nameFilter === null ? '' : ` and "${nameFilter}" in its name`;
  throw new NodepoolError('rejected', `no flavor has at least ${minRamMb} MB of RAM${named}`);
}
