import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import type { NodeState } from '../../../src/lifecycle/node-states.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import type { World } from '../../../src/planning/world.ts';
import type { Accessory, Server } from '../../../src/providers/provider.ts';
import {
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aServer,
  aSubnode,
  cloudImagesOf,
  INSTALLATION,
  NOW,
  serversOf,
  tagsOf,
} from '../../support/builders.ts';
import { ago, IMAGE, later, minutes, orders, restOf, situation, type Situation } from '../../support/planned.ts';

const LOST = { id: 77, createdAt: ago(minutes(5)) };
const SERVER = serverId('its-server');

const keypair = (tags: Accessory['tags'] = tagsOf('image', LOST)): Accessory => ({
  kind: 'keypair',
  id: 'k',
  name: 'nodepool-k',
  serverId: null,
  tags,
});
const floatingIp = (overrides: Partial<Accessory> = {}): Accessory => ({
  kind: 'floating-ip',
  id: 'f',
  name: '198.51.100.7',
  serverId: null,
  tags: tagsOf('node', LOST),
  ...overrides,
});
const port = (overrides: Partial<Accessory> = {}): Accessory => ({
  ...floatingIp({ serverId: SERVER, ...overrides }),
  kind: 'port',
  id: 'p',
  name: '10.0.0.7',
});

/** A world whose listing of accessories shows these, and that of servers, taken a moment later, those of the rows. */
function shown(accessories: readonly Accessory[], { cloud, ...rest }: Situation = {}): World {
  const world = situation({ ...rest, cloud: { accessories: aListing(accessories, NOW - 1), ...cloud } });
  return world;
}

/** What is deleted when a second listing shows the same. */
function swept(world: World): string[] {
  const next = later(world);
  const clouds = [...next.clouds].map(([name, view]) => {
    const { accessories } = view;
    return [
      name,
      { ...view, accessories: accessories.known ? aListing(accessories.items, accessories.takenAt - 1) : accessories },
    ] as const;
  });
  return orders({ ...next, clouds: new Map(clouds) }).filter((order) => order.startsWith('delete-accessory'));
}

