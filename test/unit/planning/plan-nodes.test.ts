import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import { serverId } from '../../../src/lib/ids.ts';
import { NODE_STATE_LIMIT_MS, TEST_LIMIT_MS } from '../../../src/lifecycle/limits.ts';
import type { NodeState } from '../../../src/lifecycle/node-states.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { Busy, Subject, World } from '../../../src/planning/world.ts';
import type { Server } from '../../../src/providers/provider.ts';
import {
  aCloudView,
  aConfig,
  aLabel,
  aListing,
  aNode,
  anUnknownListing,
  aProvider,
  aServer,
  aSubnode,
  aTarget,
  aTraits,
  imagesNamed,
  NOW,
  serversOf,
  tagsOf,
} from '../../support/builders.ts';
import {
  ago,
  IMAGE,
  later,
  minutes,
  orders,
  ordersIn,
  QUIET_CONFIG,
  restOf,
  situation,
} from '../../support/planned.ts';

const STATES: readonly NodeState[] = ['building', 'test', 'ready', 'used', 'hold', 'delete'];
const busyWith = (...subjects: readonly Subject[]): Map<Subject, Busy> =>
  new Map(subjects.map((subject) => [subject, { until: 'done' }]));

/** A node whose server the cloud has accepted five seconds ago. */
const launching = (overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({ id: 1, state: 'building', serverId: serverId('s-1'), attempt: 1, attemptAt: ago(5000), ...overrides });
/** A node that answers SSH. */
const reachable = (overrides: Partial<NodeRecord> = {}): NodeRecord =>
  launching({ reachableAt: ago(1000), ip: '203.0.113.1', ...overrides });
const listedAs = (node: NodeRecord, overrides: Partial<Server>): Server => ({ ...serversOf(node)[0]!, ...overrides });

describe('a node that is launched', () => {
  it('gets its servers at once, those of its subnodes too', () => {
    const node = aNode({
      id: 1,
      state: 'building',
      subnodes: [aSubnode({ id: 5, state: 'building' }), aSubnode({ id: 6, state: 'building' })],
    });
    expect(ordersIn({ nodes: [node] })).toEqual([
      'create-server node:1: next-step (attempt 1)',
      'create-server subnode:5: next-step (attempt 1)',
      'create-server subnode:6: next-step (attempt 1)',
    ]);
  });

  it('gets no server while the state of the cloud is unknown', () => {
    const cloud = { servers: anUnknownListing() };
    expect(ordersIn({ nodes: [aNode({ state: 'building' })], cloud })).toEqual([
      'list-servers servers:cloud: listing-needed',
    ]);
  });

  it('gets no server from a daemon that does not hold the provider', () => {
    expect(ordersIn({ nodes: [aNode({ state: 'building' })], leases: new Set(['supply']) })).toEqual([]);
  });

  it('waits for its server to boot, and looks again when the cloud may be listed again', () => {
    const node = launching();
    const world = situation({
      nodes: [node],
      cloud: { servers: aListing([listedAs(node, { status: 'building', ip: null })]) },
    });
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders({ ...world, now: NOW + 1000 })).toEqual(['list-servers servers:cloud: listing-needed']);
  });

  it('is looked at when launch-timeout has passed, although the cloud is not listed by then', () => {
    const node = launching({ attemptAt: ago(minutes(60) - 700) });
    const world = situation({ nodes: [node], cloud: { servers: anUnknownListing(null, NOW + 5000) } });
    expect([orders(world), restOf(world)]).toEqual([[], 701]);
    expect(orders({ ...world, now: NOW + 701 })).toEqual([
      'retire-node node:1: launch-timeout (the state of the cloud is unknown, counts)',
    ]);
  });

  it('is listed at a leisurely pace while its server boots, and at once when something hints at news', () => {
    const node = launching();
    const listed = [listedAs(node, { status: 'building', ip: null })];
    const traits = aTraits({ listIntervalMs: 1000, pollIntervalMs: 5000 });
    const world = (hintedAt: number): World =>
      situation({ nodes: [node], cloud: { servers: aListing(listed), traits, hintedAt } });
    expect([restOf(world(0)), restOf(world(NOW + 1))]).toEqual([5000, 1000]);
  });

  it('is knocked at when its server has an address before it is ACTIVE, beside the wait for a listing', () => {
    const node = launching();
    const cloud = { servers: aListing([listedAs(node, { status: 'building', ip: '203.0.113.7' })]) };
    const world = situation({ nodes: [node], cloud });
    expect([orders(world), restOf(world)]).toEqual([['knock-server node:1: next-step (203.0.113.7)'], 1000]);
  });

  it('gets a floating IP when its server needs one, beside the wait for the listing that shows it', () => {
    const node = launching();
    const cloud = { servers: aListing([listedAs(node, { ip: null, wantsFloatingIp: true })]) };
    const world = situation({ nodes: [node], cloud });
    expect([orders(world), restOf(world)]).toEqual([['attach-floating-ip node:1: next-step (s-1)'], 1000]);
  });

  it('is asked over SSH when its server has an address', () => {
    const node = launching();
    const cloud = { servers: aListing([listedAs(node, { ip: '203.0.113.7' })]) };
    expect(ordersIn({ nodes: [node], cloud })).toEqual(['probe-server node:1: next-step (203.0.113.7)']);
  });

  it('adopts the server of an attempt that was not answered', () => {
    const node = launching({ serverId: null });
    const cloud = { servers: aListing([aServer({ id: serverId('found'), tags: tagsOf('node', node) })]) };
    expect(ordersIn({ nodes: [node], cloud })).toEqual(['adopt-server node:1: adopt (found)']);
  });

  it('is judged by its own server, not by doubles that carry its tag', () => {
    const node = launching();
    const double = aServer({ id: serverId('double'), status: 'error', tags: tagsOf('node', node) });
    const own = listedAs(node, { ip: '203.0.113.7' });
    expect(ordersIn({ nodes: [node], cloud: { servers: aListing([double, own]) } })).toEqual([
      'probe-server node:1: next-step (203.0.113.7)',
    ]);
    expect(ordersIn({ nodes: [node], cloud: { servers: aListing([{ ...double, status: 'active' }]) } })).toEqual([]);
  });

  it('is prepared when it answers', () => {
    expect(ordersIn({ nodes: [reachable()] })).toEqual(['prepare-node node:1: next-step']);
  });

  it('is prepared when all its subnodes answer, and not before', () => {
    const up = aSubnode({ id: 5 });
    const booting = aSubnode({
      id: 6,
      state: 'building',
      serverId: serverId('s-6'),
      attempt: 1,
      attemptAt: ago(5000),
      ip: '203.0.113.6',
    });
    expect(ordersIn({ nodes: [reachable({ subnodes: [up, booting] })] })).toEqual([
      'probe-server subnode:6: next-step (203.0.113.6)',
    ]);
    expect(ordersIn({ nodes: [reachable({ subnodes: [up, aSubnode({ id: 6 })] })] })).toEqual([
      'prepare-node node:1: next-step',
    ]);
  });

  it('fails when its ready script was cut off, and not while the script runs', () => {
    const node = reachable({ scriptAt: ago(500) });
    expect(ordersIn({ nodes: [node] })).toEqual(['retire-node node:1: script-interrupted']);
    expect(ordersIn({ nodes: [node], busy: busyWith('node:1') })).toEqual([]);
  });

  it('fails when its provider has the image no more', () => {
    const config = aConfig({
      labels: [aLabel({ minReady: 0, providers: [] })],
      providers: [aProvider({ images: imagesNamed('other') })],
    });
    expect(ordersIn({ config, images: [], nodes: [launching()] })).toEqual(['retire-node node:1: image-removed']);
  });
});

