/** `POST /servers`: what Nova looks at before it accepts a server, in its order and its words. */
import { computeRefusal, readBody, versionedRoot, type ComputeCall } from './compute-call.ts';
import { createServerSchema } from './compute-schemas.ts';
import type { Reply } from './http.ts';
import { imageStatusAt } from './image-life.ts';
import { existsAt, type Flavor, type Image, type Network, type Port, type Server } from './records.ts';
import type { Region } from './region.ts';
import { drawLife } from './server-life.ts';

/** The body, once it fits the schema. */
interface Wanted {
  readonly name: string;
  readonly description?: string | null;
  readonly imageRef?: string;
  readonly flavorRef: string | number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly networks?: 'auto' | 'none' | readonly { readonly uuid?: string; readonly port?: string | null }[];
  readonly availability_zone?: string;
  readonly config_drive?: boolean | string;
  readonly key_name?: string;
  readonly security_groups?: readonly { readonly name: string }[];
  readonly user_data?: string;
  readonly block_device_mapping_v2?: readonly Volume[];
  readonly max_count?: number | string;
}

interface Volume {
  readonly boot_index?: number | string | null;
  readonly uuid?: string;
  readonly source_type?: string;
  readonly destination_type?: string;
  readonly volume_size?: number | string;
}

export function createServer(call: ComputeCall): Reply {
  const { server: wanted } = readBody(call, createServerSchema(call.minor)) as unknown as { readonly server: Wanted };
  if (Number(wanted.max_count ?? 1) > 1) throw computeRefusal(400, 'The double makes one server for each call.');
  checkZone(call.region, wanted);
  const volume = wanted.block_device_mapping_v2?.find(({ boot_index }) => String(boot_index) === '0') ?? null;
  const image = findImage(call, wanted, volume);
  const flavor = findFlavor(call.region, wanted);
  checkFit(flavor, image, volume);
  checkKeypair(call, wanted);
  const networks = findNetworks(call, wanted);
  const groups = findGroups(call, wanted);
  checkMetadata(call, wanted);
  checkQuota(call, flavor, networks.length);
  const server = makeServer(call, { wanted, image, isOnVolume: volume !== null, flavor, networks, groups });
  call.region.admit(server);
  return acceptedReply(call, server);
}

function acceptedReply(call: ComputeCall, server: Server): Reply {
  const self = `${versionedRoot(call)}/servers/${server.id}`;
  const links = [
    { rel: 'self', href: self },
    { rel: 'bookmark', href: `${call.root}/servers/${server.id}` },
  ];
  const security_groups = server.securityGroups.map((name) => ({ name }));
  const adminPass = call.region.random.hex(6);
  const body = { server: { id: server.id, links, 'OS-DCF:diskConfig': 'MANUAL', security_groups, adminPass } };
  return { status: 202, headers: { Location: self }, body };
}

function checkZone(region: Region, { availability_zone: zone }: Wanted): void {
  if (zone === undefined || region.zones.includes(zone)) return;
  throw computeRefusal(400, 'The requested availability zone is not available');
}

function findImage(call: ComputeCall, wanted: Wanted, volume: Volume | null): Image {
  const id = volume?.source_type === 'image' ? volume.uuid : wanted.imageRef;
  if (id === undefined || id === '') throw computeRefusal(400, 'Missing imageRef attribute');
  const image = call.region.images.get(id);
  const { id: projectId } = call.grant.project;
  const isVisible =
    image && existsAt(image, call.now) && (image.visibility !== 'private' || image.ownerId === projectId);
  if (!isVisible) {
    const problem = `Block Device Mapping is Invalid: failed to get image ${id}.`;
    throw computeRefusal(400, volume ? problem : 'Can not find requested image');
  }
  if (imageStatusAt(image, call.now) !== 'active') throw computeRefusal(400, `Image ${id} is not active.`);
  return image;
}

function findFlavor(region: Region, { flavorRef }: Wanted): Flavor {
  const flavor = region.flavors.get(String(flavorRef));
  if (!flavor) throw computeRefusal(400, `Flavor ${flavorRef} could not be found.`);
  return flavor;
}

