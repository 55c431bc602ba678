/**
 * What is left of servers: key pairs, floating IPs and ports.
 *
 * With `clean-floating-ips` the project is the pool's alone, and an unattached floating IP that nobody has marked is
 * shown as one of this installation that belongs to the record `unattached`, which no row is, so that it is taken for
 * left over. The driver learns its installation from the tags that it is handed, or from those of the servers that it
 * sees; before that it claims nothing.
 */
import type { Accessory } from '../provider.ts';
import type { FloatingIp, FloatingIps } from './floating-ips.ts';
import type { Keypairs } from './keypairs.ts';
import type { Port, Ports } from './ports.ts';
import type { Sightings } from './sightings.ts';
import { readKeypairName, type RecordTags } from './tags.ts';

export interface Accessories {
  list(signal: AbortSignal): Promise<readonly Accessory[]>;
  /** Success when it is gone; `conflict` when something uses it. */
  delete(accessory: Pick<Accessory, 'kind' | 'id'>, signal: AbortSignal): Promise<void>;
}

export interface AccessoriesDeps {
  readonly keypairs: Pick<Keypairs, 'list' | 'remove'>;
  readonly floatingIps: Pick<FloatingIps, 'list' | 'removeUnattached'>;
  readonly ports: Pick<Ports, 'list' | 'removeLeft'>;
  readonly sightings: Pick<Sightings, 'formerOwner' | 'installation'>;
  readonly cleanFloatingIps: boolean;
}

export function createAccessories(deps: AccessoriesDeps): Accessories {
  const { keypairs, floatingIps, ports, sightings, cleanFloatingIps } = deps;

  const ownerOf = (ip: FloatingIp): RecordTags | null => {
    const installation = sightings.installation();
    if (ip.tags !== null || ip.portId !== null || !cleanFloatingIps || installation === null) return ip.tags;
    return { installation, record: 'unattached' };
  };

  const fromFloatingIp = (ip: FloatingIp): readonly Accessory[] => {
    const { id, address: name, serverId } = ip;
    // It is in use by something that is no server, such as a load balancer.
    if (ip.portId !== null && serverId === null) return [];
    return [{ kind: 'floating-ip', id, name, serverId, tags: ownerOf(ip) }];
  };

  const fromPort = ({ id, addresses, serverId }: Port): readonly Accessory[] => {
    const tags = sightings.formerOwner(serverId);
    return tags === null ? [] : [{ kind: 'port', id, name: addresses[0] ?? id, serverId: null, tags }];
  };

  const list = async (signal: AbortSignal): Promise<readonly Accessory[]> => {
    const [names, ips, allPorts] = await Promise.all([
      keypairs.list(signal),
      floatingIps.list(signal),
      ports.list(signal),
    ]);
    return [
      ...names.map(
        (name) => ({ kind: 'keypair', id: name, name, serverId: null, tags: readKeypairName(name) }) as const,
      ),
      ...ips.flatMap(fromFloatingIp),
      ...allPorts.flatMap(fromPort),
    ];
  };

  return {
    list,
    delete: ({ kind, id }, signal) => {
      if (kind === 'keypair') return keypairs.remove(id, signal);
      return kind === 'port' ? ports.removeLeft(id, signal) : floatingIps.removeUnattached(id, signal);
    },
  };
}
