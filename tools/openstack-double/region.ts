/** One region: what it holds, and the questions that the services ask of it. */
import type { Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import { createAddressPlan, type AddressPlan } from './address-plan.ts';
import type { Project } from './identity.ts';
import { afflictImage, imagineContent, type ImageTrouble } from './image-life.ts';
import {
  existsAt,
  type Existing,
  type Flavor,
  type FloatingIp,
  type Image,
  type Keypair,
  type Moment,
  type Network,
  type Port,
  type Router,
  type SecurityGroup,
  type Server,
} from './records.ts';
import { afflict, type Trouble } from './server-life.ts';
import {
  DEFAULT_BEHAVIOUR,
  DEFAULT_FLAVORS,
  DEFAULT_IMAGES,
  DEFAULT_NETWORKS,
  type Behaviour,
  type FlavorOptions,
  type ImageOptions,
  type NetworkOptions,
  type OpenStackDoubleOptions,
} from './settings.ts';

/** Troubles that wait for the servers that they are meant for. */
interface Awaited {
  readonly trouble: Trouble;
  readonly isMeant: (server: Server) => boolean;
  left: number;
}

export interface RegionDeps {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: OpenStackDoubleOptions;
  readonly projects: readonly Project[];
}

/** Owner of what no project of the double owns. */
const OPERATOR = 'f'.repeat(32);

export class Region {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: OpenStackDoubleOptions;
  readonly addresses: AddressPlan;
  behaviour: Behaviour;
  readonly servers = new Map<string, Server>();
  readonly images = new Map<string, Image>();
  readonly ports = new Map<string, Port>();
  readonly floatingIps = new Map<string, FloatingIp>();
  readonly keypairs = new Map<string, Keypair>();
  readonly flavors = new Map<string, Flavor>();
  readonly networks = new Map<string, Network>();
  readonly routers = new Map<string, Router>();
  readonly securityGroups = new Map<string, SecurityGroup>();
  readonly zones: readonly string[];
  /** Order of those that have gone: a listing may go on from one. */
  readonly #goneSeqs = new Map<string, number>();
  readonly #awaited: Awaited[] = [];
  readonly #awaitedImages: ImageTrouble[] = [];
  #lastSeq = 0;

  constructor({ name, clock, random, options, projects }: RegionDeps) {
    this.name = name;
    this.clock = clock;
    this.random = random;
    this.options = options;
    this.addresses = createAddressPlan(options);
    this.behaviour = { ...DEFAULT_BEHAVIOUR, ...options.behaviour };
    this.zones = options.zones ?? ['nova'];
    for (const flavor of options.flavors ?? DEFAULT_FLAVORS) this.addFlavor(flavor);
    for (const network of options.networks ?? DEFAULT_NETWORKS) this.#addNetwork(network, projects);
    for (const image of options.images ?? DEFAULT_IMAGES) this.addImage(image, projects);
    for (const { id } of projects) this.#addDefaultGroup(id);
  }

  nextSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  /** The time that listings show. */
  get listedTime(): Moment {
    return this.clock.now() - this.behaviour.listingLagMs;
  }

  /** What there was at `time`, newest first; what has been gone for long is forgotten on the way. */
  listAt<T extends Existing>(kind: ReadonlyMap<string, T>, time: Moment): readonly T[] {
    const found: T[] = [];
    for (const thing of kind.values()) if (existsAt(thing, time)) found.push(thing);
    return found.reverse();
  }

  /** Order of a server or an image, also of one that has gone; null: there never was such a thing. */
  seqOf(id: string): number | null {
    return this.servers.get(id)?.seq ?? this.images.get(id)?.seq ?? this.#goneSeqs.get(id) ?? null;
  }

  /** Forgets what had gone before anything that a listing can still show. */
  sweep(): void {
    const time = Math.min(this.listedTime, this.clock.now());
    for (const kind of [this.servers, this.images, this.ports, this.floatingIps, this.keypairs]) {
      for (const [id, { goneAt, seq }] of kind) {
        if (goneAt > time) continue;
        (kind as Map<string, Existing>).delete(id);
        this.#goneSeqs.set(id, seq);
      }
    }
  }

  /** Takes in a new server, with the troubles that wait for it. */
  admit(server: Server): void {
    this.servers.set(server.id, server);
    for (const port of server.ports) this.ports.set(port.id, port);
    for (const awaited of this.#awaited) {
      if (awaited.left < 1 || !awaited.isMeant(server)) continue;
      awaited.left -= 1;
      afflict(server, awaited.trouble, server.createdAt);
    }
  }

  /** Takes in a new image, with the troubles that wait for it. */
  admitImage(image: Image): void {
    this.images.set(image.id, image);
    const trouble = this.#awaitedImages.shift();
    if (trouble) afflictImage(image, trouble, image.createdAt);
  }

  /** The file of an image that was uploaded is complete: now the trouble comes that waits for the next image. */
  settleUpload(image: Image): void {
    const trouble = this.#awaitedImages.shift();
    if (trouble) afflictImage(image, trouble, this.clock.now());
  }

  awaitImage(trouble: ImageTrouble): void {
    this.#awaitedImages.push(trouble);
  }

  awaitServers(trouble: Trouble, times: number, isMeant: (server: Server) => boolean): void {
    this.#awaited.push({ trouble, left: times, isMeant });
  }

  addFlavor(options: FlavorOptions): Flavor {
    const flavor = { ...options, id: this.random.uuid() };
    this.flavors.set(flavor.id, flavor);
    return flavor;
  }

  /** An image that has been there for long, so that every listing shows it. */
  addImage(options: ImageOptions, projects: readonly Project[]): Image {
    const now = this.clock.now() - 86_400_000;
    const owner = projects.find(({ name }) => name === options.project);
    const image: Image = {
      id: this.random.uuid(),
      seq: this.nextSeq(),
      createdAt: now,
      goneAt: Infinity,
      name: options.name,
      ownerId: owner?.id ?? OPERATOR,
      visibility: owner ? 'private' : 'public',
      properties: { ...options.properties },
      minDisk: options.minDisk ?? 0,
      minRam: options.minRam ?? 0,
      diskFormat: 'raw',
      containerFormat: 'bare',
      content: imagineContent(1_048_576),
      savingAt: now,
      activeAt: now,
      killedAt: Infinity,
      isProtected: false,
    };
    this.images.set(image.id, image);
    return image;
  }

  #addNetwork(options: NetworkOptions, projects: readonly Project[]): void {
    const isExternal = options.isExternal ?? false;
    const isShared = options.isShared ?? false;
    const owner = projects.find(({ name }) => name === options.project) ?? projects[0];
    const isOwned = options.project !== undefined || (!isExternal && !isShared);
    const { name } = options;
    const subnets = [
      { id: this.random.uuid(), name: `${name}-subnet`, cidr: options.cidr, version: 4 as const },
      ...(options.cidr6 === undefined
        ? []
        : [{ id: this.random.uuid(), name: `${name}-subnet6`, cidr: options.cidr6, version: 6 as const }]),
    ];
    const createdAt = this.clock.now();
    const projectId = isOwned && owner ? owner.id : OPERATOR;
    const network = { id: this.random.uuid(), name, projectId, isExternal, isShared, subnets, createdAt };
    this.networks.set(network.id, network);
    const external = [...this.networks.values()].find((other) => other.name === options.routedTo);
    if (!external) return;
    const router = { id: this.random.uuid(), name: `${name}-router`, projectId, external, networkId: network.id };
    this.routers.set(router.id, { ...router, createdAt });
  }

  #addDefaultGroup(projectId: string): void {
    const group = { id: this.random.uuid(), name: 'default', projectId, createdAt: this.clock.now() };
    this.securityGroups.set(group.id, group);
  }
}
