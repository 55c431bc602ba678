/**
 * A server as Nova writes it, at some time and in some microversion. Listings of a thousand servers are made of texts
 * that are kept as long as nothing about the server changes.
 */
import { isoSeconds } from './http.ts';
import { versionedRoot, type ComputeCall, type Minor } from './compute-call.ts';
import { existsAt, type Moment, type Port, type Server } from './records.ts';
import { changedAt, shownPorts, statusAt, taskAt, type ServerStatus } from './server-life.ts';

const texts = new WeakMap<Server, { readonly key: string; readonly text: string }>();

/** Its entry in a listing in detail, as JSON. */
export function serverText(call: ComputeCall, server: Server, time: Moment): string {
  const status = isHidden(server, time) ? 'UNKNOWN' : (statusAt(server, time) ?? 'BUILD');
  const shown = shownPorts(server, time);
  const floating = shown.map((port) => floatingAddress(port, time)).join();
  const root = versionedRoot(call);
  const key = [status, taskAt(server, time), shown.length, floating, call.minor, root, server.failedAt].join(' ');
  const known = texts.get(server);
  if (known?.key === key) return known.text;
  const text = JSON.stringify(renderServer(call, server, time));
  texts.set(server, { key, text });
  return text;
}

export function renderServer(call: ComputeCall, server: Server, time: Moment): Readonly<Record<string, unknown>> {
  if (isHidden(server, time)) return renderHidden(call, server);
  const status = statusAt(server, time) ?? 'BUILD';
  const hasStarted = status === 'ACTIVE' || server.activeAt <= time;
  return {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.projectId,
    user_id: server.userId,
    metadata: server.metadata,
    hostId: status === 'BUILD' ? '' : HOST,
    image: server.imageId === null ? '' : { id: server.imageId, links: [bookmark(call, 'images', server.imageId)] },
    flavor: renderFlavor(call, server),
    created: isoSeconds(server.createdAt),
    updated: isoSeconds(changedAt(server, time)),
    addresses: renderAddresses(server, time),
    accessIPv4: '',
    accessIPv6: '',
    links: serverLinks(call, server),
    'OS-DCF:diskConfig': 'MANUAL',
    ...(status === 'ERROR' ? {} : { progress: 0 }),
    ...(status === 'ERROR' && server.fault ? { fault: renderFault(server, time) } : {}),
    'OS-EXT-AZ:availability_zone': status === 'BUILD' ? '' : server.zone,
    config_drive: server.hasConfigDrive ? 'True' : '',
    key_name: server.keyName,
    'OS-SRV-USG:launched_at': hasStarted ? `${isoSeconds(server.activeAt).slice(0, -1)}.000000` : null,
    'OS-SRV-USG:terminated_at': null,
    'OS-EXT-STS:task_state': taskAt(server, time),
    'OS-EXT-STS:vm_state': VM_STATES[status],
    'OS-EXT-STS:power_state': hasStarted ? 1 : 0,
    'os-extended-volumes:volumes_attached': renderVolumes(server, call.minor),
    ...laterKeys(server, call.minor),
    ...(server.ports.length > 0 ? { security_groups: server.securityGroups.map((name) => ({ name })) } : {}),
  };
}

export function isHidden({ hiddenUntil }: Server, time: Moment): boolean {
  return time < hiddenUntil;
}

/** All that the API knows of a server without its cell. */
function renderHidden(call: ComputeCall, server: Server): Readonly<Record<string, unknown>> {
  const { id, projectId, createdAt } = server;
  const links = serverLinks(call, server);
  return { id, status: 'UNKNOWN', tenant_id: projectId, created: isoSeconds(createdAt), links };
}

const HOST = '1f1c3df759d0a003f6f756965a4887db1d0b1149fc480dcc66e24c43';

const VM_STATES: Readonly<Record<ServerStatus, string>> = { BUILD: 'building', ACTIVE: 'active', ERROR: 'error' };

/** What microversions have added that a project without special rights sees. */
function laterKeys(server: Server, minor: Minor): Readonly<Record<string, unknown>> {
  return {
    ...(minor >= 9 ? { locked: false } : {}),
    ...(minor >= 73 ? { locked_reason: null } : {}),
    ...(minor >= 19 ? { description: server.description } : {}),
    ...(minor >= 26 ? { tags: [] } : {}),
    ...(minor >= 63 ? { trusted_image_certificates: null } : {}),
    ...(minor >= 90 ? { 'OS-EXT-SRV-ATTR:hostname': server.name } : {}),
  };
}

function renderFlavor(call: ComputeCall, { flavor }: Server): unknown {
  if (call.minor < 47) return { id: flavor.id, links: [bookmark(call, 'flavors', flavor.id)] };
  const { vcpus, ram, disk, name } = flavor;
  return { vcpus, ram, disk, ephemeral: 0, swap: 0, original_name: name, extra_specs: {} };
}

function renderVolumes({ volumeId }: Server, minor: Minor): readonly unknown[] {
  if (volumeId === null) return [];
  return [{ id: volumeId, ...(minor >= 3 ? { delete_on_termination: true } : {}) }];
}

function renderFault({ fault, failedAt }: Server, time: Moment): unknown {
  return { code: fault?.code, created: isoSeconds(Math.min(failedAt, time)), message: fault?.message };
}

function renderAddresses(server: Server, time: Moment): Readonly<Record<string, readonly unknown[]>> {
  const addresses: Record<string, unknown[]> = {};
  for (const port of shownPorts(server, time)) {
    const entries = (addresses[port.network.name] ??= []);
    const add = (addr: string, type: 'fixed' | 'floating'): void => {
      const version = addr.includes(':') ? 6 : 4;
      entries.push({ version, addr, 'OS-EXT-IPS:type': type, 'OS-EXT-IPS-MAC:mac_addr': port.mac });
    };
    for (const address of port.addresses) add(address, 'fixed');
    const floating = floatingAddress(port, time);
    if (floating !== null) add(floating, 'floating');
  }
  return addresses;
}

function floatingAddress({ floating }: Port, time: Moment): string | null {
  return floating && existsAt(floating, time) && floating.attachedAt <= time ? floating.address : null;
}

export function serverLinks(call: ComputeCall, { id }: Server): readonly unknown[] {
  return [{ rel: 'self', href: `${versionedRoot(call)}/servers/${id}` }, bookmark(call, 'servers', id)];
}

function bookmark(call: ComputeCall, kind: string, id: string): unknown {
  return { rel: 'bookmark', href: `${call.root}/${kind}/${id}` };
}