describe('a launch that fails', () => {
  const inError = (node: NodeRecord) => ({
    servers: aListing([listedAs(node, { status: 'error', fault: 'No valid host.' })]),
  });

  it('is retired with the words of the cloud, and counts against its place', () => {
    const node = launching();
    expect(ordersIn({ nodes: [node], cloud: inError(node) })).toEqual([
      'retire-node node:1: server-error (No valid host., counts)',
    ]);
  });

  it('counts when its server vanished, so that a cloud that loses servers is not asked for more at once', () => {
    const world = situation({ nodes: [launching()], cloud: { servers: aListing([]) } });
    expect(orders(later(world))).toEqual(['retire-node node:1: server-gone (counts)']);
  });

  it('names the server whose console may tell why, of the subnode that failed too', () => {
    const consoleOf = (node: NodeRecord, servers: readonly Server[]): unknown =>
      plan(situation({ nodes: [node], cloud: { servers: aListing(servers) } })).actions.map((action) =>
        action.kind === 'retire-node' ? action.consoleOf : null,
      );
    const node = launching();
    expect(consoleOf(node, [listedAs(node, { status: 'error' })])).toEqual(['s-1']);
    expect(consoleOf(node, [listedAs(node, { status: 'deleting' })])).toEqual([null]);
    const subnode = aSubnode({ id: 5, state: 'building', serverId: serverId('s-5'), attempt: 1, attemptAt: ago(5000) });
    const set = launching({ subnodes: [subnode] });
    const failed = aServer({ id: serverId('s-5'), status: 'error' });
    expect(consoleOf(set, [listedAs(set, {}), failed])).toEqual(['s-5']);
  });

  it('takes the whole set along: nothing is done for the others any more', () => {
    const subnodes = [5, 6].map((id) => aSubnode({ id, state: 'building', attempt: 1 }));
    const failed = { ...subnodes[0]!, serverId: serverId('s-5'), attemptAt: ago(5000) };
    const set = aNode({ id: 1, state: 'building', subnodes: [failed, subnodes[1]!] });
    const servers = aListing([aServer({ id: serverId('s-5'), status: 'error' })]);
    expect(ordersIn({ nodes: [set], cloud: { servers } })).toEqual([
      'retire-node node:1: subnode-failed (subnode:5: server-error, counts)',
    ]);
  });

  it('is retired as soon as its own step has ended, whatever that did', () => {
    const subnode = aSubnode({
      id: 5,
      state: 'building',
      serverId: serverId('s-5'),
      attempt: 1,
      attemptAt: ago(5000),
      ip: null,
    });
    const node = launching({ ip: '203.0.113.1', activeAt: ago(1000), subnodes: [subnode] });
    const servers = aListing([...serversOf(node).slice(0, 1), aServer({ id: serverId('s-5'), status: 'error' })]);
    const resting = situation({
      nodes: [node],
      cloud: { servers },
      busy: new Map([['node:1', { until: NOW + 1000 }]]),
    });
    expect([orders(resting), restOf(resting)]).toEqual([[], 1000]);
    expect(orders({ ...resting, now: NOW + 1000 })).toEqual([
      'retire-node node:1: subnode-failed (subnode:5: server-error, counts)',
    ]);
  });

  it('counts once for all that fail together at one place', () => {
    const nodes = [1, 2, 3].map((id) => launching({ id, serverId: serverId(`s-${id}`), az: id === 3 ? 'b' : 'a' }));
    const servers = aListing(nodes.map((node) => listedAs(node, { status: 'error' })));
    expect(ordersIn({ nodes, cloud: { servers } })).toEqual([
      'retire-node node:1: server-error (counts)',
      'retire-node node:2: server-error',
      'retire-node node:3: server-error (counts)',
    ]);
  });

  it('does not count while its place rests after earlier failures', () => {
    const node = launching();
    const failure = {
      kind: 'launch',
      provider: 'cloud',
      image: 'ubuntu',
      az: null,
      count: 4,
      lastAt: NOW,
      lastError: 'x',
    } as const;
    const world = { nodes: [node], cloud: inError(node) };
    expect(ordersIn({ ...world, failures: [{ ...failure, retryAt: NOW + 1 }] })).toEqual([
      'retire-node node:1: server-error (No valid host.)',
    ]);
    expect(ordersIn({ ...world, failures: [{ ...failure, retryAt: NOW }] })).toEqual([
      'retire-node node:1: server-error (No valid host., counts)',
    ]);
  });
});

