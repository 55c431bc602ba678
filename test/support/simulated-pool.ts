/**
 * A pool without a database and without I/O: rows in memory, clouds that do what they are asked, plans whose actions
 * take effect at once. It shows where the decisions alone lead to.
 */
import type { Config } from '../../src/config/types.ts';
import { cloudImageId, serverId } from '../../src/lib/ids.ts';
import type { ImageRecord, NodeRecord, ServerSlot, SubnodeRecord } from '../../src/lifecycle/records.ts';
import type { Action, ActionKind, ActionOf, SlotRef } from '../../src/planning/actions.ts';
import { EMPTY_MEMORY } from '../../src/planning/memory.ts';
import { plan } from '../../src/planning/plan.ts';
import type { CloudView, World } from '../../src/planning/world.ts';
import type { CloudImage, Server, Tags } from '../../src/providers/provider.ts';
import { anImage, anUnknownListing, aNode, aSubnode, aTraits, INSTALLATION, limitsAt, NOW } from './builders.ts';

/** From accepted to ACTIVE, and from an accepted deletion until a server is listed no more, in milliseconds. */
const BOOT_MS = 20_000;
const DELETE_MS = 5000;
/** Between two passes while there is something to do. */
const STEP_MS = 100;

interface Thing {
  readonly id: string;
  readonly provider: string;
  readonly tags: Tags;
  readonly readyAt: number;
  goneAt: number;
}

type Effects = { readonly [K in ActionKind]: (action: ActionOf<K>) => void };

export class SimulatedPool {
  config: Config;
  now = NOW;
  nodes: NodeRecord[] = [];
  images: ImageRecord[] = [];
  servers: Thing[] = [];
  cloudImages: Thing[] = [];
  /** Providers that can be reached. */
  readonly views = new Map<string, CloudView>();
  #memory = EMPTY_MEMORY;
  #nextId = 1;

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
      const { actions, memory, nextWakeAt } = plan(this.world());
      this.#memory = memory;
      for (const action of actions) {
        done.push({ at: this.now, action });
        this.#apply(action);
      }
      this.now = Math.min(end, actions.length > 0 ? this.now + STEP_MS : nextWakeAt);
    }
    return done;
  }

  world(): World {
    return {
      now: this.now,
      config: this.config,
      installation: INSTALLATION,
      switches: { launches: true, deletes: true, images: true },
      leases: new Set(['supply', ...[...this.views.keys()].map((name) => `provider:${name}`)]),
      nodes: this.nodes,
      images: this.images,
      failures: [],
      intents: [],
      clouds: new Map(this.views),
      demand: new Map(),
      busy: new Map(),
      memory: this.#memory,
    };
  }

  /** The daemon forgets everything that is not in the rows. */
  restart(): void {
    this.#memory = EMPTY_MEMORY;
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

  #patchImage(id: number, patch: Partial<ImageRecord>): void {
    this.images = this.images.map((image) => (image.id === id ? { ...image, ...patch } : image));
  }

  #patchSlot({ kind, id }: SlotRef, patch: Partial<ServerSlot & Pick<SubnodeRecord, 'state'>>): void {
    const { state, ...slot } = patch;
    if (kind === 'node') this.patchNode(id, slot);
    else if (kind === 'image') this.#patchImage(id, slot);
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
    for (const thing of things) if (ids.includes(thing.id)) thing.goneAt = Math.min(thing.goneAt, this.now + DELETE_MS);
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
        az: null,
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
    this.#patchImage(imageId, { saveAt: this.now, saveAttempt: 1, cloudImageId: cloudImageId(saved.id) });
  }

  readonly #effects: Effects = {
    'launch-nodes': (action) => this.#launch(action),
    'create-server': (action) => this.#create(action),
    'adopt-server': ({ slot, serverId: id }) => this.#patchSlot(slot, { serverId: id }),
    'probe-server': ({ slot, address }) =>
      this.#patchSlot(slot, { reachableAt: this.now, ip: address, state: 'ready' }),
    'prepare-node': ({ nodeId }) => this.patchNode(nodeId, { state: 'ready', stateAt: this.now }),
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
      const times = { createdAt: this.now, stateAt: this.now, version: Math.floor(this.now / 1000) };
      this.images = [...this.images, anImage({ id: this.#nextId++, state: 'building', provider, image, ...times })];
    },
    'setup-image': ({ imageId }) => this.#patchImage(imageId, { setupAt: this.now, setupDoneAt: this.now }),
    'save-image': (action) => this.#save(action),
    'adopt-image': ({ imageId, cloudImageId: id }) => this.#patchImage(imageId, { cloudImageId: id }),
    'finish-image': ({ imageId }) => this.#patchImage(imageId, { state: 'ready', stateAt: this.now }),
    'retire-image': ({ imageId }) => this.#patchImage(imageId, { state: 'delete', stateAt: this.now }),
    'delete-cloud-image': ({ imageId, cloudImageIds }) => {
      this.#remove(this.cloudImages, cloudImageIds);
      this.#patchImage(imageId, { cloudImageId: null, saveAt: null });
    },
    'remove-image': ({ imageId }) => {
      this.images = this.images.filter(({ id }) => id !== imageId);
    },
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
    'answer-intent': () => undefined,
  };
}
