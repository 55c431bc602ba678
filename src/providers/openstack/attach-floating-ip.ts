import { isIPv4 } from 'node:net';
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { ServerId } from '../../lib/ids.ts';
import type { Tags } from '../provider.ts';
import type { CloudAccess } from './access.ts';
import type { ExternalNetworks } from './external-networks.ts';
import type { FloatingIps } from './floating-ips.ts';
import type { Networks } from './networks.ts';
import { requireObject, requireText } from './parse.ts';
import type { Port, Ports } from './ports.ts';
import type { Session } from './session.ts';
import { floatingIpDescription } from './tags.ts';

export interface AttachDeps {
  readonly session: Session;
  readonly networks: Pick<Networks, 'list'>;
  readonly externals: Pick<ExternalNetworks, 'wayTo'>;
  readonly ports: Pick<Ports, 'ofServer' | 'serverExists'>;
  readonly floatingIps: Pick<FloatingIps, 'ofPort'>;
  readonly access: Pick<CloudAccess, 'networks'>;
}

/** Resolves with the id of the floating IP that the server has then, new or not; null: it is not the pool's. */
export type AttachFloatingIp = (id: ServerId, tags: Tags, signal: AbortSignal) => Promise<string | null>;

/** A floating IP is made with its port in one call: there is no moment at which it belongs to nobody. */
export function createAttachFloatingIp(deps: AttachDeps): AttachFloatingIp {
  const { session, networks, externals, ports, floatingIps, access } = deps;

  const natDestinations = async (signal: AbortSignal): Promise<ReadonlySet<string>> => {
    const declared = access.networks.filter(({ isNatDestination }) => isNatDestination).map(({ name }) => name);
    if (declared.length === 0) return new Set();
    const all = await networks.list(signal);
    return new Set(all.filter(({ id, name }) => declared.includes(id) || declared.includes(name)).map(({ id }) => id));
  };

  const whyNowhere = async (id: ServerId, signal: AbortSignal): Promise<NodepoolError> =>
    (await ports.serverExists(id, signal))
      ? new NodepoolError('conflict', `server ${id} has no port yet that could get a floating IP`)
      : new NodepoolError('not-found', `server ${id} does not exist`);

  return async (id, tags, signal) => {
    const [best, ...others] = placesOf(await ports.ofServer(id, signal), await natDestinations(signal));
    if (best === undefined) throw await whyNowhere(id, signal);
    const places = [best, ...others];
    const networkIds = places.map(({ port }) => port.networkId);
    const { network, externalNetwork } = await externals.wayTo(networkIds, signal);
    const { port, ipv4 } = places.find((place) => place.port.networkId === network) ?? best;
    const floatingip = {
      floating_network_id: externalNetwork,
      port_id: port.id,
      // A port may have several addresses; without this Neutron would refuse it.
      fixed_ip_address: ipv4,
      description: floatingIpDescription(tags),
    };
    const request = { service: 'network', method: 'POST', path: '/floatingips', body: { floatingip }, signal } as const;
    try {
      const { body } = await session.send(request);
      return requireText(requireObject(body, 'floatingip'), 'id');
    } catch (error) {
      // A network without a router to the external one, or none of that id.
      if (isNodepoolError(error, 'not-found')) throw new NodepoolError('rejected', error.message, { cause: error });
      if (!isNodepoolError(error, 'conflict')) throw error;
      // That the port has one already is what was asked for; there are other conflicts.
      const [attached] = await floatingIps.ofPort(port.id, signal);
      if (attached === undefined) throw error;
      return attached.tags === null ? null : attached.id;
    }
  };
}

interface Place {
  readonly port: Port;
  readonly ipv4: string;
}

/** Where the floating IP of a server may lead to: its ports, or those alone that are on a network named for it. */
function placesOf(ports: readonly Port[], natDestinations: ReadonlySet<string>): readonly Place[] {
  const places = ports.flatMap((port) => {
    const ipv4 = port.addresses.find(isIPv4);
    return ipv4 === undefined ? [] : [{ port, ipv4 }];
  });
  const named = places.filter(({ port }) => natDestinations.has(port.networkId));
  return named.length > 0 ? named : places;
}