describe('the time limit of a state', () => {
  const LIMITS: readonly [NodeState, number][] = [
    ['building', NODE_STATE_LIMIT_MS],
    ['used', NODE_STATE_LIMIT_MS],
    ['test', TEST_LIMIT_MS],
  ];

  it.each(LIMITS)('ends a node in %s', (state, limit) => {
    const node = aNode({ id: 1, state, stateAt: ago(limit + 1001) });
    expect(ordersIn({ nodes: [node] })).toEqual(['retire-node node:1: state-timeout']);
  });

  it.each(LIMITS)('leaves a node in %s alone before, and wakes when it passes', (state, limit) => {
    const world = situation({ nodes: [aNode({ id: 1, state, stateAt: ago(limit + 1000) })] });
    expect(orders(world)).not.toContain('retire-node node:1: state-timeout');
    expect(restOf(world)).toBe(1);
  });

  it('does not exist for a ready or a held node', () => {
    const nodes = (['ready', 'hold'] as const).map((state) =>
      aNode({ state, stateAt: ago(100 * NODE_STATE_LIMIT_MS) }),
    );
    expect(ordersIn({ nodes })).toEqual([]);
  });
});

describe('a node whose configuration has left', () => {
  const DEPARTURES: readonly [string, string, Config][] = [
    ['label', 'label-removed', aConfig({ labels: [aLabel({ name: 'other', minReady: 0 })] })],
    ['target', 'target-removed', aConfig({ labels: [aLabel({ minReady: 0 })], targets: [aTarget({ name: 'other' })] })],
    ['provider', 'provider-removed', aConfig({ labels: [aLabel({ minReady: 0, providers: ['else'] })] })],
  ];
  /** The cloud of a removed provider is still there. */
  const clouds = new Map(['cloud', 'else'].map((name) => [name, aCloudView()]));
  const leases = new Set(['supply', 'provider:cloud']);

  it.each(DEPARTURES)('by its %s is retired, unless work runs on it or an operator holds it', (_, reason, config) => {
    const nodes = STATES.map((state, index) => aNode({ id: index + 1, state }));
    const { servers } = situation({ nodes }).clouds.get('cloud')!;
    const world = situation({
      config,
      nodes,
      images: [],
      leases,
      clouds: new Map([...clouds, ['cloud', aCloudView({ servers })]]),
    });
    expect(orders(world).filter((order) => order.startsWith('retire-node'))).toEqual([
      `retire-node node:1: ${reason}`,
      `retire-node node:2: ${reason}`,
      `retire-node node:3: ${reason}`,
    ]);
  });

  it('is left alone with --no-deletes', () => {
    const [, , config] = DEPARTURES[0]!;
    expect(ordersIn({ config, nodes: [aNode()], switches: { launches: true, deletes: false, images: true } })).toEqual(
      [],
    );
  });

  it('and whose provider no daemon can reach is retired, then dropped, by the one that holds the supply', () => {
    const [, , config] = DEPARTURES[2]!;
    const ready = aNode({ id: 1 });
    const doomed = aNode({ id: 2, state: 'delete', subnodes: [aSubnode({ id: 5 })] });
    const gone: Partial<World> = { config, images: [], nodes: [ready, doomed, aNode({ state: 'hold' })] };
    const onlyElse = new Map([['else', aCloudView()]]);
    expect(ordersIn({ ...gone, clouds: onlyElse, leases: new Set(['supply']) })).toEqual([
      'retire-node node:1: provider-removed',
      'remove-node node:2: provider-removed (node-server-2, subnode-server-5)',
    ]);
    expect(ordersIn({ ...gone, clouds: onlyElse, leases: new Set(['provider:else']) })).toEqual([
      'build-image build:else/ubuntu: image-missing',
    ]);
    // Its configuration may be the one that is out of date.
    const elsewhere = new Set(['cloud']);
    expect(ordersIn({ ...gone, clouds: onlyElse, leases: new Set(['supply']), elsewhere })).toEqual([]);
  });
});

