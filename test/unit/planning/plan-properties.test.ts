import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  recordKey,
  type DiskImageRecord,
  type ImageRecord,
  type NodeRecord,
  type ServerSlot,
} from '../../../src/lifecycle/records.ts';
import type { Action, ActionKind } from '../../../src/planning/actions.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import type { Server, ServerSize } from '../../../src/providers/provider.ts';
import { ALL_LEASES, aRandomWorld } from '../../support/random-worlds.ts';

const RUNS = { numRuns: 300, seed: 20_160_101 };

/** Checks `holds` on random worlds. */
function always(holds: (world: World) => void, numRuns = RUNS.numRuns): void {
  fc.assert(fc.property(aRandomWorld, holds), { ...RUNS, numRuns });
}

/** Worlds that are acted on with all leases and switches, so that what is wrong has every chance to happen. */
function unhindered(world: World): World {
  return { ...world, leases: new Set(ALL_LEASES), switches: { launches: true, deletes: true, images: true } };
}

const nodeOf = ({ nodes }: World, id: number): NodeRecord => nodes.find((node) => node.id === id)!;
const imageOf = ({ images }: World, id: number): ImageRecord => images.find((image) => image.id === id)!;

/** The row that an action works on. */
function recordOf(world: World, action: Action): NodeRecord | ImageRecord | DiskImageRecord | null {
  const diskImageId = 'diskImageId' in action && !('imageId' in action) ? action.diskImageId : null;
  return world.diskImages.find(({ id }) => id === diskImageId) ?? ownerOf(world, action);
}

function ownerOf(world: World, action: Action): NodeRecord | ImageRecord | null {
  if ('slot' in action) {
    const { kind, id } = action.slot;
    if (kind === 'image') return imageOf(world, id);
    return kind === 'node'
      ? nodeOf(world, id)
      : world.nodes.find(({ subnodes }) => subnodes.some((subnode) => subnode.id === id))!;
  }
  if ('nodeId' in action) return nodeOf(world, action.nodeId);
  return 'imageId' in action ? imageOf(world, action.imageId) : null;
}

function providerOf(world: World, action: Action): string | null {
  return ownerOf(world, action)?.provider ?? ('provider' in action ? action.provider : null);
}

const RESOURCES = ['servers', 'cores', 'ramMb', 'floatingIps'] as const;
type Sum = Record<(typeof RESOURCES)[number], number>;

/** The smallest flavor with enough RAM and the right name; nothing where none fits. */
function sizeFor(world: World, provider: string, image: string): ServerSize {
  const { minRamMb, nameFilter } = world.config.providers.get(provider)?.images.get(image) ?? {};
  const fitting = (world.clouds.get(provider)?.limits?.flavors ?? []).filter(
    ({ name, ramMb }) => minRamMb !== undefined && ramMb >= minRamMb && name.includes(nameFilter ?? ''),
  );
  return fitting.toSorted((a, b) => a.ramMb - b.ramMb)[0] ?? { cores: 0, ramMb: 0 };
}

function add(sum: Sum, count: number, { cores, ramMb }: ServerSize): void {
  sum.servers += count;
  sum.cores += count * cores;
  sum.ramMb += count * ramMb;
  sum.floatingIps += count;
}

/** What the servers take that rows stand for at a provider: nodes, subnodes, templates. */
function countRecorded(world: World, provider: string): Sum {
  const sum = { servers: 0, cores: 0, ramMb: 0, floatingIps: 0 };
  const { servers } = world.clouds.get(provider)!;
  const listed = servers.known ? servers.items : [];
  const addSlot = (kind: 'node' | 'subnode' | 'image', slot: ServerSlot & { id: number }, image: string): void => {
    const isOwn = ({ id, tags }: Server): boolean =>
      slot.serverId === null
        ? tags?.installation === world.installation && tags.record === recordKey(kind, slot)
        : id === slot.serverId;
    add(sum, 1, listed.find(isOwn)?.size ?? sizeFor(world, provider, image));
  };
  for (const node of world.nodes.filter((row) => row.provider === provider)) {
    const image = world.config.labels.get(node.label)?.image ?? '';
    // What goes, and of which no server is on record any more, takes nothing.
    const isThere = ({ serverId, attemptAt }: ServerSlot): boolean =>
      node.state !== 'delete' || serverId !== null || attemptAt !== null;
    if (isThere(node)) addSlot('node', node, image);
    for (const subnode of node.subnodes.filter(isThere)) addSlot('subnode', subnode, image);
  }
  for (const image of world.images.filter((row) => row.provider === provider)) {
    if (image.state === 'building' || image.serverId !== null) addSlot('image', image, image.image);
  }
  return sum;
}

