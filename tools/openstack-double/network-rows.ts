/** What a project sees of the network service's things, with the attributes that Neutron gives to projects. */
import { isoSeconds, type GrantedCall } from './http.ts';
import { renderFloatingIp } from './network-floating.ts';
import type { Network, Port, Router, SecurityGroup, Subnet } from './records.ts';

export type Row = Readonly<Record<string, unknown>>;

function stamps(createdAt: number, projectId: string): Row {
  const at = isoSeconds(createdAt);
  return { tags: [], created_at: at, updated_at: at, revision_number: 1, tenant_id: projectId, project_id: projectId };
}

function visibleNetworks({ region, grant }: GrantedCall): readonly Network[] {
  return [...region.networks.values()].filter(
    (network) => network.projectId === grant.project.id || network.isShared || network.isExternal,
  );
}

export function networkRows(call: GrantedCall): readonly Row[] {
  return visibleNetworks(call).map((network) => ({
    id: network.id,
    name: network.name,
    admin_state_up: true,
    mtu: 1500,
    status: 'ACTIVE',
    subnets: network.subnets.map(({ id }) => id),
    shared: network.isShared,
    availability_zone_hints: [],
    availability_zones: ['nova'],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    'router:external': network.isExternal,
    description: '',
    port_security_enabled: true,
    ...(network.isExternal ? { is_default: false } : {}),
    ...stamps(network.createdAt, network.projectId),
  }));
}

/** Those of external networks are shown to their owner alone. */
export function subnetRows(call: GrantedCall): readonly Row[] {
  const { region, grant } = call;
  const row = (subnet: Subnet, network: Network): Row => ({
    id: subnet.id,
    name: subnet.name,
    network_id: network.id,
    ip_version: subnet.version,
    subnetpool_id: null,
    enable_dhcp: true,
    gateway_ip: region.addresses.gateway(subnet),
    cidr: subnet.cidr,
    ipv6_ra_mode: null,
    ipv6_address_mode: null,
    service_types: [],
    allocation_pools: [{ start: region.addresses.gateway(subnet), end: region.addresses.gateway(subnet) }],
    host_routes: [],
    dns_nameservers: [],
    description: '',
    ...stamps(network.createdAt, network.projectId),
  });
  return visibleNetworks(call)
    .filter(({ projectId, isShared }) => isShared || projectId === grant.project.id)
    .flatMap((network) => network.subnets.map((subnet) => row(subnet, network)));
}

export function routerRows({ region, grant }: GrantedCall): readonly Row[] {
  const row = ({ id, name, projectId, external, createdAt }: Router): Row => ({
    id,
    name,
    admin_state_up: true,
    status: 'ACTIVE',
    external_gateway_info: { network_id: external.id, external_fixed_ips: [], enable_snat: true },
    description: '',
    routes: [],
    ...stamps(createdAt, projectId),
  });
  return [...region.routers.values()].filter(({ projectId }) => projectId === grant.project.id).map(row);
}

/** Of servers, and of routers in the networks that they join. */
export function portRows(call: GrantedCall, time: number): readonly Row[] {
  const { region, grant } = call;
  const groups = [...region.securityGroups.values()].filter(({ projectId }) => projectId === grant.project.id);
  const ofServers = region
    .listAt(region.ports, time)
    .filter(({ projectId }) => projectId === grant.project.id)
    .map((port) => portRow(port, groups));
  const ofRouters = [...region.routers.values()]
    .filter(({ projectId }) => projectId === grant.project.id)
    .map((router) => routerPortRow(call, router));
  return [...ofServers, ...ofRouters];
}

function portRow(port: Port, groups: readonly SecurityGroup[]): Row {
  const { network } = port;
  const subnetOf = (address: string): string | undefined =>
    network.subnets.find(({ version }) => version === (address.includes(':') ? 6 : 4))?.id;
  return {
    id: port.id,
    name: '',
    network_id: network.id,
    mac_address: port.mac,
    admin_state_up: true,
    status: 'ACTIVE',
    device_id: port.deviceId,
    device_owner: port.deviceOwner,
    fixed_ips: port.addresses.map((ip_address) => ({ subnet_id: subnetOf(ip_address), ip_address })),
    allowed_address_pairs: [],
    extra_dhcp_opts: [],
    security_groups: groups.map(({ id }) => id),
    description: '',
    'binding:vnic_type': 'normal',
    port_security_enabled: true,
    ...stamps(port.createdAt, port.projectId),
  };
}

function routerPortRow({ region }: GrantedCall, router: Router): Row {
  const subnets = region.networks.get(router.networkId)?.subnets ?? [];
  return {
    id: `${router.id.slice(0, -12)}000000000000`,
    name: '',
    network_id: router.networkId,
    mac_address: 'fa:16:3e:00:00:00',
    admin_state_up: true,
    status: 'ACTIVE',
    device_id: router.id,
    device_owner: 'network:router_interface',
    fixed_ips: subnets.map((subnet) => ({ subnet_id: subnet.id, ip_address: region.addresses.gateway(subnet) })),
    security_groups: [],
    description: '',
    ...stamps(router.createdAt, router.projectId),
  };
}

export function floatingRows(call: GrantedCall, time: number): readonly Row[] {
  const { region, grant } = call;
  return region
    .listAt(region.floatingIps, time)
    .filter(({ projectId }) => projectId === grant.project.id)
    .map((ip) => renderFloatingIp(call, ip));
}

export function groupRows({ region, grant }: GrantedCall): readonly Row[] {
  return [...region.securityGroups.values()]
    .filter(({ projectId }) => projectId === grant.project.id)
    .map(({ id, name, projectId, createdAt }) => ({
      id,
      name,
      stateful: true,
      description: '',
      shared: false,
      security_group_rules: [],
      ...stamps(createdAt, projectId),
    }));
}