describe('a node whose server is missing', () => {
  const empty = { servers: aListing<Server>([]) };
  const isRetirement = (order: string): boolean => order.startsWith('retire-node');

  it.each(['test', 'ready'] as const)('in state %s is retired when a second listing misses it, not before', (state) => {
    const world = situation({ nodes: [aNode({ id: 1, state })], cloud: empty });
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders(later(world))).toEqual(['retire-node node:1: server-gone']);
  });

  it('in state used is retired when it has been missing for five minutes, not before: a job runs on it', () => {
    const world = situation({ nodes: [aNode({ id: 1, state: 'used' })], cloud: empty });
    const almost = later(world, { ms: minutes(5) - 1 });
    expect([...orders(later(world)), ...orders(almost)].filter(isRetirement)).toEqual([]);
    expect(orders(later(almost, { ms: 1 }))).toContain('retire-node node:1: server-gone');
  });

  it('in state used begins anew when a listing showed its server in between', () => {
    const node = aNode({ id: 1, state: 'used' });
    const back = later(situation({ nodes: [node], cloud: empty }), { ms: minutes(4), servers: serversOf(node) });
    const missingAgain = later(back, { servers: [] });
    expect(orders(later(missingAgain, { ms: minutes(4) })).filter(isRetirement)).toEqual([]);
  });

  it('in state used is not looked for all the time: the next listing that matters is five minutes away', () => {
    const config = { ...QUIET_CONFIG, cron: { ...QUIET_CONFIG.cron, cleanup: '0 0 1 1 *' } };
    const world = situation({ config, nodes: [aNode({ id: 1, state: 'used' })], cloud: empty });
    const { clouds } = world;
    const list = 'list-servers servers:cloud: listing-needed';
    expect(orders(later(world, { ms: minutes(5) - 1, clouds }))).not.toContain(list);
    expect(orders(later(world, { ms: minutes(5), clouds }))).toContain(list);
  });

  it('is listed again after the first miss', () => {
    const world = situation({ nodes: [aNode()], cloud: empty });
    const { clouds } = world;
    expect(orders(later(world, { clouds }))).toEqual(['list-servers servers:cloud: listing-needed']);
  });

  it('in HOLD is left to the operator', () => {
    const world = situation({ nodes: [aNode({ state: 'hold' })], cloud: empty });
    expect(orders(later(world))).toEqual([]);
  });

  it('begins anew when a listing showed its server in between', () => {
    const node = aNode({ id: 1 });
    const missing = situation({ nodes: [node], cloud: empty });
    const back = later(missing, { servers: serversOf(node) });
    const missingAgain = later(back, { servers: [] });
    expect([orders(back), orders(missingAgain), orders(later(missingAgain))]).toEqual([
      [],
      [],
      ['retire-node node:1: server-gone'],
    ]);
  });

  it('is not missing while the cloud is unknown, however long', () => {
    const world = situation({ nodes: [aNode()], cloud: { servers: anUnknownListing(null, NOW + minutes(9)) } });
    expect([orders(world), orders(later(world))]).toEqual([[], []]);
  });

  it('is not missing in listings that are too early to show it', () => {
    const traits = aTraits({ listingLagMs: 5000 });
    const young = situation({ nodes: [aNode({ id: 1, attemptAt: ago(4000) })], cloud: { ...empty, traits } });
    const second = later(young);
    expect([orders(young), orders(second)]).toEqual([[], []]);
    const third = later(second);
    expect([orders(third), orders(later(third))]).toEqual([[], ['retire-node node:1: server-gone']]);
  });

  it('counts its subnodes while it is ready, so that no incomplete set is handed out', () => {
    const node = (state: NodeState): NodeRecord => aNode({ id: 1, state, subnodes: [aSubnode({ id: 5 })] });
    const lost = (state: NodeState): World =>
      later(situation({ nodes: [node(state)], cloud: { servers: aListing(serversOf(node(state)).slice(0, 1)) } }));
    expect(orders(lost('ready'))).toEqual(['retire-node node:1: server-gone (subnode:5)']);
    expect(orders(lost('used'))).toEqual([]);
  });
});