/** What servers of others take. */
function countForeign({ clouds, installation }: World, provider: string): Sum {
  const sum = { servers: 0, cores: 0, ramMb: 0, floatingIps: 0 };
  const { servers } = clouds.get(provider)!;
  const foreign = servers.known ? servers.items.filter(({ tags }) => tags?.installation !== installation) : [];
  for (const { size } of foreign) add(sum, 1, size ?? { cores: 0, ramMb: 0 });
  return sum;
}

/** What a plan adds, by provider. */
function countAdded(world: World, actions: readonly Action[]): Map<string, Sum> {
  const added = new Map<string, Sum>();
  const sumOf = (provider: string): Sum => {
    const sum = added.get(provider) ?? { servers: 0, cores: 0, ramMb: 0, floatingIps: 0 };
    added.set(provider, sum);
    return sum;
  };
  for (const action of actions) {
    if (action.kind === 'build-image') add(sumOf(action.provider), 1, sizeFor(world, action.provider, action.image));
    if (action.kind !== 'launch-nodes') continue;
    for (const { provider, label, subnodes } of action.launches) {
      add(sumOf(provider), 1 + subnodes, sizeFor(world, provider, world.config.labels.get(label)!.image));
    }
  }
  return added;
}

function isBusy({ busy, now }: World, { subject }: Action): boolean {
  const state = busy.get(subject);
  return state !== undefined && (state.until === 'done' || state.until > now);
}

