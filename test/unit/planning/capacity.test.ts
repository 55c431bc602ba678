import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import type { NodeState } from '../../../src/lifecycle/node-states.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { countCapacities, type Capacity } from '../../../src/planning/capacity.ts';
import type { CloudView, World } from '../../../src/planning/world.ts';
import type { Server } from '../../../src/providers/provider.ts';
import {
  aCloudView,
  aConfig,
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aProvider,
  aServer,
  aSubnode,
  aWorld,
  INSTALLATION,
  NOW,
  serversOf,
  tagsOf,
} from '../../support/builders.ts';

const TEN = aConfig({ providers: [aProvider({ maxServers: 10 })] });

function capacityOf(world: Partial<World>, cloud?: Partial<CloudView>): Capacity {
  const clouds = cloud ? { clouds: new Map([['cloud', aCloudView(cloud)]]) } : {};
  const capacity = countCapacities(aWorld({ config: TEN, ...world, ...clouds })).get('cloud');
  if (!capacity) throw new Error('no capacity');
  return capacity;
}

const strangers = (count: number): Server[] => Array.from({ length: count }, () => aServer());
const nodes = (count: number): NodeRecord[] => Array.from({ length: count }, () => aNode());
const limited = (servers: number, items: readonly Server[] = []): Partial<CloudView> => ({
  limits: { servers, readAt: NOW },
  servers: aListing(items),
});

describe('places under max-servers', () => {
  it('are all free without records', () => {
    expect(capacityOf({})).toEqual({
      provider: 'cloud',
      recorded: 0,
      ownerless: 0,
      foreign: 0,
      maxServers: 10,
      limit: null,
      available: 10,
    });
  });

  it.each<NodeState>(['building', 'test', 'ready', 'used', 'hold', 'delete'])(
    'are taken by a node in state %s',
    (state) => {
      expect(capacityOf({ nodes: [aNode({ state })] }).available).toBe(9);
    },
  );

  it('are taken by subnodes too', () => {
    expect(capacityOf({ nodes: [aNode({ subnodes: [aSubnode(), aSubnode({ state: 'building' })] })] }).available).toBe(
      7,
    );
  });

  it('are not taken by the nodes of another provider', () => {
    expect(capacityOf({ nodes: [aNode({ provider: 'other' })] }).available).toBe(10);
  });

  it('are none, not fewer, when there are more servers than allowed', () => {
    expect(capacityOf({ nodes: nodes(12) })).toMatchObject({ recorded: 12, available: 0 });
  });

  it('are none while the provider is drained', () => {
    const config = aConfig({ providers: [aProvider({ maxServers: -1 })] });
    expect(capacityOf({ config }).available).toBe(0);
  });

  it('are not taken by servers of others', () => {
    expect(capacityOf({}, { servers: aListing(strangers(7)) })).toMatchObject({ foreign: 7, available: 10 });
  });

  it('are counted for every provider, in the order of the configuration', () => {
    const config = aConfig({ providers: [aProvider({ name: 'b' }), aProvider({ name: 'a', maxServers: 5 })] });
    const capacities = countCapacities(aWorld({ config, nodes: [aNode({ provider: 'a' })] }));
    expect(Array.from(capacities, ([name, { available }]) => [name, available])).toEqual([
      ['b', 96],
      ['a', 4],
    ]);
  });
});

describe('template servers', () => {
  it('take a place all along the build', () => {
    expect(capacityOf({ images: [anImage({ state: 'building' })] }).available).toBe(9);
  });

  it('take a place until they have been deleted', () => {
    const withTemplate = anImage({ serverId: serverId('template') });
    expect(capacityOf({ images: [withTemplate] })).toMatchObject({ recorded: 1, ownerless: 0, available: 9 });
    expect(capacityOf({ images: [anImage()] }).available).toBe(10);
  });

  it('take a place while a failed build may still have one', () => {
    expect(capacityOf({ images: [anImage({ state: 'delete', attemptAt: NOW })] }).available).toBe(9);
    expect(capacityOf({ images: [anImage({ state: 'delete', attemptAt: null })] }).available).toBe(10);
  });
});

