import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import type { NodeState } from '../../../src/lifecycle/node-states.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { openLedgers, type Ledger } from '../../../src/planning/ledger.ts';
import type { CloudView, World } from '../../../src/planning/world.ts';
import type { CloudLimits, Server } from '../../../src/providers/provider.ts';
import {
  aCloudView,
  aConfig,
  aFlavor,
  aLabel,
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aProvider,
  aProviderImage,
  aServer,
  aSubnode,
  aWorld,
  INSTALLATION,
  limitsAt,
  NOW,
  serversOf,
  tagsOf,
  templatesOf,
} from '../../support/builders.ts';

const TEN = aConfig({ providers: [aProvider({ maxServers: 10 })] });

function ledgerOf(world: Partial<World>, cloud?: Partial<CloudView>): Ledger {
  const clouds = cloud ? { clouds: new Map([['cloud', aCloudView(cloud)]]) } : {};
  const ledger = openLedgers(aWorld({ config: TEN, ...world, ...clouds })).get('cloud');
  if (!ledger) throw new Error('no ledger');
  return ledger;
}

/** Servers that may be added. */
const freeIn = (world: Partial<World>, cloud?: Partial<CloudView>): number => ledgerOf(world, cloud).left.servers;

const strangers = (count: number): Server[] => Array.from({ length: count }, () => aServer());
const nodes = (count: number): NodeRecord[] => Array.from({ length: count }, () => aNode());
const limited = (limits: Partial<CloudLimits>, items: readonly Server[] = []): Partial<CloudView> => ({
  limits: limitsAt(NOW, limits),
  servers: aListing(items),
});

describe('places under max-servers', () => {
  it('are all free without records', () => {
    expect(ledgerOf({})).toMatchObject({
      provider: 'cloud',
      maxServers: 10,
      left: { servers: 10, cores: Infinity, ramMb: Infinity, floatingIps: Infinity },
    });
  });

  it.each<NodeState>(['building', 'test', 'ready', 'used', 'hold', 'delete'])(
    'are taken by a node in state %s',
    (state) => {
      expect(freeIn({ nodes: [aNode({ state })] })).toBe(9);
    },
  );

  it('are taken by subnodes too', () => {
    expect(freeIn({ nodes: [aNode({ subnodes: [aSubnode(), aSubnode({ state: 'building' })] })] })).toBe(7);
  });

  it('are not taken by the nodes of another provider', () => {
    expect(freeIn({ nodes: [aNode({ provider: 'other' })] })).toBe(10);
  });

  it('are fewer than none when there are more servers than allowed', () => {
    expect(freeIn({ nodes: nodes(12) })).toBe(-2);
  });

  it('are none while the provider is drained', () => {
    expect(freeIn({ config: aConfig({ providers: [aProvider({ maxServers: -1 })] }) })).toBeLessThan(1);
  });

  it('are not taken by servers of others', () => {
    expect(freeIn({}, { servers: aListing(strangers(7)) })).toBe(10);
  });

  it('are counted for every provider, in the order of the configuration', () => {
    const config = aConfig({ providers: [aProvider({ name: 'b' }), aProvider({ name: 'a', maxServers: 5 })] });
    const ledgers = openLedgers(aWorld({ config, nodes: [aNode({ provider: 'a' })] }));
    expect(Array.from(ledgers, ([name, { left }]) => [name, left.servers])).toEqual([
      ['b', 96],
      ['a', 4],
    ]);
  });
});

describe('template servers', () => {
  it('take a place all along the build', () => {
    expect(freeIn({ images: [anImage({ state: 'building' })] })).toBe(9);
  });

  it('take a place until they have been deleted', () => {
    expect(freeIn({ images: [anImage({ serverId: serverId('template') })] })).toBe(9);
    expect(freeIn({ images: [anImage()] })).toBe(10);
  });

  it('take a place while a failed build may still have one', () => {
    expect(freeIn({ images: [anImage({ state: 'delete', attemptAt: NOW })] })).toBe(9);
    expect(freeIn({ images: [anImage({ state: 'delete', attemptAt: null })] })).toBe(10);
  });
});