describe('whatever the world is like', () => {
  it('no provider gets more than max-servers, and than the cloud allows of anything', () => {
    const launched: Sum = { servers: 0, cores: 0, ramMb: 0, floatingIps: 0 };
    always((world) => {
      const free = unhindered(world);
      for (const [name, added] of countAdded(free, plan(free).actions)) {
        const limits = free.clouds.get(name)!.limits!;
        const recorded = countRecorded(free, name);
        const foreign = countForeign(free, name);
        expect(recorded.servers + added.servers).toBeLessThanOrEqual(free.config.providers.get(name)!.maxServers);
        for (const resource of RESOURCES) {
          const limit = limits[resource];
          if (limit === null || added[resource] === 0) continue;
          // What others have of floating IPs is left out of the limit.
          const others = resource === 'floatingIps' ? 0 : foreign[resource];
          const after = recorded[resource] + others + added[resource];
          expect({ resource, isWithin: after <= limit, after, limit }).toMatchObject({ isWithin: true });
          launched[resource] += added[resource];
        }
      }
    });
    // The worlds are such that every limit has come into play.
    for (const resource of RESOURCES) expect(launched[resource]).toBeGreaterThan(20);
  });

  it('nothing is launched or built where no flavor fits', () => {
    let without = 0;
    always((world) => {
      const free = unhindered(world);
      for (const [name, { servers, cores }] of countAdded(free, plan(free).actions)) {
        if (free.clouds.get(name)!.limits!.flavors.length === 0) without += servers;
        else expect(cores).toBeGreaterThan(0);
      }
    });
    expect(without).toBeGreaterThan(10);
  });

  it('a provider that refused everything gets nothing while it rests, and one launch at a time afterwards', () => {
    let tried = 0;
    always((world) => {
      const free = unhindered(world);
      const refusals = free.failures.filter(({ kind }) => kind === 'provider');
      for (const action of plan(free).actions) {
        const places = action.kind === 'launch-nodes' ? action.launches : action.kind === 'build-image' ? [action] : [];
        for (const { provider, retryAt } of refusals) {
          const here = places.filter((place) => place.provider === provider).length;
          expect(here).toBeLessThanOrEqual(retryAt > free.now ? 0 : 1);
          tried += here;
        }
      }
    });
    expect(tried).toBeGreaterThan(2);
  });

  it('a held node and its servers are left alone before their time is over', () => {
    let held = 0;
    always((world) => {
      const free = unhindered(world);
      const nodes = free.nodes.filter(
        ({ state, holdUntil }) => state === 'hold' && (holdUntil === null || holdUntil > free.now),
      );
      const servers = new Set(
        nodes.flatMap((node) => [node, ...node.subnodes]).map(({ serverId }) => serverId as string | null),
      );
      held += nodes.length;
      for (const action of plan(free).actions) {
        const record = recordOf(free, action);
        // That a job runs on it is only taken down.
        if (action.kind !== 'note-job') expect(nodes.some((node) => node === record)).toBe(false);
        const deleted =
          action.kind === 'delete-server'
            ? action.serverIds
            : action.kind === 'delete-leaked-server'
              ? [action.serverId]
              : [];
        expect(deleted.filter((id) => servers.has(id))).toEqual([]);
      }
    });
    expect(held).toBeGreaterThan(100);
  });

  it('nothing is created, adopted or swept where the listing is unknown', () => {
    const blind: Record<'servers' | 'images', ReadonlySet<ActionKind>> = {
      servers: new Set<ActionKind>([
        'create-server',
        'adopt-server',
        'delete-leaked-server',
        'build-image',
        'save-image',
      ]),
      images: new Set<ActionKind>(['adopt-image', 'finish-image', 'delete-leaked-image', 'save-image']),
    };
    always((world) => {
      const free = unhindered(world);
      const isUnknown = (provider: string, kind: 'servers' | 'images'): boolean =>
        !free.clouds.get(provider)![kind].known;
      for (const action of plan(free).actions) {
        if (action.kind === 'launch-nodes')
          expect(action.launches.filter(({ provider }) => isUnknown(provider, 'servers'))).toEqual([]);
        for (const kind of ['servers', 'images'] as const) {
          if (blind[kind].has(action.kind)) expect(isUnknown(providerOf(free, action)!, kind)).toBe(false);
        }
      }
    });
  });

  it('nothing is done at a provider without its lease, but that rows of vanished ones are dropped under the supply’s', () => {
    // These need the lease of the files, or of what is built: `plan-disk-image-properties.test.ts`.
    const others = /(-upload|-uploads|upload-image|disk-image|images-directory)$/;
    always((world) => {
      for (const action of plan(world).actions) {
        if (others.test(action.kind)) continue;
        // Any daemon that acts looks how targets are; places are the supply's, whoever acts on their provider.
        if (action.kind === 'check-target') continue;
        if (action.reason === 'room-needed') {
          expect(world.leases.has('supply')).toBe(true);
          continue;
        }
        const provider = providerOf(world, action);
        const lease = provider === null || !world.clouds.has(provider) ? 'supply' : `provider:${provider}`;
        expect({ action, lease: world.leases.has(lease) }).toEqual({ action, lease: true });
      }
    });
  });

  it('a subject gets at most one action, and none while it is busy', () => {
    always((world) => {
      const { actions } = plan(world);
      expect(new Set(actions.map(({ subject }) => subject)).size).toBe(actions.length);
      expect(actions.filter((action) => isBusy(world, action))).toEqual([]);
    });
  });

  it('the same world gives the same plan', () => {
    always((world) => {
      expect(plan(structuredClone(world))).toEqual(plan(world));
    });
  });

  it('while what a plan ordered is under way, nothing more is ordered, and the daemon rests', () => {
    always((world) => {
      const first = plan(world);
      const busy = new Map([
        ...world.busy,
        ...first.actions.map(({ subject }) => [subject, { until: 'done' }] as const),
      ]);
      const second = plan({ ...world, busy, memory: first.memory });
      expect(second.actions).toEqual([]);
      expect(second.nextWakeAt).toBeGreaterThan(world.now);
    });
  });

  it('a plan that orders nothing lets the daemon rest', () => {
    always((world) => {
      const { actions, nextWakeAt } = plan(world);
      expect(nextWakeAt).toBeGreaterThanOrEqual(actions.length === 0 ? world.now + 1 : world.now);
    });
  });

  it('each step fits the state of its row', () => {
    const STATES: Partial<Record<ActionKind, readonly string[]>> = {
      'create-server': ['building'],
      'adopt-server': ['building'],
      'probe-server': ['building'],
      'knock-server': ['building'],
      'attach-floating-ip': ['building'],
      'prepare-node': ['building'],
      'check-node': ['ready'],
      'retire-node': ['building', 'test', 'ready', 'used', 'hold'],
      'register-node': ['ready', 'test'],
      'unregister-node': ['delete'],
      'start-test': ['test'],
      'pass-test': ['test'],
      'hold-node': ['used'],
      'remove-node': ['delete'],
      'setup-image': ['building'],
      'save-image': ['building'],
      'adopt-image': ['building'],
      'finish-image': ['building'],
      'retire-image': ['building', 'ready'],
      'delete-cloud-image': ['delete'],
      'remove-image': ['delete'],
      'forget-server': ['ready', 'delete'],
      'upload-image': ['building'],
      'withdraw-image': ['ready'],
      'make-disk-image': ['building'],
      'retire-disk-image': ['building', 'ready'],
      'inspect-disk-image': ['ready'],
      'remove-disk-image': ['delete'],
    };
    const seen = new Set<ActionKind>();
    always((world) => {
      for (const action of plan(world).actions) {
        seen.add(action.kind);
        const allowed = STATES[action.kind];
        if (allowed !== undefined) expect(allowed).toContain(recordOf(world, action)!.state);
        if (action.kind === 'delete-server' && action.slot.kind !== 'image')
          expect(recordOf(world, action)!.state).toBe('delete');
      }
    }, 600);
    // The worlds are varied enough that every step of the table has come up.
    expect(Object.keys(STATES).filter((kind) => !seen.has(kind as ActionKind))).toEqual([]);
  });

  it('what is swept carries our tag, is known to no row, and was seen before', () => {
    let swept = 0;
    always((world) => {
      const slots = [...world.nodes, ...world.nodes.flatMap(({ subnodes }) => subnodes), ...world.images];
      const known = new Set<string | null>([
        ...slots.map(({ serverId }) => serverId),
        ...world.images.map(({ cloudImageId }) => cloudImageId),
      ]);
      for (const action of plan(world).actions) {
        if (action.kind !== 'delete-leaked-server' && action.kind !== 'delete-leaked-image') continue;
        const { servers, images } = world.clouds.get(action.provider)!;
        const isServer = action.kind === 'delete-leaked-server';
        const id: string = isServer ? action.serverId : action.cloudImageId;
        const listing = isServer ? servers : images;
        const item = listing.known ? listing.items.find((resource) => resource.id === id) : undefined;
        expect(item?.tags?.installation).toBe(world.installation);
        expect(known.has(id)).toBe(false);
        const before = world.memory.sightings.get(`${isServer ? 'leak' : 'leak-image'}/${action.provider}/${id}`);
        expect(before).toBeLessThan(listing.known ? listing.takenAt : 0);
        swept += 1;
      }
    });
    expect(swept).toBeGreaterThan(50);
  });

  it('what is deleted beside servers carries our mark, is used by no listed server, and was seen before', () => {
    const swept = new Map<string, number>();
    always((world) => {
      for (const action of plan(unhindered(world)).actions) {
        if (action.kind !== 'delete-accessory') continue;
        const { kind, id } = action.accessory;
        const { accessories, servers } = world.clouds.get(action.provider)!;
        const item = accessories.known ? accessories.items.find((accessory) => accessory.id === id) : undefined;
        expect(item?.tags?.installation).toBe(world.installation);
        expect(servers.known && servers.items.some((server) => server.id === item?.serverId)).toBe(false);
        const before = world.memory.sightings.get(`accessory/${action.provider}/${kind}/${id}`);
        expect(before).toBeLessThan(accessories.known ? accessories.takenAt : 0);
        const building = [
          ...world.nodes.filter(({ state }) => state === 'building').map((node) => recordKey('node', node)),
          ...world.images.filter(({ state }) => state === 'building').map((image) => recordKey('image', image)),
        ];
        expect(building).not.toContain(item?.tags?.record);
        swept.set(kind, (swept.get(kind) ?? 0) + 1);
      }
    });
    expect([...swept.keys()].sort()).toEqual(['floating-ip', 'keypair', 'port']);
  });

  it('--no-deletes leaves every row, server and image in place, but for builds: who only builds clears up after itself', () => {
    const deletions = /^(retire|delete|remove)-(?!disk-image)/;
    always((world) => {
      const { actions } = plan({ ...unhindered(world), switches: { launches: true, deletes: false, images: true } });
      expect(actions.filter(({ kind }) => deletions.test(kind))).toEqual([]);
    });
  });
});
