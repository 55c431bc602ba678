import type { ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import { isNodepoolError } from '../../lib/errors.ts';
import type { ServerId } from '../../lib/ids.ts';
import type { FixedAddress } from './addresses.ts';
import type { Networks } from './networks.ts';
import type { ServerFacts } from './parse-server.ts';
import type { Ports } from './ports.ts';

export interface EarlyAddresses {
  /** Adds addresses to servers of the pool that are being built, as far as they have some. */
  addTo(servers: readonly ServerFacts[], signal: AbortSignal): Promise<readonly ServerFacts[]>;
}

export interface EarlyAddressesDeps {
  readonly ports: Pick<Ports, 'list'>;
  readonly networks: Pick<Networks, 'list'>;
  readonly config: Pick<ProviderConfig, 'rateMs'>;
  readonly clock: Clock;
}

/** Least time between two readings of the ports: they are a call each beside the listing, and only a head start. */
const INTERVAL_MS = 3000;
/** The same in calls that the rate allows. */
const INTERVAL_CALLS = 10;

/**
 * Nova shows no addresses of a server before it is ACTIVE, though its ports have them long before. With them a floating
 * IP is made while the server boots, and somebody who answers there is noticed at once.
 */
export function createEarlyAddresses({ ports, networks, config, clock }: EarlyAddressesDeps): EarlyAddresses {
  const intervalMs = Math.max(INTERVAL_MS, INTERVAL_CALLS * config.rateMs);
  let known: ReadonlyMap<ServerId, readonly FixedAddress[]> = new Map();
  let readAt = -Infinity;

  const read = async (signal: AbortSignal): Promise<void> => {
    readAt = clock.now();
    try {
      const [all, names] = await Promise.all([ports.list(signal), networks.list(signal)]);
      const found = new Map<ServerId, FixedAddress[]>();
      for (const { serverId, networkId, addresses } of all) {
        const network = names.find(({ id }) => id === networkId)?.name;
        if (network === undefined) continue;
        const before = found.get(serverId) ?? [];
        found.set(serverId, [...before, ...addresses.map((address) => ({ network, address }))]);
      }
      known = found;
    } catch (error) {
      // It is no more than a head start: without it the addresses come with ACTIVE.
      if (isNodepoolError(error, 'aborted')) throw error;
    }
  };

  return {
    addTo: async (servers, signal) => {
      const isBare = ({ tags, status, addresses }: ServerFacts): boolean =>
        tags !== null && status === 'building' && addresses.fixed.length === 0;
      const isMissing = (server: ServerFacts): boolean => isBare(server) && !known.has(server.id);
      // Either way: the clock may have been set back.
      if (servers.some(isMissing) && Math.abs(clock.now() - readAt) >= intervalMs) await read(signal);
      return servers.map((server) => {
        const fixed = isBare(server) ? known.get(server.id) : undefined;
        return fixed === undefined ? server : { ...server, addresses: { ...server.addresses, fixed } };
      });
    },
  };
}
