import type { FakeCloudConfig, ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import { isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { cloudImageId, serverId, type CloudImageId, type ServerId } from '../../lib/ids.ts';
import type { Random } from '../../lib/random.ts';
import type {
  Accessory,
  Cloud,
  CloudCall,
  CloudImage,
  CloudLimits,
  ImageSpec,
  KeypairSpec,
  Server,
  ServerSpec,
  Tags,
  UploadSpec,
} from '../provider.ts';
import { FakeAccessories } from './accessories.ts';
import { FakeImages } from './images.ts';
import { receiveFile } from './receive-file.ts';
import { consoleAt, renderServer, statusAt, type FakeServer, type Trouble } from './server.ts';
import { FakeServers } from './servers.ts';

export interface FakeCloudDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly config: ProviderConfig;
  /** Number of this cloud among those of the process: its servers' addresses follow from it. */
  readonly block: number;
}

const NO_CALLS: Readonly<Record<CloudCall, number>> = {
  listServers: 0,
  createServer: 0,
  deleteServer: 0,
  listImages: 0,
  saveImage: 0,
  uploadImage: 0,
  findImage: 0,
  deleteImage: 0,
  limits: 0,
  listAccessories: 0,
  deleteAccessory: 0,
  createKeypair: 0,
  attachFloatingIp: 0,
  readConsole: 0,
};

type Effect<T> = (now: number, settings: FakeCloudConfig) => T;

/**
 * A small cloud in memory. It boots from any base image and accepts any amount of RAM, so that every
 * configuration can be rehearsed on it. What goes wrong with a server is drawn when it is created.
 */
export class FakeCloud implements Cloud {
  readonly #clock: Clock;
  readonly #random: Random;
  #config: ProviderConfig;
  readonly #servers: FakeServers;
  readonly #images = new FakeImages();
  readonly #accessories = new FakeAccessories();
  readonly #calls: Record<CloudCall, number> = { ...NO_CALLS };
  #offer: Partial<CloudLimits> = {};

  constructor(deps: FakeCloudDeps) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#config = deps.config;
    this.#servers = new FakeServers(deps.block);
  }

  /** Takes over new settings; servers and images stay. Times already settled for them do not change. */
  configure(config: ProviderConfig): void {
    this.#config = config;
  }

  listServers(signal: AbortSignal): Promise<readonly Server[]> {
    return this.#answer('listServers', signal, (now, { listingLagMs }) => this.#servers.list(now, listingLagMs));
  }

  createServer(spec: ServerSpec, signal: AbortSignal): Promise<ServerId> {
    return this.#answer('createServer', signal, (now, settings) => {
      this.#checkQuota(now, settings);
      this.#checkImage(spec, now);
      this.#checkKeypair(spec);
      if (this.#happens(settings.failCreates)) {
        throw new NodepoolError('rejected', `the fake cloud refused server ${spec.name} (fail-creates)`);
      }
      const server = this.#makeServer(spec, now, settings);
      this.#servers.add(server);
      return server.id;
    });
  }

  deleteServer(id: ServerId, signal: AbortSignal): Promise<void> {
    return this.#answer('deleteServer', signal, (now, { deleteTimeMs }) =>
      this.#servers.startDeletion(id, now, deleteTimeMs),
    );
  }

  listImages(signal: AbortSignal): Promise<readonly CloudImage[]> {
    return this.#answer('listImages', signal, (now, { listingLagMs }) => this.#images.list(now, listingLagMs));
  }

  saveImage(id: ServerId, spec: ImageSpec, signal: AbortSignal): Promise<CloudImageId> {
    return this.#answer('saveImage', signal, (now, settings) => {
      const status = statusAt(this.#servers.existing(id, now), now);
      if (status !== 'active')
        throw new NodepoolError('rejected', `server ${id} cannot be saved while it is ${status}`);
      const takesMs = settings.bootTimeMs;
      return this.#images.addSnapshot(cloudImageId(this.#random.uuid()), spec, { now, takesMs });
    });
  }

  /** As at a real cloud, what was begun and not finished stays there. */
  async uploadImage(spec: UploadSpec, signal: AbortSignal): Promise<void> {
    await this.#answer('uploadImage', signal, (now) => this.#images.addAwaiting(spec, now));
    try {
      const content = await receiveFile(spec, signal);
      await this.#perform('uploadImage', signal, (now, settings) => {
        if (this.#happens(settings.failUploads))
          throw new NodepoolError('rejected', `the fake cloud refused image ${spec.name} (fail-uploads)`);
        this.#images.complete(spec.id, content, now);
      });
    } catch (error) {
      if (isNodepoolError(error, 'rejected')) this.#images.startDeletion(spec.id, this.#clock.now(), 0);
      throw error;
    }
  }

  findImage(id: CloudImageId, signal: AbortSignal): Promise<CloudImage | null> {
    return this.#answer('findImage', signal, (now) => this.#images.find(id, now));
  }

  deleteImage(id: CloudImageId, signal: AbortSignal): Promise<void> {
    return this.#answer('deleteImage', signal, (now, { deleteTimeMs }) =>
      this.#images.startDeletion(id, now, deleteTimeMs),
    );
  }

  limits(signal: AbortSignal): Promise<CloudLimits> {
    return this.#answer('limits', signal, (_now, { quota }) => {
      return { servers: quota, cores: null, ramMb: null, floatingIps: null, flavors: [], ...this.#offer };
    });
  }

  listAccessories(signal: AbortSignal): Promise<readonly Accessory[]> {
    return this.#answer('listAccessories', signal, () => this.accessories());
  }

  deleteAccessory(accessory: Pick<Accessory, 'kind' | 'id'>, signal: AbortSignal): Promise<void> {
    return this.#answer('deleteAccessory', signal, () => {
      const id = this.#accessories.remove(accessory);
      const server = id === null ? undefined : this.#servers.get(id);
      if (server) this.#servers.readdress(server, Infinity);
    });
  }

  createKeypair(spec: KeypairSpec, signal: AbortSignal): Promise<string> {
    return this.#answer('createKeypair', signal, () => this.#accessories.putKeypair(spec));
  }

  attachFloatingIp(id: ServerId, tags: Tags, signal: AbortSignal): Promise<void> {
    return this.#answer('attachFloatingIp', signal, (now) => {
      const server = this.#servers.existing(id, now);
      if (server.addressAt <= now) return;
      const status = statusAt(server, now);
      if (status !== 'active') throw new NodepoolError('conflict', `server ${id} has no port while it is ${status}`);
      const { floatingIps = null } = this.#offer;
      if (floatingIps !== null && this.#accessories.floatingIpCount >= floatingIps)
        throw new NodepoolError('quota', `the quota of ${floatingIps} floating IPs is used up`);
      this.#accessories.addFloatingIp(server, tags);
      this.#servers.readdress(server, now);
    });
  }

  readConsole(id: ServerId, signal: AbortSignal): Promise<string> {
    return this.#answer('readConsole', signal, (now) => consoleAt(this.#servers.existing(id, now), now));
  }

  /** The servers that exist at this moment, whatever a listing shows. */
  servers(): readonly Server[] {
    const now = this.#clock.now();
    return this.#servers.existingAt(now).map((server) => renderServer(server, now));
  }

  /** The images that exist at this moment, whatever a listing shows. */
  images(): readonly CloudImage[] {
    return this.#images.existingAt(this.#clock.now());
  }

  /** The key pairs and floating IPs that exist at this moment. */
  accessories(): readonly Accessory[] {
    const inUse = new Set(this.#servers.existingAt(this.#clock.now()).map(({ id }) => id));
    return this.#accessories.list((id) => inUse.has(id));
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

  /** The public key of a key pair; null: there is none of that name. */
  keypair(name: string): string | null {
    return this.#accessories.publicKeyOf(name);
  }

  /** Sets what `limits` answers beside the quota of servers. Of these only that of floating IPs is enforced. */
  offer(limits: Partial<CloudLimits>): void {
    this.#offer = limits;
  }

  /** Brings trouble to a server that exists, or takes it away. */
  afflict(id: ServerId, trouble: Trouble | null): void {
    const server = this.#servers.get(id);
    if (server) this.#servers.afflict(server, trouble);
  }

  /** The server that answers SSH at `address` now; null: nobody does. */
  reach(address: string): FakeServer | null {
    return this.#servers.reach(address, this.#clock.now());
  }

  #answer<T>(call: CloudCall, signal: AbortSignal, effect: Effect<T>): Promise<T> {
    this.#calls[call] += 1;
    return this.#perform(call, signal, effect);
  }

  async #perform<T>(call: CloudCall, signal: AbortSignal, effect: Effect<T>): Promise<T> {
    if (this.#config.fake.apiDelayMs > 0) await this.#clock.sleep(this.#config.fake.apiDelayMs, signal);
    if (signal.aborted) throw new NodepoolError('aborted', `${call} was abandoned`);
    const settings = this.#config.fake;
    if (settings.down)
      throw new NodepoolError('unavailable', `the fake cloud ${this.#config.name} does not answer (down)`);
    return effect(this.#clock.now(), settings);
  }

  #checkQuota(now: number, { quota }: FakeCloudConfig): void {
    if (quota === null || this.#servers.countAt(now) < quota) return;
    throw new NodepoolError('quota', `the quota of ${quota} servers in the fake cloud ${this.#config.name} is used up`);
  }

  #checkImage({ image }: ServerSpec, now: number): void {
    if ('base' in image) return;
    const phase = this.#images.phase(image.id, now);
    if (phase === 'settled') return;
    throw new NodepoolError(
      'rejected',
      phase === 'pending' ? `image ${image.id} is not active yet` : `image ${image.id} does not exist`,
    );
  }

  /** A key pair that the configuration names is taken to be there. */
  #checkKeypair({ keypair }: ServerSpec): void {
    const { keypair: configured, images } = this.#config;
    if (keypair === null || keypair === configured || this.keypair(keypair) !== null) return;
    if ([...images.values()].some(({ keyName }) => keyName === keypair)) return;
    throw new NodepoolError('rejected', `key pair ${keypair} does not exist`);
  }

  #makeServer(spec: ServerSpec, now: number, settings: FakeCloudConfig): FakeServer {
    const settledAt = now + settings.bootTimeMs;
    const { pool, floatingIps, ipv6Preferred } = this.#config;
    return {
      id: serverId(this.#random.uuid()),
      spec,
      ...this.#servers.takeAddresses(ipv6Preferred),
      createdAt: now,
      settledAt,
      addressAt: pool !== null && floatingIps ? Infinity : now,
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
}
