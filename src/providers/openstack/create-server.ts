import { isDeepStrictEqual } from 'node:util';
import type { ProviderConfig } from '../../config/types.ts';
import { chooseFlavor, describeFlavorWish } from '../../lib/choose-flavor.ts';
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { serverId, type ServerId } from '../../lib/ids.ts';
import type { Cloud, Flavor, ServerSpec } from '../provider.ts';
import type { Images } from './images.ts';
import type { Networks } from './networks.ts';
import { requireObject, requireText } from './parse.ts';
import type { Remembered } from './remember.ts';
import { serverBody, type ServerParts } from './server-body.ts';
import type { Session } from './session.ts';

export interface CreateServerDeps {
  readonly session: Session;
  readonly flavors: Remembered<readonly Flavor[]>;
  readonly images: Pick<Images, 'findBase'>;
  readonly networks: Pick<Networks, 'requested'>;
  readonly config: Pick<ProviderConfig, 'securityGroups'>;
}

/** After a refused create, what names of the configuration stand for is looked up again unless it was this late. */
const FRESH_MS = 10_000;

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

  const lookUp = async (spec: ServerSpec, signal: AbortSignal, maxAgeMs?: number): Promise<ServerParts> => {
    const [known, imageId, networkIds] = await Promise.all([
      flavors.get(signal, maxAgeMs),
      'id' in spec.image ? spec.image.id : images.findBase(spec.image.base, signal, maxAgeMs),
      networks.requested(signal, maxAgeMs),
    ]);
    return { flavorId: pickFlavor(known, spec).id, imageId, networkIds, securityGroups: config.securityGroups };
  };

  return async (spec, signal) => {
    const parts = await lookUp(spec, signal);
    const body = serverBody(spec, parts);
    try {
      return await post(body, signal);
    } catch (error) {
      if (!isNodepoolError(error, 'rejected')) throw error;
      const current = await lookUp(spec, signal, FRESH_MS);
      if (isDeepStrictEqual(current, parts)) throw error;
      // What was named before is gone, and something else has its place; nothing was created, so that may be tried.
      return post(serverBody(spec, current), signal);
    }
  };
}

function pickFlavor(flavors: readonly Flavor[], spec: ServerSpec): Flavor {
  const flavor = chooseFlavor(flavors, spec);
  if (flavor !== null) return flavor;
  throw new NodepoolError('rejected', `no flavor has ${describeFlavorWish(spec)}`);
}
