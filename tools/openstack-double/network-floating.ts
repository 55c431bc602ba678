/** Floating IPs of Neutron. */
import { isoSeconds, type GrantedCall, type Reply } from './http.ts';
import { networkRefusal } from './network-refusal.ts';
import { existsAt, type FloatingIp, type Network, type Port } from './records.ts';
import { isUuid } from './schema.ts';

interface Wanted {
  readonly floating_network_id?: string;
  readonly port_id?: string | null;
  readonly description?: string;
}

const ATTRIBUTES = [
  ...['floating_network_id', 'port_id', 'fixed_ip_address', 'floating_ip_address', 'subnet_id', 'description'],
  ...['tenant_id', 'project_id', 'qos_policy_id', 'dns_name', 'dns_domain', 'tags'],
];

export function createFloatingIp(call: GrantedCall): Reply {
  const wanted = readWanted(call);
  const networkId = wanted.floating_network_id;
  if (networkId === undefined) {
    const text = "Failed to parse request. Required attribute 'floating_network_id' not specified";
    throw networkRefusal(400, 'HTTPBadRequest', text);
  }
  const { region, grant, now } = call;
  const network = findExternal(call, networkId);
  checkQuota(call);
  const port = wanted.port_id == null ? null : findPort(call, wanted.port_id);
  const id = region.random.uuid();
  const address = region.addresses.floating(network);
  if (port) checkAttachable(call, port, { id, address, networkId: network.id });
  const ip: FloatingIp = {
    id,
    seq: region.nextSeq(),
    createdAt: now,
    goneAt: Infinity,
    projectId: grant.project.id,
    networkId: network.id,
    address,
    description: wanted.description ?? '',
    port: null,
    attachedAt: Infinity,
  };
  region.floatingIps.set(ip.id, ip);
  if (port) attach(ip, port, now);
  return { status: 201, body: { floatingip: renderFloatingIp(call, ip) } };
}

export function updateFloatingIp(call: GrantedCall, id: string): Reply {
  const wanted = readWanted(call);
  const ip = find(call, id);
  if (wanted.port_id === null) detach(ip);
  else if (wanted.port_id !== undefined) {
    const port = findPort(call, wanted.port_id);
    checkAttachable(call, port, ip);
    detach(ip);
    attach(ip, port, call.now);
  }
  return { status: 200, body: { floatingip: renderFloatingIp(call, ip) } };
}

export function deleteFloatingIp(call: GrantedCall, id: string): Reply {
  const ip = find(call, id);
  ip.goneAt = call.now;
  return { status: 204 };
}

/** Without a port, also when the port that it was on has gone. */
export function renderFloatingIp({ region, now }: GrantedCall, ip: FloatingIp): Readonly<Record<string, unknown>> {
  const port = ip.port && existsAt(ip.port, now) ? ip.port : null;
  const at = isoSeconds(ip.createdAt);
  return {
    id: ip.id,
    tenant_id: ip.projectId,
    floating_ip_address: ip.address,
    floating_network_id: ip.networkId,
    router_id: port
      ? ([...region.routers.values()].find((router) => joins(router, port, ip.networkId))?.id ?? null)
      : null,
    port_id: port?.id ?? null,
    fixed_ip_address: port ? fixedIpv4(port) : null,
    status: port ? 'ACTIVE' : 'DOWN',
    description: ip.description,
    port_details: port && {
      name: '',
      network_id: port.network.id,
      mac_address: port.mac,
      admin_state_up: true,
      status: 'ACTIVE',
      device_id: port.deviceId,
      device_owner: port.deviceOwner,
    },
    tags: [],
    created_at: at,
    updated_at: at,
    revision_number: 0,
    project_id: ip.projectId,
  };
}

function readWanted({ text }: GrantedCall): Wanted {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Whatever is wrong with it, Neutron says the same.
    throw networkRefusal(400, 'MalformedRequestBody', 'Malformed request body: Cannot understand JSON.');
  }
  const wanted = (body as { readonly floatingip?: unknown } | null)?.floatingip;
  if (typeof wanted !== 'object' || wanted === null) {
    throw networkRefusal(400, 'HTTPBadRequest', 'Resource body required');
  }
  const unknown = Object.keys(wanted).filter((key) => !ATTRIBUTES.includes(key));
  if (unknown.length > 0) {
    throw networkRefusal(400, 'HTTPBadRequest', `Unrecognized attribute(s) '${unknown.join(', ')}'`);
  }
  checkTexts(wanted);
  return wanted;
}