describe('places under the limit of the cloud', () => {
  it('are what the servers of others and ours leave', () => {
    const ours = nodes(2);
    expect(ledgerOf({ nodes: ours }, limited({ servers: 8 }, [...strangers(3), ...serversOf(...ours)]))).toMatchObject({
      limits: { servers: 8 },
      left: { servers: 3 },
    });
  });

  it('do not matter where max-servers allows less', () => {
    expect(freeIn({}, limited({ servers: 50 }, strangers(30)))).toBe(10);
  });

  it('are fewer than none when others have taken more', () => {
    expect(freeIn({}, limited({ servers: 5 }, strangers(6)))).toBe(-1);
  });

  it('are taken by a record before its server is listed', () => {
    expect(freeIn({ nodes: [aNode({ state: 'building' })] }, limited({ servers: 3 }))).toBe(2);
  });

  it('are taken by the servers of another installation of ours, which max-servers does not count', () => {
    const other = aServer({ tags: { ...tagsOf('node', aNode()), installation: 'another' } });
    expect(freeIn({}, limited({ servers: 3 }, [other]))).toBe(2);
    expect(freeIn({}, limited({ servers: null }, [other]))).toBe(10);
  });

  it('are taken by our nodes at another provider in the same project, which max-servers does not count', () => {
    const elsewhere = aNode({ provider: 'other-region' });
    const servers = serversOf(elsewhere);
    expect(freeIn({ nodes: [elsewhere] }, limited({ servers: 3 }, servers))).toBe(2);
    expect(freeIn({ nodes: [elsewhere] }, limited({ servers: null }, servers))).toBe(10);
  });

  it('are counted without the servers of others while the listing is unknown', () => {
    const cloud = { limits: limitsAt(NOW, { servers: 4 }), servers: anUnknownListing() };
    expect(freeIn({ nodes: nodes(1) }, cloud)).toBe(3);
  });

  it('are those of max-servers while the limit is unknown', () => {
    expect(ledgerOf({}, { limits: null })).toMatchObject({ limits: { servers: Infinity }, left: { servers: 10 } });
  });

  it('are those of max-servers where no driver runs', () => {
    expect(freeIn({ clouds: new Map() })).toBe(10);
  });
});

describe('cores and RAM', () => {
  const SIZES = { flavors: [aFlavor(), aFlavor({ name: 'large', cores: 8, ramMb: 16_384 })] };
  const QUOTA = { ...SIZES, cores: 40, ramMb: 65_536 };
  const sized = (cores: number, ramMb: number, overrides: Partial<Server> = {}): Server =>
    aServer({ size: { cores, ramMb }, ...overrides });

  it('are taken by a record before its server is listed, as its flavor has them', () => {
    const set = aNode({ state: 'building', subnodes: [aSubnode({ state: 'building' })] });
    expect(ledgerOf({ nodes: [set] }, limited(QUOTA)).left).toMatchObject({ cores: 32, ramMb: 49_152 });
  });

  it('are taken as the cloud shows them once it does', () => {
    const node = aNode();
    const [server] = serversOf(node);
    const shown = { ...server!, size: { cores: 5, ramMb: 9000 } };
    expect(ledgerOf({ nodes: [node] }, limited(QUOTA, [shown])).left).toMatchObject({ cores: 35, ramMb: 56_536 });
    expect(ledgerOf({ nodes: [node] }, limited(QUOTA, [server!])).left).toMatchObject({ cores: 36, ramMb: 57_344 });
  });

  it('are taken by a server that nobody has adopted yet, once', () => {
    const node = aNode({ state: 'building', attempt: 1, attemptAt: NOW });
    const server = sized(6, 9000, { tags: tagsOf('node', node) });
    expect(ledgerOf({ nodes: [node] }, limited(QUOTA, [server])).left).toMatchObject({ cores: 34, ramMb: 56_536 });
  });

  it('are taken by servers of others and by those without an owner', () => {
    const lost = sized(1, 1000, { tags: tagsOf('node', aNode()) });
    const elsewhere = aNode({ provider: 'other-region' });
    const servers = [sized(2, 2000), lost, ...serversOf(elsewhere).map((server) => ({ ...server, ...sized(4, 4000) }))];
    const { left } = ledgerOf({ nodes: [elsewhere] }, limited(QUOTA, servers));
    expect(left).toMatchObject({ cores: 33, ramMb: 65_536 - 7000 });
  });

  it('are taken by template servers, by what their image asks for', () => {
    const images = new Map([['ubuntu', aProviderImage({ minRamMb: 9000, nameFilter: 'large' })]]);
    const config = aConfig({ providers: [aProvider({ images })] });
    const building = anImage({ state: 'building' });
    expect(ledgerOf({ config, images: [building] }, limited(QUOTA)).left.cores).toBe(32);
    const booted = anImage({ state: 'building', serverId: serverId('template'), attempt: 1 });
    const shown = templatesOf(booted).map((server) => ({ ...server, size: { cores: 7, ramMb: 7000 } }));
    expect(ledgerOf({ config, images: [booted] }, limited(QUOTA, shown)).left.cores).toBe(33);
  });

  it('may be fewer than none', () => {
    expect(ledgerOf({}, limited(QUOTA, [sized(50, 1000)])).left.cores).toBe(-10);
  });

  it('are not limited as far as the cloud does not say so', () => {
    expect(ledgerOf({}, limited({ ...QUOTA, ramMb: null })).left).toMatchObject({ cores: 40, ramMb: Infinity });
  });

  it('are not counted where nobody knows what a server would take', () => {
    const { left } = ledgerOf({}, limited({ ...QUOTA, flavors: [] }, [sized(39, 60_000)]));
    expect(left).toMatchObject({ cores: Infinity, ramMb: Infinity });
  });

  it('are not taken for records that no server can come of', () => {
    const labels = [aLabel(), aLabel({ name: 'huge', image: 'huge' })];
    const images = new Map([
      ['ubuntu', aProviderImage()],
      ['huge', aProviderImage({ name: 'huge', minRamMb: 1e6 })],
    ]);
    const config = aConfig({ labels, providers: [aProvider({ images })] });
    const gone = [aNode({ state: 'building', label: 'huge' }), aNode({ state: 'building', label: 'removed' })];
    const ledger = ledgerOf({ config, nodes: gone }, limited(QUOTA));
    expect(ledger.left).toMatchObject({ servers: 94, cores: 40 });
    expect([ledger.costs.get('ubuntu')?.cores, ledger.costs.get('huge')]).toEqual([4, null]);
  });
});