describe('places under the limit of the cloud', () => {
  it('are what the servers of others and ours leave', () => {
    const ours = nodes(2);
    expect(capacityOf({ nodes: ours }, limited(8, [...strangers(3), ...serversOf(...ours)]))).toMatchObject({
      recorded: 2,
      foreign: 3,
      limit: 8,
      available: 3,
    });
  });

  it('do not matter where max-servers allows less', () => {
    expect(capacityOf({}, limited(50, strangers(30))).available).toBe(10);
  });

  it('are none, not fewer, when others have taken them all', () => {
    expect(capacityOf({}, limited(5, strangers(6))).available).toBe(0);
  });

  it('are taken by a record before its server is listed', () => {
    expect(capacityOf({ nodes: [aNode({ state: 'building' })] }, limited(3)).available).toBe(2);
  });

  it('are taken by the servers of another installation of ours', () => {
    const other = aServer({ tags: { ...tagsOf('node', aNode()), installation: 'another' } });
    expect(capacityOf({}, limited(3, [other]))).toMatchObject({ foreign: 1, ownerless: 0, available: 2 });
  });

  it('are counted without the servers of others while the listing is unknown', () => {
    const cloud = { limits: { servers: 4, readAt: NOW }, servers: anUnknownListing() };
    expect(capacityOf({ nodes: nodes(1) }, cloud)).toMatchObject({ foreign: null, available: 3 });
  });

  it('are those of max-servers while the limit is unknown', () => {
    expect(capacityOf({}, { limits: null })).toMatchObject({ limit: null, available: 10 });
  });

  it('are those of max-servers where no driver runs', () => {
    expect(capacityOf({ clouds: new Map() })).toMatchObject({ foreign: null, limit: null, available: 10 });
  });
});

describe('servers with our tag and no record', () => {
  it('take places until they are swept', () => {
    const servers = serversOf(...nodes(3));
    expect(capacityOf({}, { servers: aListing(servers) })).toMatchObject({ ownerless: 3, foreign: 0, available: 7 });
  });

  it('are not those that a record knows by id', () => {
    const ours = nodes(3);
    expect(capacityOf({ nodes: ours }, { servers: aListing(serversOf(...ours)) }).ownerless).toBe(0);
  });

  it('are not those of an attempt that nobody has adopted yet', () => {
    const node = aNode({ state: 'building', attempt: 1, attemptAt: NOW });
    const server = aServer({ tags: tagsOf('node', node) });
    expect(capacityOf({ nodes: [node] }, { servers: aListing([server]) })).toMatchObject({ recorded: 1, ownerless: 0 });
  });

  it('are the doubles of a record that has its server', () => {
    const node = aNode();
    const servers = [...serversOf(node), aServer({ tags: tagsOf('node', node, 2) })];
    expect(capacityOf({ nodes: [node] }, { servers: aListing(servers) })).toMatchObject({ ownerless: 1, available: 8 });
  });

  it('are known by their tag, not by being like ours', () => {
    expect(aServer({ tags: tagsOf('node', aNode()) }).tags?.installation).toBe(INSTALLATION);
    expect(capacityOf({}, { servers: aListing([aServer()]) }).ownerless).toBe(0);
  });
});

it('counts 10000 nodes in a few milliseconds', () => {
  const config = aConfig({ providers: [aProvider({ maxServers: 20_000 })] });
  const world = aWorld({ config, nodes: nodes(10_000) });
  const times = Array.from({ length: 15 }, () => {
    const start = performance.now();
    expect(countCapacities(world).get('cloud')?.available).toBe(10_000);
    return performance.now() - start;
  });
  // The best of many: what else the machine does is no fault of the counting.
  expect(Math.min(...times)).toBeLessThan(5);
});