function checkTexts(wanted: object): asserts wanted is Wanted {
  for (const [key, value] of Object.entries(wanted) as [string, unknown][]) {
    if (key === 'port_id' && value === null) continue;
    const reason =
      typeof value !== 'string'
        ? `'${JSON.stringify(value)}' is not a valid string.`
        : value.length > 255 && `'${value}' exceeds maximum length of 255.`;
    if (reason !== false) {
      throw networkRefusal(400, 'HTTPBadRequest', `Invalid input for ${key}. Reason: ${reason}`);
    }
  }
}

function findExternal({ region, grant }: GrantedCall, id: string): Network {
  requireUuid('floating_network_id', id);
  const network = region.networks.get(id);
  const isVisible = network && (network.isExternal || network.isShared || network.projectId === grant.project.id);
  if (!isVisible) throw networkRefusal(404, 'NetworkNotFound', `Network ${id} could not be found.`);
  if (network.isExternal) return network;
  const text = `Bad floatingip request: Network ${id} is not a valid external network.`;
  throw networkRefusal(400, 'BadRequest', text);
}

function requireUuid(key: string, id: string): void {
  if (isUuid(id)) return;
  throw networkRefusal(400, 'HTTPBadRequest', `Invalid input for ${key}. Reason: '${id}' is not a valid UUID.`);
}

function findPort({ region, grant, now }: GrantedCall, id: string): Port {
  requireUuid('port_id', id);
  const port = region.ports.get(id);
  if (port && port.projectId === grant.project.id && existsAt(port, now)) return port;
  throw networkRefusal(404, 'PortNotFound', `Port ${id} could not be found.`);
}

function checkQuota({ region, grant, now }: GrantedCall): void {
  const limit = grant.project.quota.floatingIps;
  const theirs = [...region.floatingIps.values()].filter(
    (ip) => ip.projectId === grant.project.id && existsAt(ip, now),
  );
  if (limit < 0 || theirs.length < limit) return;
  throw networkRefusal(409, 'OverQuota', "Quota exceeded for resources: ['floatingip'].");
}

interface Candidate {
  readonly id: string;
  readonly address: string;
  readonly networkId: string;
}

/** A router has to join the port's network to the external one, and one fixed address carries one floating IP. */
function checkAttachable({ region, now }: GrantedCall, port: Port, ip: Candidate): void {
  if (![...region.routers.values()].some((router) => joins(router, port, ip.networkId))) {
    const subnet = port.network.subnets[0]?.id ?? '';
    throw networkRefusal(
      404,
      'ExternalGatewayForFloatingIPNotFound',
      `External network ${ip.networkId} is not reachable from subnet ${subnet}.  ` +
        `Therefore, cannot associate Port ${port.id} with a Floating IP.`,
    );
  }
  const other = port.floating;
  if (!other || other.port !== port || other.id === ip.id || !existsAt(other, now)) return;
  throw networkRefusal(
    409,
    'FloatingIPPortAlreadyAssociated',
    `Cannot associate floating IP ${ip.address} (${ip.id}) with port ${port.id} using fixed IP ${fixedIpv4(port)}, ` +
      `as that fixed IP already has a floating IP on external network ${ip.networkId}.`,
  );
}

function joins(
  router: { readonly external: Network; readonly networkId: string },
  port: Port,
  externalId: string,
): boolean {
  return router.external.id === externalId && router.networkId === port.network.id;
}

function fixedIpv4({ addresses }: Port): string | null {
  return addresses.find((address) => !address.includes(':')) ?? null;
}

function attach(ip: FloatingIp, port: Port, now: number): void {
  ip.port = port;
  ip.attachedAt = now;
  port.floating = ip;
}

function detach(ip: FloatingIp): void {
  if (ip.port?.floating === ip) ip.port.floating = null;
  ip.port = null;
  ip.attachedAt = Infinity;
}

function find({ region, grant, now }: GrantedCall, id: string): FloatingIp {
  const ip = region.floatingIps.get(id);
  if (ip && ip.projectId === grant.project.id && existsAt(ip, now)) return ip;
  throw networkRefusal(404, 'FloatingIPNotFound', `Floating IP ${id} could not be found`);
}
