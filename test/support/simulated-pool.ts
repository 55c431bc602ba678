/**
 * A pool without a database and without I/O: rows in memory, clouds that do what they are asked, plans whose actions
 * take effect at once. It shows where the decisions alone lead to.
 */
import type { Config } from '../../src/config/types.ts';
import { cloudImageId, serverId } from '../../src/lib/ids.ts';
import { UPLOAD_ATTEMPTS_MAX } from '../../src/lifecycle/limits.ts';
import {
  recordKey,
  type DiskImageRecord,
  type ImageRecord,
  type NodeRecord,
  type PauseRecord,
  type RequestRecord,
  type ServerSlot,
  type SubnodeRecord,
} from '../../src/lifecycle/records.ts';
import type { Action, ActionKind, ActionOf, SlotRef } from '../../src/planning/actions.ts';
import { EMPTY_MEMORY } from '../../src/planning/memory.ts';
import { plan } from '../../src/planning/plan.ts';
import type { CloudView, Subject, World } from '../../src/planning/world.ts';
import type { CloudImage, Server, Tags } from '../../src/providers/provider.ts';
import {
  aDiskImage,
  anImage,
  anImageFile,
  anUnknownListing,
  aNode,
  aRequest,
  aSubnode,
  aTraits,
  IMAGES_DIRECTORY_ID,
  IMAGES_DIRECTORY_PATH,
  INSTALLATION,
  limitsAt,
  NOW,
} from './builders.ts';

/** From accepted to ACTIVE, and from an accepted deletion until a server is listed no more at the earliest, in milliseconds. */
const BOOT_MS = 20_000;
const DELETE_MS = 5000;
/** What a build of a disk image takes, and an upload. */
const BUILD_MS = 60_000;
const UPLOAD_MS = 30_000;
/** Between two passes while there is something to do. */
const STEP_MS = 100;

interface Thing {
  readonly id: string;
  readonly provider: string;
  readonly tags: Tags;
  /** Infinity: never, as an upload that was cut off. */
  readyAt: number;
  goneAt: number;
}

/** What takes its time, and dies with the daemon. */
interface Task {
  readonly endsAt: number;
  readonly end: () => void;
}

type Effects = { readonly [K in ActionKind]: (action: ActionOf<K>) => void };

export class SimulatedPool {
  config: Config;
  now = NOW;
  nodes: NodeRecord[] = [];
  images: ImageRecord[] = [];
  diskImages: DiskImageRecord[] = [];
  pauses: PauseRecord[] = [];
  /** Those that wait or have nodes. */
  requests: RequestRecord[] = [];
  /** Nodes that jobs in queues want, per label. */
  demand: ReadonlyMap<string, number> = new Map();
  /** Ids of builds whose files lie on the disk. */
  readonly disk = new Set<number>();
  /** Ids of builds from which no node comes up. */
  readonly broken = new Set<number>();
  servers: Thing[] = [];
  cloudImages: Thing[] = [];
  /** Providers that can be reached. */
  readonly views = new Map<string, CloudView>();
  #memory = EMPTY_MEMORY;
  #nextId = 1;
  readonly #tasks = new Map<Subject, Task>();

  constructor(config: Config) {
    this.config = config;
    for (const name of config.providers.keys()) {
      const unknown = anUnknownListing(null, 0);
      const listings = { servers: unknown, images: unknown, accessories: unknown };
      this.views.set(name, { traits: aTraits(), ...listings, hintedAt: 0, limits: null });
    }
  }