const GIB = 1024 ** 3;

function checkFit(flavor: Flavor, image: Image, volume: Volume | null): void {
  if (flavor.ram < image.minRam) throw computeRefusal(400, "Flavor's memory is too small for requested image.");
  if (volume) {
    const size = Number(volume.volume_size ?? 0);
    if (volume.destination_type !== 'volume' || size >= Math.max(1, image.minDisk)) return;
    if (size > 0) {
      const sizes = `Volume is ${size * GIB} bytes, minimum size is ${image.minDisk * GIB} bytes.`;
      throw computeRefusal(400, `Volume is smaller than the minimum size specified in image metadata. ${sizes}`);
    }
    throw computeRefusal(400, "Images with destination_type 'volume' need to have a non-zero size specified");
  }
  if (flavor.disk === 0 || flavor.disk >= image.minDisk) return;
  const sizes = `Flavor disk is ${flavor.disk * GIB} bytes, minimum size is ${image.minDisk * GIB} bytes.`;
  throw computeRefusal(400, `Flavor's disk is smaller than the minimum size specified in image metadata. ${sizes}`);
}

function checkKeypair(call: ComputeCall, { key_name: name }: Wanted): void {
  if (name === undefined) return;
  const { userId } = call.grant.project;
  for (const keypair of call.region.keypairs.values()) {
    if (keypair.name === name && keypair.userId === userId && existsAt(keypair, call.now)) return;
  }
  throw computeRefusal(400, 'Invalid key_name provided.');
}

function findNetworks(call: ComputeCall, { networks: asked }: Wanted): readonly Network[] {
  const { id: projectId } = call.grant.project;
  const all = [...call.region.networks.values()];
  if (asked === 'none') return [];
  if (asked === 'auto' || asked === undefined || asked.length === 0) {
    const usable = all.filter(
      (network) => network.projectId === projectId || (network.isShared && !network.isExternal),
    );
    if (usable.length < 2) return usable;
    throw computeRefusal(409, 'Multiple possible networks found, use a Network ID to be more specific.');
  }
  return asked.map(({ uuid, port }) => {
    if (uuid === undefined) throw computeRefusal(400, `Port ${port ?? ''} could not be found.`);
    const isOpen = (network: Network): boolean =>
      network.projectId === projectId || network.isShared || network.isExternal;
    const found = all.find((network) => network.id === uuid && isOpen(network));
    if (!found) throw computeRefusal(400, `Network ${uuid} could not be found.`);
    return found;
  });
}

function findGroups(call: ComputeCall, wanted: Wanted): readonly string[] {
  const asked = wanted.security_groups ?? [{ name: 'default' }];
  const { id: projectId } = call.grant.project;
  const theirs = [...call.region.securityGroups.values()].filter((group) => group.projectId === projectId);
  return asked.map(({ name }) => {
    const found = theirs.filter((group) => group.name === name || group.id === name);
    if (found.length > 1) {
      throw computeRefusal(409, `Multiple security_groups found matching '${name}'. Use an ID to be more specific.`);
    }
    if (!found[0]) throw computeRefusal(400, `Unable to find security_group with name or id '${name}'`);
    return found[0].name;
  });
}

function checkMetadata({ grant }: ComputeCall, { metadata }: Wanted): void {
  const allowed = grant.project.quota.metadataItems;
  if (allowed < 0 || Object.keys(metadata ?? {}).length <= allowed) return;
  throw computeRefusal(403, `Maximum number of metadata items exceeds ${allowed}`);
}

/** What the servers of a project use: also those that are being deleted, until they have gone. */
export function useOf(call: ComputeCall): { readonly cores: number; readonly instances: number; readonly ram: number } {
  const use = { cores: 0, instances: 0, ram: 0 };
  for (const server of call.region.servers.values()) {
    if (server.projectId !== call.grant.project.id || !existsAt(server, call.now)) continue;
    use.cores += server.flavor.vcpus;
    use.instances += 1;
    use.ram += server.flavor.ram;
  }
  return use;
}

