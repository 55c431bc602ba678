import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import type { NodeState } from '../../../src/lifecycle/node-states.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import type { World } from '../../../src/planning/world.ts';
import type { CloudImage, Server } from '../../../src/providers/provider.ts';
import {
  aConfig,
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aServer,
  aSubnode,
  cloudImagesOf,
  NOW,
  serversOf,
  tagsOf,
} from '../../support/builders.ts';
import { ago, IMAGE, later, minutes, orders, restOf, situation, type Situation } from '../../support/planned.ts';

const LOST = { id: 77, createdAt: ago(minutes(5)) };
const ownerless = aServer({ id: serverId('lost'), tags: tagsOf('node', LOST) });
const SWEEP = ['delete-leaked-server leak:cloud/lost: leaked'];

/** The world when a second listing shows the same servers. */
function shownTwice(servers: readonly Server[], overrides: Situation = {}): World {
  const { cloud, ...rest } = overrides;
  return later(situation({ ...rest, cloud: { ...cloud, servers: aListing(servers) } }));
}

describe('a server with our tag and no row', () => {
  it('is deleted when a second listing shows it, not before', () => {
    const world = situation({ cloud: { servers: aListing([ownerless]) } });
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders(later(world))).toEqual(SWEEP);
  });

  it('is not deleted by looking at one listing twice: another is asked for', () => {
    const world = situation({ cloud: { servers: aListing([ownerless]) } });
    const { clouds } = world;
    expect(orders(later(world, { ms: 500, clouds }))).toEqual([]);
    expect(orders(later(world, { ms: 1000, clouds }))).toEqual(['list-servers servers:cloud: listing-needed']);
  });

  it('begins anew when a listing did not show it in between', () => {
    const world = situation({ cloud: { servers: aListing([ownerless]) } });
    const without = later(world, { servers: [] });
    const again = later(without, { servers: [ownerless] });
    expect([orders(without), orders(again), orders(later(again))]).toEqual([[], [], SWEEP]);
  });

  it('is looked for until it is gone', () => {
    const twice = shownTwice([ownerless]);
    const busy: World['busy'] = new Map([['leak:cloud/lost', { until: 'done' }]]);
    expect([orders({ ...twice, busy }), restOf({ ...twice, busy })]).toEqual([[], 1000]);
    expect(orders(later(twice, { servers: [] }))).toEqual([]);
  });

  it('that stays is looked after ever more rarely', () => {
    const busy: World['busy'] = new Map([['leak:cloud/lost', { until: 'done' }]]);
    const world = situation({ cloud: { servers: aListing([ownerless]) } });
    expect(restOf({ ...later(world, { ms: minutes(4) }), busy })).toBe(4001);
  });

  it('is left alone while the cloud deletes it', () => {
    expect(orders(shownTwice([{ ...ownerless, status: 'deleting' }]))).toEqual([]);
  });

  it('is left alone with --no-deletes, and to the daemon that holds the provider', () => {
    expect(orders(shownTwice([ownerless], { switches: { launches: true, deletes: false, images: true } }))).toEqual([]);
    expect(orders(shownTwice([ownerless], { leases: new Set(['supply']) }))).toEqual([]);
  });

  it('is swept where its provider left the configuration but can still be reached', () => {
    const config = aConfig({ labels: [], providers: [] });
    const { clouds } = situation({ images: [], cloud: { servers: aListing([ownerless]) } });
    const world = situation({ config, images: [], clouds, leases: new Set(['provider:cloud']) });
    expect(orders(later(world))).toEqual(SWEEP);
  });

  it('had a row that was deleted by hand: its id in a new row does not make it that row’s', () => {
    const reused = aNode({ id: LOST.id, state: 'used' });
    expect(orders(shownTwice([...serversOf(reused), ownerless], { nodes: [reused] }))).toEqual(SWEEP);
  });
});