  /** Runs passes for `ms`; answers the actions that were done, with their times. */
  run(ms: number): { at: number; action: Action }[] {
    const done: { at: number; action: Action }[] = [];
    const end = this.now + ms;
    while (this.now < end) {
      this.#endTasks();
      const { actions, memory, nextWakeAt } = plan(this.world());
      this.#memory = memory;
      for (const action of actions) {
        done.push({ at: this.now, action });
        this.#apply(action);
      }
      const taskEndsAt = Math.min(...[...this.#tasks.values()].map(({ endsAt }) => endsAt));
      this.now = Math.min(end, actions.length > 0 ? this.now + STEP_MS : Math.min(nextWakeAt, taskEndsAt));
    }
    this.#endTasks();
    return done;
  }

  world(): World {
    return {
      now: this.now,
      config: this.config,
      installation: INSTALLATION,
      switches: { launches: true, deletes: true, images: true },
      workshop: {
        directory: { id: IMAGES_DIRECTORY_ID, path: IMAGES_DIRECTORY_PATH },
        problem: null,
        workers: { builds: 1, uploads: 2 },
      },
      leases: new Set([
        'supply',
        ...[...this.views.keys()].map((name) => `provider:${name}`),
        `images:${IMAGES_DIRECTORY_ID}`,
        ...[...this.config.diskimages.keys()].map((name) => `diskimage:${name}`),
      ]),
      elsewhere: new Set(),
      nodes: this.nodes,
      images: this.images,
      diskImages: this.diskImages,
      pauses: this.pauses,
      failures: [],
      intents: [],
      requests: this.requests,
      jobs: [],
      targets: new Map(),
      clouds: new Map(this.views),
      demand: this.demand,
      busy: new Map([...this.#tasks.keys()].map((subject) => [subject, { until: 'done' }] as const)),
      memory: this.#memory,
    };
  }

  /** The daemon forgets everything that is not in the rows; what it was doing ends. */
  restart(): void {
    this.#memory = EMPTY_MEMORY;
    this.#tasks.clear();
    for (const [name, view] of this.views) {
      this.views.set(name, {
        ...view,
        servers: anUnknownListing(null, 0),
        images: anUnknownListing(null, 0),
        accessories: anUnknownListing(null, 0),
        limits: null,
      });
    }
  }

  patchNode(id: number, patch: Partial<NodeRecord>): void {
    this.nodes = this.nodes.map((node) => (node.id === id ? { ...node, ...patch } : node));
  }

  patchImage(id: number, patch: Partial<ImageRecord>): void {
    this.images = this.images.map((image) => (image.id === id ? { ...image, ...patch } : image));
  }

  patchDiskImage(id: number, patch: Partial<DiskImageRecord>): void {
    this.diskImages = this.diskImages.map((build) => (build.id === id ? { ...build, ...patch } : build));
  }

  /** Asks for nodes; answers the id of the request. */
  request(wish: Partial<Pick<RequestRecord, 'label' | 'count' | 'priority' | 'ttlMs'>> = {}): number {
    const request = aRequest({ id: this.#nextId++, createdAt: this.now, ...wish });
    this.requests = [...this.requests, request];
    return request.id;
  }

  /** Gives the nodes of a request back, as the store does. */
  release(id: number): void {
    this.requests = this.requests.filter((request) => request.id !== id);
    for (const node of this.nodes) {
      if (node.requestId === id && node.state === 'used')
        this.patchNode(node.id, { state: 'delete', stateAt: this.now });
    }
  }

  #endTasks(): void {
    for (const [subject, { endsAt, end }] of this.#tasks) {
      if (endsAt > this.now) continue;
      this.#tasks.delete(subject);
      end();
    }
  }

  #patchSlot({ kind, id }: SlotRef, patch: Partial<ServerSlot & Pick<SubnodeRecord, 'state'>>): void {
    const { state, ...slot } = patch;
    if (kind === 'node') this.patchNode(id, slot);
    else if (kind === 'image') this.patchImage(id, slot);
    else {
      this.nodes = this.nodes.map((node) => ({
        ...node,
        subnodes: node.subnodes.map((subnode) =>
          subnode.id === id ? { ...subnode, ...slot, state: state ?? subnode.state } : subnode,
        ),
      }));
    }
  }

  #apply<K extends ActionKind>(action: ActionOf<K>): void {
    (this.#effects[action.kind] as (action: ActionOf<K>) => void)(action);
  }

  #thing(provider: string, tags: Tags): Thing {
    return { id: `t-${this.#nextId++}`, provider, tags, readyAt: this.now + BOOT_MS, goneAt: Infinity };
  }

  #remove(things: readonly Thing[], ids: readonly string[]): void {
    for (const thing of things) {
      if (!ids.includes(thing.id)) continue;
      // Not all at once: what they leave comes free one by one.
      const goneAt = this.now + DELETE_MS * (1 + (Number(thing.id.slice(2)) % 4));
      thing.goneAt = Math.min(thing.goneAt, goneAt);
    }
  }

  #there(things: readonly Thing[], provider: string): Thing[] {
    return things.filter((thing) => thing.provider === provider && thing.goneAt > this.now);
  }

  #listServers(provider: string): Server[] {
    return this.#there(this.servers, provider).map(({ id, tags, readyAt }) => {
      const isUp = readyAt <= this.now;
      return {
        id: serverId(id),
        name: id,
        status: isUp ? 'active' : 'building',
        ip: isUp ? '203.0.113.1' : null,
        ipPrivate: null,
        tags,
        wantsFloatingIp: false,
        fault: null,
        size: null,
      };
    });
  }

  #listImages(provider: string): CloudImage[] {
    return this.#there(this.cloudImages, provider).map(({ id, tags, readyAt }) => {
      return {
        id: cloudImageId(id),
        name: id,
        status: readyAt <= this.now ? 'active' : 'saving',
        tags,
        isSnapshot: true,
        bytes: null,
        digest: null,
      };
    });
  }

  #view(provider: string, patch: Partial<CloudView>): void {
    this.views.set(provider, { ...this.views.get(provider)!, ...patch });
  }

  #create({ slot, attempt }: ActionOf<'create-server'>): void {
    const server = this.#thing(slot.provider, { installation: INSTALLATION, record: slot.key, attempt: attempt + 1 });
    this.servers.push(server);
    this.#patchSlot(slot, { attempt: attempt + 1, attemptAt: this.now, serverId: serverId(server.id) });
  }

  #launch({ launches }: ActionOf<'launch-nodes'>): void {
    for (const { subnodes, ...fields } of launches) {
      const times = { createdAt: this.now, stateAt: this.now };
      const subnodeRecords = Array.from({ length: subnodes }, () =>
        aSubnode({ id: this.#nextId++, state: 'building', ...times }),
      );
      this.nodes = [
        ...this.nodes,
        aNode({ id: this.#nextId++, state: 'building', ...fields, ...times, subnodes: subnodeRecords }),
      ];
    }
  }

  #save({ imageId }: ActionOf<'save-image'>): void {
    const image = this.images.find(({ id }) => id === imageId)!;
    const server = this.servers.find(({ id }) => id === image.serverId)!;
    const saved = this.#thing(image.provider, server.tags);
    this.cloudImages.push(saved);
    this.patchImage(imageId, { saveAt: this.now, saveAttempt: 1, cloudImageId: cloudImageId(saved.id) });
  }

  #nextVersion(rows: readonly { readonly version: number }[]): number {
    return Math.max(Math.floor(this.now / 1000), ...rows.map(({ version }) => version + 1));
  }

  #openBuild({ image, reason }: ActionOf<'open-disk-image'>): void {
    const version = this.#nextVersion(this.diskImages.filter((build) => build.image === image));
    const times = { createdAt: this.now, stateAt: this.now };
    const build = aDiskImage({ id: this.#nextId++, image, version, state: 'building', reason, ...times });
    this.diskImages = [...this.diskImages, build];
  }

  #makeBuild({ diskImageId: id, subject }: ActionOf<'make-disk-image'>): void {
    const { image, version } = this.diskImages.find((build) => build.id === id)!;
    const filename = `${IMAGES_DIRECTORY_PATH}/${image}-${version}`;
    this.patchDiskImage(id, { startedAt: this.now, directory: IMAGES_DIRECTORY_ID, host: 'here', filename });
    const end = (): void => {
      if (this.diskImages.find((build) => build.id === id)?.state !== 'building') return;
      const files = this.config.diskimages.get(image)!.formats.map((format) => anImageFile({ format }));
      this.disk.add(id);
      this.patchDiskImage(id, { state: 'ready', stateAt: this.now, files });
    };
    this.#tasks.set(subject, { endsAt: this.now + BUILD_MS, end });
  }

  #openUpload({ provider, image, diskImageId, reason }: ActionOf<'open-upload'>): void {
    const version = this.#nextVersion(this.images.filter((row) => row.provider === provider && row.image === image));
    const times = { createdAt: this.now, stateAt: this.now };
    const row = { id: this.#nextId++, provider, image, diskImageId, version, reason, ...times };
    this.images = [...this.images, anImage({ ...row, state: 'building' })];
  }

  /** As the handler does: what an earlier attempt left is taken or thrown away, and the next has an id of its own. */
  #upload({ imageId, diskImageId, subject }: ActionOf<'upload-image'>): void {
    const row = this.images.find(({ id }) => id === imageId)!;
    const earlier = this.cloudImages.find(({ id }) => id === row.cloudImageId);
    if (earlier !== undefined && earlier.readyAt <= this.now)
      return this.patchImage(imageId, { state: 'ready', stateAt: this.now });
    if (earlier !== undefined) this.#remove(this.cloudImages, [earlier.id]);
    if (row.saveAttempt >= UPLOAD_ATTEMPTS_MAX) return this.patchImage(imageId, { state: 'delete' });
    const saveAttempt = row.saveAttempt + 1;
    const tags = { installation: INSTALLATION, record: recordKey('image', row), attempt: saveAttempt };
    const thing = { ...this.#thing(row.provider, tags), readyAt: Infinity };
    this.cloudImages.push(thing);
    this.patchImage(imageId, { cloudImageId: cloudImageId(thing.id), saveAttempt, saveAt: this.now });
    const end = (): void => {
      if (this.images.find(({ id }) => id === imageId)?.state !== 'building') return;
      if (!this.disk.has(diskImageId)) return this.patchDiskImage(diskImageId, { state: 'delete' });
      thing.readyAt = this.now;
      this.patchImage(imageId, { state: 'ready', stateAt: this.now });
    };
    this.#tasks.set(subject, { endsAt: this.now + UPLOAD_MS, end });
  }

  /** Whether a node comes up is the image's doing. */
  #prepare({ nodeId }: ActionOf<'prepare-node'>): void {
    const { imageId } = this.nodes.find(({ id }) => id === nodeId)!;
    const image = this.images.find(({ id }) => id === imageId);
    const isBroken = this.broken.has(image?.diskImageId ?? 0);
    this.patchNode(nodeId, { state: isBroken ? 'delete' : 'ready', stateAt: this.now });
    if (image === undefined) return;
    const { launchesOk, launchesFailed } = image;
    this.patchImage(image.id, isBroken ? { launchesFailed: launchesFailed + 1 } : { launchesOk: launchesOk + 1 });
  }

  /** As the store does it: all nodes of a request or none, READY ones that nobody else was given. */
  #grant({ grants }: ActionOf<'grant-requests'>): void {
    for (const { requestId, nodeIds } of grants) {
      const request = this.requests.find(({ id, state }) => id === requestId && state === 'waiting');
      const nodes = this.nodes.filter(({ id, state }) => nodeIds.includes(id) && state === 'ready');
      if (request?.count !== nodes.length) throw new Error(`request ${requestId} cannot have nodes ${nodeIds.join()}`);
      for (const { id } of nodes) this.patchNode(id, { state: 'used', stateAt: this.now, requestId });
      const granted = {
        ...request,
        state: 'granted' as const,
        grantedAt: this.now,
        expiresAt: this.now + request.ttlMs,
      };
      this.requests = this.requests.map((other) => (other === request ? granted : other));
    }
  }

  readonly #effects: Effects = {
    'launch-nodes': (action) => this.#launch(action),
    'create-server': (action) => this.#create(action),
    'adopt-server': ({ slot, serverId: id }) => this.#patchSlot(slot, { serverId: id }),
    'probe-server': ({ slot, address }) =>
      this.#patchSlot(slot, { reachableAt: this.now, ip: address, state: 'ready' }),
    'prepare-node': (action) => this.#prepare(action),
    'check-node': ({ nodeId }) => this.patchNode(nodeId, { checkedAt: this.now }),
    'retire-node': ({ nodeId }) => this.patchNode(nodeId, { state: 'delete', stateAt: this.now }),
    'delete-server': ({ slot, serverIds }) => {
      this.#remove(this.servers, serverIds);
      this.#patchSlot(slot, { deleteAt: this.now });
    },
    'forget-server': ({ slot }) => this.#patchSlot(slot, { serverId: null, attemptAt: null, deleteAt: null }),
    'remove-node': ({ nodeId }) => {
      this.nodes = this.nodes.filter(({ id }) => id !== nodeId);
    },
    'build-image': ({ provider, image }) => {
      const version = this.#nextVersion(this.images.filter((row) => row.provider === provider && row.image === image));
      const row = { id: this.#nextId++, provider, image, version, createdAt: this.now, stateAt: this.now };
      this.images = [...this.images, anImage({ ...row, state: 'building' })];
    },
    'setup-image': ({ imageId }) => this.patchImage(imageId, { setupAt: this.now, setupDoneAt: this.now }),
    'save-image': (action) => this.#save(action),
    'adopt-image': ({ imageId, cloudImageId: id }) => this.patchImage(imageId, { cloudImageId: id }),
    'finish-image': ({ imageId }) => this.patchImage(imageId, { state: 'ready', stateAt: this.now }),
    'retire-image': ({ imageId }) => this.patchImage(imageId, { state: 'delete', stateAt: this.now }),
    'delete-cloud-image': ({ imageId, cloudImageIds }) => {
      this.#remove(this.cloudImages, cloudImageIds);
      this.patchImage(imageId, { cloudImageId: null, saveAt: null });
    },
    'remove-image': ({ imageId }) => {
      this.images = this.images.filter(({ id }) => id !== imageId);
    },
    'open-disk-image': (action) => this.#openBuild(action),
    'make-disk-image': (action) => this.#makeBuild(action),
    'retire-disk-image': ({ diskImageId, reason }) =>
      this.patchDiskImage(diskImageId, { state: 'delete', stateAt: this.now, reason }),
    'inspect-disk-image': ({ diskImageId }) =>
      this.patchDiskImage(
        diskImageId,
        this.disk.has(diskImageId) ? { files: [anImageFile()], directory: IMAGES_DIRECTORY_ID } : { state: 'delete' },
      ),
    'remove-disk-image': ({ diskImageId, hasFiles }) => {
      if (hasFiles) this.disk.delete(diskImageId);
      this.diskImages = this.diskImages.filter(({ id }) => id !== diskImageId);
    },
    'note-uploads': ({ diskImageId, uploads }) => this.patchDiskImage(diskImageId, { uploads }),
    'sweep-images-directory': () => undefined,
    'open-upload': (action) => this.#openUpload(action),
    'upload-image': (action) => this.#upload(action),
    'withdraw-image': ({ imageId }) => this.patchImage(imageId, { withdrawnAt: this.now }),
    'delete-leaked-server': ({ serverId: id }) => this.#remove(this.servers, [id]),
    'delete-leaked-image': ({ cloudImageId: id }) => this.#remove(this.cloudImages, [id]),
    'list-servers': ({ provider }) =>
      this.#view(provider, { servers: { known: true, takenAt: this.now, items: this.#listServers(provider) } }),
    'list-images': ({ provider }) =>
      this.#view(provider, { images: { known: true, takenAt: this.now, items: this.#listImages(provider) } }),
    'list-accessories': ({ provider }) =>
      this.#view(provider, { accessories: { known: true, takenAt: this.now, items: [] } }),
    'read-limits': ({ provider }) => this.#view(provider, { limits: limitsAt(this.now) }),
    'knock-server': ({ slot }) => this.#view(slot.provider, { hintedAt: this.now }),
    'attach-floating-ip': () => undefined,
    'delete-accessory': () => undefined,
    'purge-history': () => undefined,
    'grant-requests': (action) => this.#grant(action),
    'end-requests': ({ endings }) => {
      for (const { id } of endings) this.release(id);
    },
    'register-node': () => undefined,
    'unregister-node': () => undefined,
    'start-test': () => undefined,
    'pass-test': () => undefined,
    'hold-node': () => undefined,
    'note-job': () => undefined,
    'check-target': () => undefined,
    'answer-intent': () => undefined,
  };
}
