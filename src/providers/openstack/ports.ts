/** Ports of Neutron that belong, or belonged, to servers. */
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { serverId, type ServerId } from '../../lib/ids.ts';
import { listAll } from './pages.ts';
import { objectsOf, requireText, textOf, type Json } from './parse.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';

export interface Port {
  readonly id: string;
  readonly networkId: string;
  /** Its device; not necessarily a server that still exists. */
  readonly serverId: ServerId;
  readonly addresses: readonly string[];
}

export interface Ports {
  /** Those of the project that belong to a server, or did. */
  list(signal: AbortSignal): Promise<readonly Port[]>;
  ofServer(id: ServerId, signal: AbortSignal): Promise<readonly Port[]>;
  /** Asks Nova for the server itself, which knows it before listings do. */
  serverExists(id: ServerId, signal: AbortSignal): Promise<boolean>;
  /** Success when it is gone; `conflict` when its server exists. */
  removeLeft(id: string, signal: AbortSignal): Promise<void>;
}

export function createPorts(session: Session): Ports {
  const read = async (query: Record<string, string>, signal: AbortSignal): Promise<readonly Port[]> => {
    const ports = await listAll(session, { service: 'network', path: '/ports', key: 'ports', query, signal });
    return ports.filter(isOfServer).map(readPort);
  };

  const serverExists = async (id: ServerId, signal: AbortSignal): Promise<boolean> => {
    try {
      await session.send({ service: 'compute', method: 'GET', path: `/servers/${encodeURIComponent(id)}`, signal });
      return true;
    } catch (error) {
      if (isNodepoolError(error, 'not-found')) return false;
      throw error;
    }
  };

  return {
    list: async (signal) => {
      if (!(await session.has('network', signal))) return [];
      return read({ tenant_id: (await session.project(signal)).id }, signal);
    },
    ofServer: (id, signal) => read({ device_id: id }, signal),
    serverExists,
    removeLeft: async (id, signal) => {
      const [port] = await read({ id }, signal);
      if (port === undefined) return;
      // Listings may miss a server for a while; what it is reached by must not be taken from it.
      if (await serverExists(port.serverId, signal))
        throw new NodepoolError('conflict', `port ${id} belongs to server ${port.serverId}, which exists`);
      await remove(session, { service: 'network', path: `/ports/${encodeURIComponent(id)}`, signal });
    },
  };
}

/** Nova owns them as `compute:<zone>`. */
function isOfServer({ device_owner, device_id }: Json): boolean {
  return (textOf(device_owner) ?? '').startsWith('compute:') && textOf(device_id) !== null;
}

function readPort(port: Json): Port {
  return {
    id: requireText(port, 'id'),
    networkId: requireText(port, 'network_id'),
    serverId: serverId(requireText(port, 'device_id')),
    addresses: objectsOf(port.fixed_ips).flatMap(({ ip_address }) => textOf(ip_address) ?? []),
  };
}