describe('a server that is not ours to sweep', () => {
  it.each<[string, Server]>([
    ['without a tag', aServer()],
    ['of another installation', aServer({ tags: { ...tagsOf('node', LOST), installation: 'other' } })],
    [
      'of another installation with the key of one of our rows',
      aServer({ tags: { ...tagsOf('image', IMAGE), installation: 'other' } }),
    ],
  ])('is one %s', (_, server) => {
    expect(orders(shownTwice([server]))).toEqual([]);
  });

  it.each<NodeState>(['building', 'test', 'ready', 'used', 'hold', 'delete'])(
    'is that of a row in state %s',
    (state) => {
      const node = aNode({ state, serverId: serverId('own'), attempt: 1, subnodes: [aSubnode()], reachableAt: ago(1) });
      expect(orders(shownTwice(serversOf(node), { nodes: [node] })).filter((order) => order.includes('leak'))).toEqual(
        [],
      );
    },
  );

  it('is one that a row may still adopt', () => {
    const adopting = aNode({ id: 1, state: 'building', attempt: 1, attemptAt: ago(5000) });
    const server = aServer({ id: serverId('new'), tags: tagsOf('node', adopting) });
    expect(orders(shownTwice([server], { nodes: [adopting] }))).toEqual(['adopt-server node:1: adopt (new)']);
  });

  it('is the template of a build', () => {
    const image = anImage({
      id: 2,
      state: 'building',
      serverId: serverId('template'),
      attempt: 1,
      attemptAt: ago(5000),
      reachableAt: ago(1),
    });
    const server = aServer({ id: serverId('template'), tags: tagsOf('image', image) });
    expect(orders(shownTwice([server], { images: [IMAGE, image] }))).toEqual(['setup-image image:2: next-step']);
  });
});

describe('a double', () => {
  const sweepDouble = ['delete-leaked-server leak:cloud/double: leaked'];
  const withDouble = (node: NodeRecord): World => {
    const double = aServer({ id: serverId('double'), tags: tagsOf('node', node, 2) });
    return shownTwice([...serversOf(node), double], { nodes: [node] });
  };

  it.each<NodeState>(['ready', 'used', 'hold'])('of a node in state %s is swept', (state) => {
    expect(orders(withDouble(aNode({ state })))).toEqual(sweepDouble);
  });

  it('of a node that is deleted goes with it', () => {
    const node = aNode({ id: 1, state: 'delete' });
    expect(orders(withDouble(node))).toEqual(['delete-server node:1: deleted (node-server-1, double)']);
  });

  it('is what shows up after an attempt that was answered with a refusal', () => {
    const node = aNode({ id: 1, state: 'building', attempt: 1, attemptAt: null });
    const server = aServer({ id: serverId('double'), tags: tagsOf('node', node) });
    expect(orders(shownTwice([server], { nodes: [node] }))).toEqual([
      'create-server node:1: next-step (attempt 2)',
      ...sweepDouble,
    ]);
  });
});

describe('an image with our tag and no row', () => {
  const lost: CloudImage = {
    id: cloudImageId('lost'),
    name: 'x',
    status: 'active',
    tags: tagsOf('image', LOST),
    isSnapshot: true,
    bytes: null,
    digest: null,
  };
  const shown = (images: readonly CloudImage[], overrides: Situation = {}): World =>
    situation({ ...overrides, cloud: { images: aListing([...cloudImagesOf(IMAGE), ...images]) } });

  it('is deleted when a second listing shows it, not before', () => {
    const world = shown([lost]);
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders(later(world))).toEqual(['delete-leaked-image leak:cloud/lost: leaked']);
  });

  it('is left alone while the cloud deletes it, or when it is another installation’s', () => {
    const foreign = { ...lost, tags: { ...lost.tags!, installation: 'other' } };
    expect(orders(later(shown([{ ...lost, status: 'deleting' }, foreign, { ...lost, tags: null }])))).toEqual([]);
  });

  it('is none that a save call may have made', () => {
    const image = anImage({
      id: 2,
      state: 'building',
      serverId: serverId('template'),
      attempt: 1,
      attemptAt: ago(9000),
      reachableAt: ago(8000),
      setupAt: ago(7000),
      setupDoneAt: ago(6000),
      saveAt: ago(5000),
      cloudImageId: null,
    });
    const saved = { ...lost, id: cloudImageId('saved'), tags: tagsOf('image', image) };
    expect(orders(later(shown([saved], { images: [IMAGE, image] })))).toEqual(['adopt-image image:2: adopt (saved)']);
  });

  it('is a double of one that a row knows', () => {
    const double = { ...lost, id: cloudImageId('double'), tags: tagsOf('image', IMAGE) };
    expect(orders(later(shown([double])))).toEqual(['delete-leaked-image leak:cloud/double: leaked']);
  });
});

describe('the sweep', () => {
  it('does nothing while the cloud is unknown, and begins anew after that', () => {
    const world = situation({ cloud: { servers: aListing([ownerless]) } });
    const unknown = situation({ now: NOW + 1000, cloud: { servers: anUnknownListing(null, NOW + 2000) } });
    const blind = { ...unknown, memory: later(world).memory };
    const back = later(blind, { clouds: later(world, { ms: 2000 }).clouds });
    expect([orders(blind), orders(back)]).toEqual([[], []]);
  });
});