describe('the periodic check', () => {
  const firedAt = (check: number | null): Partial<World> => ({
    memory: { ...EMPTY_MEMORY, cron: { lookedAt: NOW, firedAt: { imageUpdate: null, cleanup: null, check } } },
  });
  const check = ['check-node node:1: check-due'];

  it('looks at ready nodes when it fires', () => {
    expect(ordersIn({ ...firedAt(ago(1)), nodes: [aNode({ id: 1, stateAt: ago(2) })] })).toEqual(check);
  });

  it('does not look at what became ready or was checked since', () => {
    const nodes = [aNode({ stateAt: ago(1) }), aNode({ stateAt: ago(9), checkedAt: ago(1) })];
    expect(ordersIn({ ...firedAt(ago(1)), nodes })).toEqual([]);
  });

  it('looks at nothing before it has fired', () => {
    expect(ordersIn({ ...firedAt(null), nodes: [aNode({ stateAt: ago(minutes(60)) })] })).toEqual([]);
  });

  it('looks at no node in another state', () => {
    const nodes = STATES.filter((state) => state !== 'ready').map((state) => aNode({ state, stateAt: ago(2) }));
    expect(ordersIn({ ...firedAt(ago(1)), nodes }).filter((order) => order.startsWith('check-node'))).toEqual([]);
  });

  it('looks again at a node that failed it, without waiting for the next time', () => {
    expect(ordersIn({ ...firedAt(null), nodes: [aNode({ id: 1, checkFailures: 2 })] })).toEqual(check);
  });

  it('pauses between two looks', () => {
    const busy = new Map<Subject, Busy>([['node:1', { until: NOW + 700 }]]);
    const world = situation({ nodes: [aNode({ id: 1, checkFailures: 2 })], busy });
    expect([orders(world), restOf(world)]).toEqual([[], 700]);
  });

  it('retires a node at the third failure in a row', () => {
    expect(ordersIn({ nodes: [aNode({ id: 1, checkFailures: 3 })] })).toEqual([
      'retire-node node:1: unreachable (counts)',
    ]);
  });
});

describe('a pool that has all it wants', () => {
  it('rests until the next cron entry or the next look at the limits', () => {
    const nodes = [aNode(), aNode({ state: 'used' }), aNode({ state: 'hold' })];
    const world = situation({ config: QUIET_CONFIG, images: [IMAGE], nodes });
    expect([orders(world), restOf(world)]).toEqual([[], minutes(1)]);
  });
});
