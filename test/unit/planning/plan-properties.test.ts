import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageRecord, NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Action, ActionKind } from '../../../src/planning/actions.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import { aRandomWorld } from '../../support/random-worlds.ts';

const RUNS = { numRuns: 300, seed: 20_160_101 };

/** Checks `holds` on random worlds. */
function always(holds: (world: World) => void): void {
  fc.assert(fc.property(aRandomWorld, holds), RUNS);
}

/** Worlds that are acted on with all leases and switches, so that what is wrong has every chance to happen. */
function unhindered(world: World): World {
  const leases = new Set(['supply', ...[...world.clouds.keys()].map((name) => `provider:${name}`)]);
  return { ...world, leases, switches: { launches: true, deletes: true, images: true } };
}

const nodeOf = ({ nodes }: World, id: number): NodeRecord => nodes.find((node) => node.id === id)!;
const imageOf = ({ images }: World, id: number): ImageRecord => images.find((image) => image.id === id)!;

/** The row that an action works on. */
function recordOf(world: World, action: Action): NodeRecord | ImageRecord | null {
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
  return recordOf(world, action)?.provider ?? ('provider' in action ? action.provider : null);
}

/** Servers that rows stand for at a provider: nodes, subnodes, templates. */
function countRecorded({ nodes, images }: World, provider: string): number {
  const sets = nodes.filter((node) => node.provider === provider).map(({ subnodes }) => 1 + subnodes.length);
  const templates = images.filter(
    (image) => image.provider === provider && (image.state === 'building' || image.serverId !== null),
  );
  return sets.reduce((sum, size) => sum + size, 0) + templates.length;
}

/** Servers that a plan adds to the rows, by provider. */
function countAdded(actions: readonly Action[]): Map<string, number> {
  const added = new Map<string, number>();
  const add = (provider: string, count: number): void => void added.set(provider, (added.get(provider) ?? 0) + count);
  for (const action of actions) {
    if (action.kind === 'build-image') add(action.provider, 1);
    if (action.kind === 'launch-nodes')
      for (const { provider, subnodes } of action.launches) add(provider, 1 + subnodes);
  }
  return added;
}

function isBusy({ busy, now }: World, { subject }: Action): boolean {
  const state = busy.get(subject);
  return state !== undefined && (state.until === 'done' || state.until > now);
}

describe('whatever the world is like', () => {
  it('no provider gets more servers than max-servers and the cloud allow', () => {
    let launched = 0;
    always((world) => {
      const free = unhindered(world);
      for (const [name, count] of countAdded(plan(free).actions)) {
        const { servers, limits } = free.clouds.get(name)!;
        const after = countRecorded(free, name) + count;
        expect(after).toBeLessThanOrEqual(free.config.providers.get(name)!.maxServers);
        const foreign = servers.known
          ? servers.items.filter(({ tags }) => tags?.installation !== free.installation).length
          : 0;
        expect(after + foreign).toBeLessThanOrEqual(limits?.servers ?? Infinity);
        launched += count;
      }
    });
    expect(launched).toBeGreaterThan(100);
  });

  it('a held node and its servers are left alone', () => {
    let held = 0;
    always((world) => {
      const free = unhindered(world);
      const nodes = free.nodes.filter(({ state }) => state === 'hold');
      const servers = new Set(
        nodes.flatMap((node) => [node, ...node.subnodes]).map(({ serverId }) => serverId as string | null),
      );
      held += nodes.length;
      for (const action of plan(free).actions) {
        const record = recordOf(free, action);
        expect(nodes.some((node) => node === record)).toBe(false);
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
    always((world) => {
      for (const action of plan(world).actions) {
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
      'prepare-node': ['building'],
      'check-node': ['ready'],
      'retire-node': ['building', 'test', 'ready', 'used'],
      'remove-node': ['delete'],
      'setup-image': ['building'],
      'save-image': ['building'],
      'adopt-image': ['building'],
      'finish-image': ['building'],
      'retire-image': ['building', 'ready'],
      'delete-cloud-image': ['delete'],
      'remove-image': ['delete'],
      'forget-server': ['ready'],
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
    });
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

  it('--no-deletes leaves every row, server and image in place', () => {
    const deletions = /^(retire|delete|remove)-/;
    always((world) => {
      const { actions } = plan({ ...unhindered(world), switches: { launches: true, deletes: false, images: true } });
      expect(actions.filter(({ kind }) => deletions.test(kind))).toEqual([]);
    });
  });
});
