/** Floating IPs that there are at Neutron. */
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { serverId, type ServerId } from '../../lib/ids.ts';
import { listAll } from './pages.ts';
import { objectOf, requireText, textOf, type Json } from './parse.ts';
import { remove } from './remove.ts';
import type { Session } from './session.ts';
import { readFloatingIpDescription, type RecordTags } from './tags.ts';

export interface FloatingIp {
  readonly id: string;
  readonly address: string;
  /** null: attached to nothing. */
  readonly portId: string | null;
  /** The address that it leads to. */
  readonly fixedAddress: string | null;
  /** What its port belongs to; null: nothing, or the cloud does not say. */
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

export function createFloatingIps(session: Session): FloatingIps {
  const read = async (query: Record<string, string>, signal: AbortSignal): Promise<readonly FloatingIp[]> => {
    const request = { service: 'network', path: '/floatingips', key: 'floatingips', query, signal } as const;
    return (await listAll(session, request)).map(readFloatingIp);
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

function readFloatingIp(ip: Json): FloatingIp {
  const device = textOf(objectOf(ip.port_details).device_id);
  return {
    id: requireText(ip, 'id'),
    address: requireText(ip, 'floating_ip_address'),
    portId: textOf(ip.port_id),
    fixedAddress: textOf(ip.fixed_ip_address),
    serverId: device === null ? null : serverId(device),
    tags: readFloatingIpDescription(textOf(ip.description) ?? ''),
  };
}
