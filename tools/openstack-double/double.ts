/** What a test or a bench does with a double. */
import type { ArmedFault, FaultBook, FaultMatch, FaultRule } from './faults.ts';
import type { Front } from './front.ts';
import type { Identity, Project } from './identity.ts';
import { afflictImage, imageStatusAt, type ImageStatus, type ImageTrouble } from './image-life.ts';
import { existsAt, type Existing, type Flavor, type Image, type Keypair, type Server } from './records.ts';
import type { Region } from './region.ts';
import type { RequestLog, RequestRecord } from './request-log.ts';
import { afflict, shownPorts, statusAt, taskAt, type ServerStatus, type Trouble } from './server-life.ts';
import type { Behaviour, FlavorOptions, ImageOptions, Quota } from './settings.ts';

/** A server as it is at this moment, whatever listings show. */
export interface ServerView {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly status: ServerStatus;
  readonly task: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly flavor: Flavor;
  readonly imageId: string | null;
  readonly keyName: string | null;
  /** Fixed and floating ones. */
  readonly addresses: readonly string[];
  readonly createdAt: number;
  /** Infinity: it never becomes ACTIVE. */
  readonly activeAt: number;
}

export interface ImageView {
  readonly id: string;
  readonly name: string;
  readonly status: ImageStatus;
  readonly visibility: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface FloatingIpView {
  readonly id: string;
  readonly address: string;
  readonly description: string;
  /** The server that it is on; null: none. */
  readonly serverId: string | null;
}

export interface OpenStackDouble {
  readonly url: string;
  /** Of the identity service, with its version. */
  readonly authUrl: string;
  readonly projects: readonly Project[];
  readonly requests: readonly RequestRecord[];
  /** How many requests there were; of those answered with a status where one is given. */
  count(match: FaultMatch & { readonly status?: number }): number;
  /** By service, method and route: `compute POST /v2.1/servers`. */
  counts(): Readonly<Record<string, number>>;
  forgetRequests(): void;
  /** Of all regions. */
  configure(behaviour: Partial<Behaviour>): void;
  /** Of one project; absent: of the first. */
  setQuota(quota: Partial<Quota>, project?: string): void;
  fault(rule: FaultRule): ArmedFault;
  /** Disarms all, and cuts off the requests that hang. */
  clearFaults(): void;
  /** From now on no token that was given out is valid. */
  expireTokens(): void;
  /** Brings trouble to servers that exist; answers how many. */
  afflict(which: string | ((server: ServerView) => boolean), trouble: Trouble): number;
  /** Brings trouble to servers that will be created; absent: to the next one. */
  afflictNext(
    trouble: Trouble,
    options?: { readonly times?: number; readonly which?: (server: ServerView) => boolean },
  ): void;
  afflictImage(id: string, trouble: ImageTrouble): void;
  /** Brings trouble to the next snapshot, or to the next image whose file is complete. */
  afflictNextImage(trouble: ImageTrouble): void;
  servers(region?: string): readonly ServerView[];
  images(region?: string): readonly ImageView[];
  floatingIps(region?: string): readonly FloatingIpView[];
  keypairs(region?: string): readonly Keypair[];
  ports(region?: string): readonly { readonly id: string; readonly serverId: string }[];
  addImage(image: ImageOptions): ImageView;
  addFlavor(flavor: FlavorOptions): Flavor;
  removeFlavor(name: string): void;
  networkId(name: string): string;
  /** The server that is up at an address, fixed or floating; null: none. */
  reach(address: string): ServerView | null;
  close(): Promise<void>;
}

export interface DoubleParts {
  readonly url: string;
  readonly projects: readonly Project[];
  readonly regions: ReadonlyMap<string, Region>;
  readonly first: Region;
  readonly identity: Identity;
  readonly faults: FaultBook;
  readonly log: RequestLog;
  readonly front: Front;
}

export function createDouble(parts: DoubleParts): OpenStackDouble {
  const { url, projects, regions, first, identity, faults, log, front } = parts;
  const all = [...regions.values()];
  const regionOf = (name?: string): Region => (name === undefined ? first : (regions.get(name) ?? first));
  const view = (server: Server): ServerView => viewServer(server, projects, first.clock.now());
  const serversOf = (region: Region): readonly Server[] => existing(region, region.servers);

  return {
    url,
    authUrl: `${url}/identity/v3`,
    projects,
    requests: log.records,
    count: log.count,
    counts: log.counts,
    forgetRequests: log.forget,
    configure: (behaviour) => {
      for (const region of all) region.behaviour = { ...region.behaviour, ...behaviour };
    },
    setQuota: (quota, name = projects[0]?.name) => {
      for (const project of projects) if (project.name === name) project.quota = { ...project.quota, ...quota };
    },
    fault: faults.arm,
    clearFaults: () => {
      faults.clear();
      front.letGo();
    },
    expireTokens: identity.expireTokens,
    afflict: (which, trouble) => {
      const isMeant = typeof which === 'string' ? ({ id }: Server) => id === which : (one: Server) => which(view(one));
      const meant = all.flatMap((region) => serversOf(region).filter(isMeant));
      for (const server of meant) afflict(server, trouble, first.clock.now());
      return meant.length;
    },
    afflictNext: (trouble, { times = 1, which = () => true } = {}) => {
      for (const region of all) region.awaitServers(trouble, times, (server) => which(view(server)));
    },
    afflictImage: (id, trouble) => {
      for (const { images, clock } of all) {
        const image = images.get(id);
        if (image) afflictImage(image, trouble, clock.now());
      }
    },
    afflictNextImage: (trouble) => {
      for (const region of all) region.awaitImage(trouble);
    },
    servers: (region) => serversOf(regionOf(region)).map(view),
    images: (region) =>
      existing(regionOf(region), regionOf(region).images).map((image) => viewImage(image, first.clock.now())),
    floatingIps: (name) => viewFloatingIps(regionOf(name)),
    keypairs: (region) => existing(regionOf(region), regionOf(region).keypairs),
    ports: (region) =>
      existing(regionOf(region), regionOf(region).ports).map(({ id, deviceId }) => ({ id, serverId: deviceId })),
    addImage: (image) => viewImage(first.addImage(image, projects), first.clock.now()),
    addFlavor: (flavor) => first.addFlavor(flavor),
    removeFlavor: (name) => {
      for (const flavor of [...first.flavors.values()]) if (flavor.name === name) first.flavors.delete(flavor.id);
    },
    networkId: (name) => {
      const network = [...first.networks.values()].find((one) => one.name === name);
      if (!network) throw new Error(`the double has no network ${name}`);
      return network.id;
    },
    reach: (address) => {
      const now = first.clock.now();
      const found = all.flatMap(serversOf).find((one) => isUp(one, now) && addressesOf(one, now).includes(address));
      return found ? view(found) : null;
    },
    close: () => closeFront(front),
  };
}

async function closeFront({ server, letGo }: Front): Promise<void> {
  letGo();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

function existing<T extends Existing>(region: Region, kind: ReadonlyMap<string, T>): readonly T[] {
  return [...kind.values()].filter((thing) => existsAt(thing, region.clock.now()));
}

function viewServer(server: Server, projects: readonly Project[], now: number): ServerView {
  return {
    id: server.id,
    name: server.name,
    project: projects.find(({ id }) => id === server.projectId)?.name ?? '',
    status: statusAt(server, now) ?? 'BUILD',
    task: taskAt(server, now),
    metadata: server.metadata,
    flavor: server.flavor,
    imageId: server.imageId,
    keyName: server.keyName,
    addresses: addressesOf(server, now),
    createdAt: server.createdAt,
    activeAt: server.activeAt,
  };
}

function addressesOf(server: Server, now: number): readonly string[] {
  return shownPorts(server, now).flatMap(({ addresses, floating }) =>
    floating && existsAt(floating, now) ? [...addresses, floating.address] : addresses,
  );
}

function isUp(server: Server, now: number): boolean {
  return statusAt(server, now) === 'ACTIVE' && taskAt(server, now) !== 'deleting';
}

function viewImage(image: Image, now: number): ImageView {
  const { id, name, visibility, properties } = image;
  return { id, name, status: imageStatusAt(image, now) ?? 'queued', visibility, properties };
}

function viewFloatingIps(region: Region): readonly FloatingIpView[] {
  const now = region.clock.now();
  return existing(region, region.floatingIps).map(({ id, address, description, port }) => ({
    id,
    address,
    description,
    serverId: port && existsAt(port, now) ? port.deviceId : null,
  }));
}