describe('floating IPs', () => {
  it('are taken by every server of ours, and not by those of others, which the limit leaves out', () => {
    const ours = aNode({ subnodes: [aSubnode()] });
    const lost = aServer({ tags: tagsOf('node', aNode()) });
    const elsewhere = aNode({ provider: 'other-region' });
    const servers = [...serversOf(ours, elsewhere), lost, ...strangers(3)];
    const { left } = ledgerOf({ nodes: [ours, elsewhere] }, limited({ floatingIps: 10 }, servers));
    expect(left.floatingIps).toBe(6);
  });
});

describe('servers with our tag and no record', () => {
  it('take places until they are swept', () => {
    const servers = serversOf(...nodes(3));
    expect(freeIn({}, { servers: aListing(servers) })).toBe(7);
  });

  it('are not those that a record knows by id', () => {
    const ours = nodes(3);
    expect(freeIn({ nodes: ours }, { servers: aListing(serversOf(...ours)) })).toBe(7);
  });

  it('are not those of an attempt that nobody has adopted yet, unless there are two', () => {
    const node = aNode({ state: 'building', attempt: 1, attemptAt: NOW });
    const first = aServer({ tags: tagsOf('node', node) });
    const second = aServer({ tags: tagsOf('node', node) });
    expect(freeIn({ nodes: [node] }, { servers: aListing([first]) })).toBe(9);
    expect(freeIn({ nodes: [node] }, { servers: aListing([first, second]) })).toBe(8);
  });

  it('are the doubles of a record that has its server', () => {
    const node = aNode();
    const servers = [...serversOf(node), aServer({ tags: tagsOf('node', node, 2) })];
    expect(freeIn({ nodes: [node] }, { servers: aListing(servers) })).toBe(8);
  });

  it('are known by their tag, not by being like ours', () => {
    expect(aServer({ tags: tagsOf('node', aNode()) }).tags?.installation).toBe(INSTALLATION);
    expect(freeIn({}, { servers: aListing([aServer()]) })).toBe(10);
  });
});

it('looks at each of 10000 nodes a few times, not once for each other', () => {
  let looks = 0;
  const get = (node: NodeRecord, key: string | symbol): unknown => ((looks += 1), Reflect.get(node, key));
  const watched = nodes(10_000).map((node) => new Proxy(node, { get }));
  const config = aConfig({ providers: [aProvider({ maxServers: 20_000 })] });
  expect(openLedgers(aWorld({ config, nodes: watched })).get('cloud')?.left.servers).toBe(10_000);
  // It reads sixteen values of each.
  expect(looks / 10_000).toBeLessThanOrEqual(20);
});
