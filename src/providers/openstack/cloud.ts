import type { ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ServerId } from '../../lib/ids.ts';
import type { Cloud, Finding } from '../provider.ts';
import type { CloudAccess } from './access.ts';
import { createAccessories } from './accessories.ts';
import { createAttachFloatingIp } from './attach-floating-ip.ts';
import { createServerMaker } from './create-server.ts';
import { createEarlyAddresses } from './early-addresses.ts';
import { createExternalNetworks } from './external-networks.ts';
import { createFlavors } from './flavors.ts';
import { createFloatingIps, type FloatingIp } from './floating-ips.ts';
import { createImages } from './images.ts';
import { inspectCloud } from './inspect.ts';
import { createKeypairs } from './keypairs.ts';
import { createLimits } from './limits.ts';
import { createListing } from './list-servers.ts';
import { createNetworks } from './networks.ts';
import { createPorts } from './ports.ts';
import { createServers } from './servers.ts';
import type { Session } from './session.ts';
import { createSightings } from './sightings.ts';
import { uploadImage } from './upload-image.ts';

export interface OpenStackCloudDeps {
  readonly session: Session;
  readonly access: CloudAccess;
  readonly config: ProviderConfig;
  readonly clock: Clock;
}

export interface OpenStackCloud {
  readonly cloud: Cloud;
  inspect(signal: AbortSignal): Promise<readonly Finding[]>;
}

/** Nova, Glance and Neutron of one project as a {@link Cloud}. */
export function createOpenStackCloud(deps: OpenStackCloudDeps): OpenStackCloud {
  const parts = createParts(deps);
  const { servers, images, keypairs, limits, accessories, sightings } = parts;

  const cloud: Cloud = {
    listServers: parts.listServers,
    createServer: (spec, signal) => {
      sightings.workFor(spec.tags);
      return parts.createServer(spec, signal);
    },
    deleteServer: (id, signal) => deleteServer(parts, id, signal),
    listImages: (signal) => images.list(signal),
    saveImage: (id, spec, signal) => {
      sightings.workFor(spec.tags);
      return images.save(id, spec, signal);
    },
    uploadImage: (spec, signal) => {
      sightings.workFor(spec.tags);
      return uploadImage(deps.session, spec, signal);
    },
    findImage: (id, signal) => images.find(id, signal),
    deleteImage: (id, signal) => images.delete(id, signal),
    limits,
    listAccessories: (signal) => accessories.list(signal),
    deleteAccessory: (accessory, signal) => accessories.delete(accessory, signal),
    createKeypair: (spec, signal) => {
      sightings.workFor(spec.tags);
      return keypairs.create(spec, signal);
    },
    attachFloatingIp: async (id, tags, signal) => {
      sightings.workFor(tags);
      const floatingIp = await parts.attachFloatingIp(id, tags, signal);
      if (floatingIp !== null) sightings.addFloatingIp(id, floatingIp);
    },
    readConsole: (id, signal) => servers.readConsole(id, signal),
  };
  return { cloud, inspect: (signal) => inspectCloud({ ...deps, ...parts }, signal) };
}

type Parts = ReturnType<typeof createParts>;

async function deleteServer(
  { servers, floatingIps, sightings }: Parts,
  id: ServerId,
  signal: AbortSignal,
): Promise<void> {
  // One that cannot be deleted now is left without a server, and found as such later. A network service that does not
  // answer must not keep the server.
  const freed = Promise.allSettled(sightings.floatingIpsOf(id).map((ip) => floatingIps.remove(ip, signal)));
  await servers.delete(id, signal);
  await freed;
}

function createParts(deps: OpenStackCloudDeps) {
  const { session, config, clock } = deps;
  const sightings = createSightings();
  const flavors = createFlavors({ session, clock });
  const images = createImages({ session, clock });
  const servers = createServers(session);
  const keypairs = createKeypairs(session);
  const network = createNetworkParts(deps);
  const { networks, externals, ports, floatingIps } = network;
  const known = { sightings, flavors, images, servers, keypairs, ...network };
  const { cleanFloatingIps } = config;
  const isOurs = ({ tags }: FloatingIp): boolean =>
    tags !== null && tags.installation === (sightings.installation() ?? tags.installation);
  return {
    ...known,
    listServers: createListing({
      ...deps,
      ...known,
      earlyAddresses: createEarlyAddresses({ ports, networks, config, clock }),
    }),
    createServer: createServerMaker({ session, flavors, images, networks, config }),
    accessories: createAccessories({ keypairs, floatingIps, ports, sightings, cleanFloatingIps }),
    limits: createLimits({ session, flavors, externals, floatingIps, isOurs }),
  };
}

function createNetworkParts({ session, access, config, clock }: OpenStackCloudDeps) {
  const networks = createNetworks({ session, clock, config, access });
  const externals = createExternalNetworks({ session, clock, networks, config, access });
  const ports = createPorts(session);
  const floatingIps = createFloatingIps({ session, ports });
  const attachFloatingIp = createAttachFloatingIp({ session, networks, externals, ports, floatingIps, access });
  return { networks, externals, ports, floatingIps, attachFloatingIp };
}
