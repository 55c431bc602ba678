/** Floating IPs that there are at Neutron. */
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { serverId, type ServerId } from '../../lib/ids.ts';
import { listAll } from './pages.ts';
import { objectOf, requireText, textOf, type Json } from './parse.ts';
import type { Port, Ports } from './ports.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';
import { readFloatingIpDescription, type RecordTags } from './tags.ts';

export interface FloatingIp {
  readonly id: string;
  readonly address: string;
  /** null: attached to nothing. */
  readonly portId: string | null;
  /** What its port belongs to; null: nothing that is a server. */
  readonly serverId: ServerId | null;
  readonly tags: RecordTags | null;
}

export interface FloatingIps {
  /** Those of the project; none where the cloud knows no such thing. */
  list(signal: AbortSignal): Promise<readonly FloatingIp[]>;
  ofPort(portId: string, signal: AbortSignal): Promise<readonly FloatingIp[]>;
  /** Success when it is gone. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** As {@link remove}, but `conflict` when it is attached to something. */
  removeUnattached(id: string, signal: AbortSignal): Promise<void>;
}

export interface FloatingIpsDeps {
  readonly session: Session;
  readonly ports: Pick<Ports, 'list'>;
}

export function createFloatingIps({ session, ports }: FloatingIpsDeps): FloatingIps {
  const read = async (query: Record<string, string>, signal: AbortSignal): Promise<readonly FloatingIp[]> => {
    const request = { service: 'network', path: '/floatingips', key: 'floatingips', query, signal } as const;
    const found = await listAll(session, request);
    // Before Rocky Neutron did not say what the port belongs to. The address behind it does not tell: projects may have
    // several networks with the same addresses.
    const areOwnersMissing = found.some((ip) => textOf(ip.port_id) !== null && ip.port_details === undefined);
    const all = areOwnersMissing ? await ports.list(signal) : [];
    return found.map((ip) => readFloatingIp(ip, all));
  };

  const list = async (signal: AbortSignal): Promise<readonly FloatingIp[]> => {
    if (!(await session.has('network', signal))) return [];
    const { id } = await session.project(signal);
    try {
      return await read({ tenant_id: id }, signal);
    } catch (error) {
      // A network service without routers does not have the resource at all.
      if (isNodepoolError(error, 'not-found')) return [];
      throw error;
    }
  };

  const removeById = (id: string, signal: AbortSignal): Promise<void> =>
    remove(session, { service: 'network', path: `/floatingips/${encodeURIComponent(id)}`, signal });

  const removeUnattached = async (id: string, signal: AbortSignal): Promise<void> => {
    const [found] = await read({ id }, signal);
    if (found === undefined) return;
    if (found.portId !== null) throw new NodepoolError('conflict', `floating IP ${found.address} is in use again`);
    await removeById(id, signal);
  };

  return { list, ofPort: (id, signal) => read({ port_id: id }, signal), remove: removeById, removeUnattached };
}

function readFloatingIp(ip: Json, ports: readonly Port[]): FloatingIp {
  const portId = textOf(ip.port_id);
  const device = textOf(objectOf(ip.port_details).device_id);
  const owner = device ?? ports.find(({ id }) => id === portId)?.serverId ?? null;
  return {
    id: requireText(ip, 'id'),
    address: requireText(ip, 'floating_ip_address'),
    portId,
    serverId: owner === null ? null : serverId(owner),
    tags: readFloatingIpDescription(textOf(ip.description) ?? ''),
  };
}
