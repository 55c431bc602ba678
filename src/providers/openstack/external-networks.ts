/** Where floating IPs come from, and which servers can have one. */
import type { ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import type { CloudAccess } from './access.ts';
import type { Networks } from './networks.ts';
import { listAll } from './pages.ts';
import { objectOf, requireText, textOf, type Json } from './parse.ts';
import { remember } from './remember.ts';
import type { Session } from './session.ts';

export interface ExternalNetworks {
  /** Which servers can have a floating IP; null: none. */
  floating(signal: AbortSignal): Promise<FloatingReach | null>;
  /**
   * On which of a server's networks, given by their ids with the best first, a floating IP can lead to it; `rejected` when
   * there is none.
   */
  wayTo(networkIds: readonly string[], signal: AbortSignal): Promise<FloatingWay>;
}

/** By ids. */
export interface FloatingWay {
  readonly externalNetwork: string;
  readonly network: string;
}

export interface FloatingReach {
  /** Whether a server on the network of this name can have one. */
  readonly canFloat: (networkName: string) => boolean;
}

export interface ExternalNetworksDeps {
  readonly session: Session;
  readonly clock: Clock;
  readonly networks: Pick<Networks, 'list' | 'idOf'>;
  readonly config: Pick<ProviderConfig, 'pool' | 'floatingIps'>;
  readonly access: Pick<CloudAccess, 'usesFloatingIps' | 'isPrivate'>;
}

const MAX_AGE_MS = 10 * 60_000;

/** The interfaces of routers that join a network of the project: plain, distributed and highly available ones. */
const ROUTER_INTERFACE = /^network:(router_interface|ha_router_replicated_interface)/;

/** By the `pool` of the configuration, or else by the routers of the project. */
export function createExternalNetworks(deps: ExternalNetworksDeps): ExternalNetworks {
  const { session, clock, networks, config, access } = deps;
  const gateways = remember({ clock, maxAgeMs: MAX_AGE_MS, read: (signal) => readGateways(session, signal) });

  const floating = async (signal: AbortSignal): Promise<FloatingReach | null> => {
    if (!config.floatingIps || !access.usesFloatingIps || access.isPrivate) return null;
    if (!(await session.has('network', signal))) return null;
    if (config.pool !== null) return { canFloat: () => true };
    const externals = await gateways.get(signal);
    if (externals.size === 0) return null;
    const all = await networks.list(signal);
    const names = new Set(all.filter(({ id }) => externals.has(id)).map(({ name }) => name));
    return { canFloat: (name) => names.has(name) };
  };

  const fromPool = async (pool: string, networkIds: readonly string[], signal: AbortSignal): Promise<FloatingWay> => {
    const externalNetwork = await networks.idOf(pool, signal);
    const [first = '', ...others] = new Set(networkIds);
    if (others.length === 0) return { externalNetwork, network: first };
    const known = await gateways.get(signal);
    // The router to the pool may be another project's, which cannot be seen: whether there is one, Neutron knows.
    return { externalNetwork, network: networkIds.find((id) => known.get(id) === externalNetwork) ?? first };
  };

  const wayTo = async (networkIds: readonly string[], signal: AbortSignal): Promise<FloatingWay> => {
    if (config.pool !== null) return fromPool(config.pool, networkIds, signal);
    const known = await gateways.get(signal);
    const network = networkIds.find((id) => known.has(id)) ?? '';
    const externalNetwork = known.get(network);
    if (externalNetwork !== undefined) return { externalNetwork, network };
    throw new NodepoolError(
      'rejected',
      `no router of the project connects network ${networkIds.join(' or ')} with an external one: name where floating IPs come from as "pool"`,
    );
  };

  return { floating, wayTo };
}

/** The external network that a router of the project connects each network with, by ids. */
async function readGateways(session: Session, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const { id: project } = await session.project(signal);
  const externals = new Map<string, string>();
  const follow = async (router: Json): Promise<void> => {
    const external = textOf(objectOf(router.external_gateway_info).network_id);
    if (external === null) return;
    const query = { device_id: requireText(router, 'id') };
    const ports = await listAll(session, { service: 'network', path: '/ports', key: 'ports', query, signal });
    for (const port of ports.filter(({ device_owner }) => ROUTER_INTERFACE.test(textOf(device_owner) ?? ''))) {
      externals.set(requireText(port, 'network_id'), external);
    }
  };
  try {
    const query = { tenant_id: project };
    const routers = await listAll(session, { service: 'network', path: '/routers', key: 'routers', query, signal });
    await Promise.all(routers.map(follow));
  } catch (error) {
    // A network service without routers has no floating IPs either.
    if (!isNodepoolError(error, 'not-found')) throw error;
  }
  return externals;
}