function checkQuota(call: ComputeCall, flavor: Flavor, portCount: number): void {
  const { quota } = call.grant.project;
  const used = useOf(call);
  const wanted = { cores: flavor.vcpus, instances: 1, ram: flavor.ram };
  const over = (['cores', 'instances', 'ram'] as const).filter(
    (name) => quota[name] >= 0 && used[name] + wanted[name] > quota[name],
  );
  if (over.length > 0) {
    const [names, asked, have, limits] = [
      over,
      ...[wanted, used, quota].map((from) => over.map((name) => from[name])),
    ].map((list) => list.join(', '));
    const text = `Requested ${asked}, but already used ${have} of ${limits} ${names}`;
    throw computeRefusal(403, `Quota exceeded for ${names}: ${text}`);
  }
  const ports = countPorts(call);
  if (quota.ports < 0 || ports + portCount <= quota.ports) return;
  throw computeRefusal(403, `The number of defined ports: ${ports} is over the limit: ${quota.ports}`);
}

function countPorts({ region, grant, now }: ComputeCall): number {
  let count = 0;
  for (const port of region.ports.values()) if (port.projectId === grant.project.id && existsAt(port, now)) count += 1;
  return count;
}

interface Parts {
  readonly wanted: Wanted;
  readonly image: Image;
  readonly isOnVolume: boolean;
  readonly flavor: Flavor;
  readonly networks: readonly Network[];
  readonly groups: readonly string[];
}

function makeServer(call: ComputeCall, parts: Parts): Server {
  const { region, grant, now } = call;
  const { wanted } = parts;
  const id = region.random.uuid();
  const zone = wanted.availability_zone ?? region.zones[0] ?? 'nova';
  const ports = parts.networks.map((network) => makePort(call, { network, deviceId: id, zone }));
  // Nova accepts a server on an external network that is not shared, and then gets no port there.
  const isRefused = parts.networks.some(({ isExternal, isShared }) => isExternal && !isShared);
  const life = drawLife(region.behaviour, now, region.random.fraction());
  return {
    id,
    seq: region.nextSeq(),
    createdAt: now,
    goneAt: Infinity,
    name: wanted.name,
    // Before there were descriptions Nova took the name for one.
    description: call.minor < 19 ? wanted.name : (wanted.description ?? null),
    projectId: grant.project.id,
    userId: grant.project.userId,
    metadata: { ...wanted.metadata },
    imageId: parts.isOnVolume ? null : parts.image.id,
    volumeId: parts.isOnVolume ? region.random.uuid() : null,
    flavor: parts.flavor,
    keyName: wanted.key_name ?? null,
    zone,
    hasConfigDrive: /^(true|1|on|yes)$/i.test(String(wanted.config_drive ?? false)),
    userData: wanted.user_data ?? null,
    securityGroups: parts.groups,
    ports: isRefused ? [] : ports,
    ...(isRefused ? { activeAt: Infinity, addressAt: Infinity } : life),
    failedAt: isRefused ? life.activeAt : Infinity,
    fault: isRefused
      ? { code: 500, message: `Build of instance ${id} aborted: Failed to allocate the network(s), not rescheduling.` }
      : null,
    deletingFrom: Infinity,
    deletingUntil: Infinity,
    savingFrom: Infinity,
    savingUntil: Infinity,
    saved: null,
    refusals: 0,
    isStuckInDeletion: false,
    leavesPorts: false,
    hiddenUntil: -Infinity,
  };
}

function makePort(
  { region, grant, now }: ComputeCall,
  { network, deviceId, zone }: { readonly network: Network; readonly deviceId: string; readonly zone: string },
): Port {
  const mac = region.random.hex(3).replace(/(..)(?=.)/g, '$1:');
  return {
    id: region.random.uuid(),
    seq: region.nextSeq(),
    createdAt: now,
    goneAt: Infinity,
    projectId: grant.project.id,
    network,
    mac: `fa:16:3e:${mac}`,
    addresses: region.addresses.fixed(network),
    deviceId,
    deviceOwner: `compute:${zone}`,
    floating: null,
  };
}
