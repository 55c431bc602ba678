/** The listing of servers: Nova's, with Neutron's floating IPs where a server of the pool has one or lacks one. */
import type { ProviderConfig } from '../../config/types.ts';
import type { Cloud, Flavor, Server } from '../provider.ts';
import type { CloudAccess } from './access.ts';
import { chooseAddresses, type AddressRules } from './addresses.ts';
import type { EarlyAddresses } from './early-addresses.ts';
import type { ExternalNetworks } from './external-networks.ts';
import type { FloatingIp, FloatingIps } from './floating-ips.ts';
import type { Networks } from './networks.ts';
import { sizeOf, type ServerFacts } from './parse-server.ts';
import type { Remembered } from './remember.ts';
import type { Servers } from './servers.ts';
import type { Sightings } from './sightings.ts';

export interface ListingDeps {
  readonly servers: Pick<Servers, 'list'>;
  readonly earlyAddresses: EarlyAddresses;
  readonly networks: Pick<Networks, 'publicNames'>;
  readonly externals: Pick<ExternalNetworks, 'floating'>;
  readonly floatingIps: Pick<FloatingIps, 'list'>;
  readonly flavors: Remembered<readonly Flavor[]>;
  readonly sightings: Pick<Sightings, 'see'>;
  readonly config: Pick<ProviderConfig, 'ipv6Preferred' | 'cleanFloatingIps'>;
  readonly access: Pick<CloudAccess, 'forceIpv4' | 'isPrivate'>;
}

/** A server with the floating IPs that lead to it. */
interface Found {
  readonly server: ServerFacts;
  readonly ips: readonly FloatingIp[];
}

export function createListing(deps: ListingDeps): Cloud['listServers'] {
  const { servers, earlyAddresses, flavors, sightings, config } = deps;

  return async (signal) => {
    const [shown, rules] = await Promise.all([servers.list(signal), readRules(deps, signal)]);
    const listed = await earlyAddresses.addTo(shown, signal);
    const found = await findFloatingIps(deps, { listed, rules }, signal);
    const isSizeMissing = listed.some(({ size, flavorId }) => size === null && flavorId !== null);
    const known = isSizeMissing ? await flavors.get(signal) : [];
    const goesWithServer = ({ tags }: FloatingIp): boolean => tags !== null || config.cleanFloatingIps;
    sightings.see(
      found.map(({ server: { id, tags }, ips }) => ({
        id,
        tags,
        floatingIps: tags === null ? [] : ips.filter(goesWithServer).map((ip) => ip.id),
      })),
    );
    return found.map(({ server }) => toServer(server, rules, known));
  };
}

async function readRules(
  { networks, externals, config, access }: ListingDeps,
  signal: AbortSignal,
): Promise<AddressRules> {
  const [reach, publicNetworks] = await Promise.all([externals.floating(signal), networks.publicNames(signal)]);
  const { ipv6Preferred } = config;
  const { forceIpv4, isPrivate } = access;
  return { ipv6Preferred, forceIpv4, isPrivate, publicNetworks, canFloat: reach?.canFloat ?? (() => false) };
}

/**
 * Nova's word on floating IPs can be minutes old, so Neutron is asked; but only when it matters: for a server of the pool
 * that has one, or that is to get one.
 */
async function findFloatingIps(
  { floatingIps }: ListingDeps,
  { listed, rules }: { listed: readonly ServerFacts[]; rules: AddressRules },
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const isConcerned = ({ tags, addresses }: ServerFacts): boolean =>
    tags !== null &&
    addresses.fixed.some(({ network }) => rules.canFloat(network)) &&
    (addresses.floating.length > 0 || chooseAddresses(addresses, rules).wantsFloatingIp);
  if (!listed.some(isConcerned)) return listed.map((server) => ({ server, ips: [] }));
  const all = await floatingIps.list(signal);
  return listed.map((server) => {
    const ips = all.filter(({ serverId }) => serverId === server.id);
    return { server: { ...server, addresses: { ...server.addresses, floating: ips.map((ip) => ip.address) } }, ips };
  });
}

function toServer(server: ServerFacts, rules: AddressRules, flavors: readonly Flavor[]): Server {
  const { id, name, status, tags, fault } = server;
  const { ip, ipPrivate, wantsFloatingIp } = chooseAddresses(server.addresses, rules);
  const isComingUp = tags !== null && (status === 'building' || status === 'active');
  return {
    id,
    name,
    status,
    ip,
    ipPrivate,
    tags,
    wantsFloatingIp: wantsFloatingIp && isComingUp,
    fault,
    size: sizeOf(server, flavors),
  };
}