const building = (overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({ id: 1, state: 'building', serverId: SERVER, attempt: 1, attemptAt: ago(5000), ...overrides });

describe('a key pair with our mark', () => {
  it('of no row is deleted when a second listing shows it, not before', () => {
    const world = shown([keypair()]);
    expect(orders(world)).toEqual([]);
    expect(swept(world)).toEqual(['delete-accessory leak:cloud/k: leaked (keypair, image-77-' + keyEnd() + ')']);
  });

  it('is not deleted by looking at one listing twice', () => {
    const world = shown([keypair()]);
    const { clouds } = world;
    expect(orders(later(world, { ms: 500, clouds }))).toEqual([]);
  });

  it('makes the second listing come at the next poll, not at the next clean-up', () => {
    const cron = { lookedAt: NOW, firedAt: { imageUpdate: null, cleanup: ago(1000), check: null } };
    const world = shown([keypair()], { memory: { ...EMPTY_MEMORY, cron } });
    const { clouds } = world;
    expect(restOf(world)).toBe(999);
    expect(orders(later(world, { ms: 999, clouds }))).toEqual(['list-accessories accessories:cloud: listing-needed']);
    expect(restOf(shown([], { memory: { ...EMPTY_MEMORY, cron } }))).toBeGreaterThan(10_000);
  });

  it('begins anew when a listing did not show it in between', () => {
    const without = later(shown([keypair()]), { accessories: [] });
    expect(orders(later(without, { accessories: [keypair()] }))).toEqual([]);
  });

  it('is kept as long as its image is BUILDING or has a template server, and no longer', () => {
    const sweptIn = (state: 'building' | 'ready' | 'delete', server: typeof SERVER | null): number => {
      const image = anImage({ id: 2, state, attempt: 1, attemptAt: server && ago(5000), serverId: server });
      const template = aServer({ id: SERVER, tags: tagsOf('image', image), status: 'building', ip: null });
      const servers = aListing(server === null ? [] : [template]);
      const cloud = { servers, images: aListing(cloudImagesOf(IMAGE, image)) };
      const orders = swept(shown([keypair(tagsOf('image', image))], { images: [IMAGE, image], cloud }));
      return orders.filter((order) => order.includes('keypair')).length;
    };
    expect([sweptIn('building', null), sweptIn('ready', SERVER), sweptIn('delete', SERVER)]).toEqual([0, 0, 0]);
    expect([sweptIn('ready', null), sweptIn('delete', null)]).toEqual([1, 1]);
  });
});

describe('a floating IP with our mark', () => {
  it('that is in use by nobody is deleted', () => {
    expect(swept(shown([floatingIp()]))).toHaveLength(1);
  });

  it('that was made for a server which is gone is deleted', () => {
    expect(swept(shown([floatingIp({ serverId: SERVER })]))).toHaveLength(1);
  });

  it('of a server that is there is kept, whoever owns it', () => {
    const servers = aListing([aServer({ id: SERVER })]);
    expect(swept(shown([floatingIp({ serverId: SERVER })], { cloud: { servers } }))).toEqual([]);
  });

  it('of a node that is launched is kept: it may be about to be attached', () => {
    const subnode = aSubnode({ id: 5, state: 'building', attempt: 1, attemptAt: ago(5000) });
    const node = building({ subnodes: [subnode] });
    const servers = aListing([...serversOf(node)]);
    const accessories = [
      floatingIp({ tags: tagsOf('node', node) }),
      floatingIp({ id: 'g', tags: tagsOf('subnode', subnode) }),
    ];
    expect(swept(shown(accessories, { nodes: [node], cloud: { servers } }))).toEqual([]);
  });

  it.each<NodeState>(['ready', 'used', 'hold', 'delete'])('that a node in state %s has lost is deleted', (state) => {
    const node = aNode({ id: 1, state });
    expect(swept(shown([floatingIp({ tags: tagsOf('node', node) })], { nodes: [node] }))).toHaveLength(1);
  });

  it('is judged by servers that were listed later: one that was made in between may have it', () => {
    const twice = later(shown([floatingIp({ serverId: SERVER })]));
    expect([orders(twice), restOf(twice)]).toEqual([[], 1000]);
    expect(orders({ ...twice, now: twice.now + 1000 })).toContain('list-servers servers:cloud: listing-needed');
  });
});

describe('a port with our mark', () => {
  it('of a server that is gone, as its row is, is deleted', () => {
    expect(swept(shown([port()]))).toEqual(['delete-accessory leak:cloud/p: leaked (port, node-77-' + keyEnd() + ')']);
  });

  it('is kept as long as there is the row, in whatever state', () => {
    const node = aNode({ id: 1, state: 'delete', serverId: SERVER });
    expect(
      swept(shown([port({ tags: tagsOf('node', node) })], { nodes: [node], cloud: { servers: aListing<Server>() } })),
    ).toEqual([]);
  });

  it('is kept as long as its server is listed', () => {
    expect(swept(shown([port()], { cloud: { servers: aListing([aServer({ id: SERVER })]) } }))).toEqual([]);
  });
});

describe('what belongs to servers', () => {
  it('is left alone without our mark', () => {
    const foreign = { ...tagsOf('node', LOST), installation: `not ${INSTALLATION}` };
    const others = [keypair(null), keypair(foreign), floatingIp({ tags: null }), port({ tags: foreign })];
    expect(swept(shown(others))).toEqual([]);
  });

  it('is left alone while the servers of the cloud are unknown', () => {
    const servers = anUnknownListing(null, NOW + minutes(9));
    expect(swept(shown([floatingIp({ serverId: SERVER }), port()], { cloud: { servers } }))).toEqual([]);
  });

  it('is left alone with --no-deletes, and to the daemon that holds the provider', () => {
    expect(swept(shown([keypair()], { switches: { launches: true, deletes: false, images: true } }))).toEqual([]);
    expect(swept(shown([keypair()], { leases: new Set(['supply']) }))).toEqual([]);
  });
});

function keyEnd(): string {
  return LOST.createdAt.toString(36);
}
