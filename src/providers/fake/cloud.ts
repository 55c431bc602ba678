import type { FakeCloudConfig, ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import { cloudImageId, serverId, type CloudImageId, type ServerId } from '../../lib/ids.ts';
import type { Random } from '../../lib/random.ts';
import type { Cloud, CloudCall, CloudImage, CloudLimits, ImageSpec, Server, ServerSpec } from '../provider.ts';
import { ADDRESS_COUNT, ADDRESSES_PER_CLOUD, addressesOf } from './addresses.ts';
import { baseImage, renderImage, type FakeImage } from './image.ts';
import { LaggedView } from './lagged-view.ts';
import { renderServer, statusAt, type FakeServer, type Trouble } from './server.ts';
import { phaseAt, startDeletion } from './timeline.ts';

export interface FakeCloudDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly config: ProviderConfig;
  /** Number of this cloud among those of the process: its servers' addresses follow from it. */
  readonly block: number;
}

/**
 * A small cloud in memory. It boots from any base image and accepts any amount of RAM, so that every
 * configuration can be rehearsed on it. What goes wrong with a server is drawn when it is created.
 */
export class FakeCloud implements Cloud {
  readonly #clock: Clock;
  readonly #random: Random;
  #config: ProviderConfig;
  #nextAddress: number;
  /** All servers, and those whose deletion ended since the last look. */
  readonly #servers = new Map<ServerId, FakeServer>();
  readonly #serverAt = new Map<string, FakeServer>();
  readonly #beingDeleted = new Set<FakeServer>();
  readonly #images = new Map<CloudImageId, FakeImage>();
  readonly #serverView = new LaggedView<FakeServer, Server>({ statusAt, render: renderServer });
  readonly #imageView = new LaggedView<FakeImage, CloudImage>({ statusAt: phaseAt, render: renderImage });
  readonly #calls: Record<CloudCall, number> = {
    listServers: 0,
    createServer: 0,
    deleteServer: 0,
    listImages: 0,
    saveImage: 0,
    deleteImage: 0,
    limits: 0,
  };

  constructor(deps: FakeCloudDeps) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#config = deps.config;
    this.#nextAddress = (deps.block * ADDRESSES_PER_CLOUD) % ADDRESS_COUNT;
    this.#addImage(baseImage());
  }

  /** Takes over new settings; servers and images stay. Times already settled for them do not change. */
  configure(config: ProviderConfig): void {
    this.#config = config;
  }

  listServers(signal: AbortSignal): Promise<readonly Server[]> {
    return this.#answer('listServers', signal, (now, settings) => {
      this.#forgetDeleted(now);
      return this.#serverView.at(now - settings.listingLagMs);
    });
  }

  createServer(spec: ServerSpec, signal: AbortSignal): Promise<ServerId> {
    return this.#answer('createServer', signal, (now, settings) => {
      this.#checkQuota(now, settings);
      this.#checkImage(spec, now);
      if (this.#happens(settings.failCreates)) {
        throw new NodepoolError('rejected', `the fake cloud refused server ${spec.name} (fail-creates)`);
      }
      const server = this.#makeServer(spec, now, settings);
      this.#servers.set(server.id, server);
      this.#serverAt.set(server.ip, server);
      this.#serverView.touch(server);
      return server.id;
    });
  }

  deleteServer(id: ServerId, signal: AbortSignal): Promise<void> {
    return this.#answer('deleteServer', signal, (now, settings) => {
      const server = this.#servers.get(id);
      if (!server || !startDeletion(server, now, settings.deleteTimeMs)) return;
      this.#beingDeleted.add(server);
      this.#serverView.touch(server);
    });
  }

  listImages(signal: AbortSignal): Promise<readonly CloudImage[]> {
    return this.#answer('listImages', signal, (now, settings) => {
      this.#forgetDeleted(now);
      return this.#imageView.at(now - settings.listingLagMs);
    });
  }

  saveImage(id: ServerId, spec: ImageSpec, signal: AbortSignal): Promise<CloudImageId> {
    return this.#answer('saveImage', signal, (now, settings) => {
      const server = this.#servers.get(id);
      const status = server ? statusAt(server, now) : null;
      if (status === null) throw new NodepoolError('not-found', `server ${id} does not exist`);
      if (status !== 'active')
        throw new NodepoolError('rejected', `server ${id} cannot be saved while it is ${status}`);
      const times = { createdAt: now, settledAt: now + settings.bootTimeMs, deletedAt: Infinity, goneAt: Infinity };
      return this.#addImage({ id: cloudImageId(this.#random.uuid()), name: spec.name, tags: spec.tags, ...times });
    });
  }

  deleteImage(id: CloudImageId, signal: AbortSignal): Promise<void> {
    return this.#answer('deleteImage', signal, (now, settings) => {
      const image = this.#images.get(id);
      if (image && startDeletion(image, now, settings.deleteTimeMs)) this.#imageView.touch(image);
    });
  }

  limits(signal: AbortSignal): Promise<CloudLimits> {
    return this.#answer('limits', signal, (_now, settings) => ({ servers: settings.quota }));
  }

  /** The servers that exist at this moment, whatever a listing shows. */
  servers(): readonly Server[] {
    const now = this.#clock.now();
    return [...this.#servers.values()]
      .filter((server) => phaseAt(server, now))
      .map((server) => renderServer(server, now));
  }

  /** The images that exist at this moment, whatever a listing shows. */
  images(): readonly CloudImage[] {
    const now = this.#clock.now();
    return [...this.#images.values()].filter((image) => phaseAt(image, now)).map((image) => renderImage(image, now));
  }

  /** How often each call was made, failed ones included. */
  recordedCalls(): Readonly<Record<CloudCall, number>> {
    return { ...this.#calls };
  }

  /** Contents of the files written to a server, by path. */
  filesOf(id: ServerId): ReadonlyMap<string, string | Uint8Array> {
    return new Map(this.#servers.get(id)?.files.map((file) => [file.path, file.content]));
  }

  /** Command lines run on a server, oldest first. */
  commandsOf(id: ServerId): readonly string[] {
    return [...(this.#servers.get(id)?.commands ?? [])];
  }

  /** Brings trouble to a server that exists, or takes it away. */
  afflict(id: ServerId, trouble: Trouble | null): void {
    const server = this.#servers.get(id);
    if (!server) return;
    server.trouble = trouble;
    this.#serverView.touch(server);
  }

  /** The server that answers SSH at `address` now; null: nobody does. */
  reach(address: string): FakeServer | null {
    const server = this.#serverAt.get(address);
    const now = this.#clock.now();
    if (!server || now < server.sshAt || statusAt(server, now) !== 'active') return null;
    return server.trouble === 'unreachable' ? null : server;
  }

  async #answer<T>(
    call: CloudCall,
    signal: AbortSignal,
    effect: (now: number, settings: FakeCloudConfig) => T,
  ): Promise<T> {
    this.#calls[call] += 1;
    if (this.#config.fake.apiDelayMs > 0) await this.#clock.sleep(this.#config.fake.apiDelayMs, signal);
    if (signal.aborted) throw new NodepoolError('aborted', `${call} was abandoned`);
    const settings = this.#config.fake;
    if (settings.down)
      throw new NodepoolError('unavailable', `the fake cloud ${this.#config.name} does not answer (down)`);
    return effect(this.#clock.now(), settings);
  }

  #checkQuota(now: number, { quota }: FakeCloudConfig): void {
    if (quota === null || this.#servers.size < quota) return;
    this.#forgetDeleted(now);
    if (this.#servers.size < quota) return;
    throw new NodepoolError('quota', `the quota of ${quota} servers in the fake cloud ${this.#config.name} is used up`);
  }

  #checkImage({ image }: ServerSpec, now: number): void {
    if ('base' in image) return;
    const saved = this.#images.get(image.id);
    const phase = saved ? phaseAt(saved, now) : null;
    if (phase === 'settled') return;
    throw new NodepoolError(
      'rejected',
      phase === 'pending' ? `image ${image.id} is not active yet` : `image ${image.id} does not exist`,
    );
  }

  #makeServer(spec: ServerSpec, now: number, settings: FakeCloudConfig): FakeServer {
    const settledAt = now + settings.bootTimeMs;
    return {
      id: serverId(this.#random.uuid()),
      spec,
      ...this.#takeAddresses(),
      createdAt: now,
      settledAt,
      sshAt: settledAt + settings.sshDelayMs,
      deletedAt: Infinity,
      goneAt: Infinity,
      trouble: this.#drawTrouble(settings),
      files: [],
      commands: [],
    };
  }

  #drawTrouble(settings: FakeCloudConfig): Trouble | null {
    if (this.#happens(settings.failBoots)) return 'error';
    if (this.#happens(settings.failSsh)) return 'unreachable';
    return this.#happens(settings.failScripts) ? 'command-failed' : null;
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random.fraction() < share;
  }

  /** The next addresses that no server has. */
  #takeAddresses(): { ip: string; ipPrivate: string } {
    for (;;) {
      const addresses = addressesOf(this.#nextAddress);
      this.#nextAddress = (this.#nextAddress + 1) % ADDRESS_COUNT;
      const ip = this.#config.ipv6Preferred ? addresses.ipv6 : addresses.ipv4;
      if (!this.#serverAt.has(ip)) return { ip, ipPrivate: addresses.private };
    }
  }

  #addImage(image: FakeImage): CloudImageId {
    this.#images.set(image.id, image);
    this.#imageView.touch(image);
    return image.id;
  }

  #forgetDeleted(now: number): void {
    for (const server of this.#beingDeleted) {
      if (server.goneAt > now) continue;
      this.#beingDeleted.delete(server);
      this.#servers.delete(server.id);
      this.#serverAt.delete(server.ip);
    }
    for (const image of this.#images.values()) if (image.goneAt <= now) this.#images.delete(image.id);
  }
}
