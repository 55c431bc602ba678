import { describe, expect, it } from 'vitest';
import type { NodeRecord, RequestRecord } from '../../../src/lifecycle/records.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { Busy, Subject, World } from '../../../src/planning/world.ts';
import {
  aConfig,
  aLabel,
  aListing,
  aNode,
  aProvider,
  aRequest,
  aTarget,
  limitsAt,
  NOW,
  readyImagesOf,
  serversOf,
} from '../../support/builders.ts';
import { aJenkinsTarget } from '../../support/hand-over.ts';
import { ago, minutes, notesOf, orders, ordersIn, restOf, situation, type Situation } from '../../support/planned.ts';

const ready = (...ids: readonly number[]): NodeRecord[] => ids.map((id) => aNode({ id }));
const GRANT = ['grant-requests requests: request (node 1 to request 7)'];
const waiting = (overrides: Partial<RequestRecord> = {}): RequestRecord => aRequest({ id: 7, ...overrides });
const granted = (overrides: Partial<RequestRecord> = {}): RequestRecord =>
  aRequest({ id: 7, state: 'granted', ...overrides });
const leased = (id: number, overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({ id, state: 'used', requestId: 7, ...overrides });
/** The orders that have to do with requests. */
const ofRequests = (overrides: Situation): string[] =>
  ordersIn(overrides).filter((line) => /^(grant|end)-requests/.test(line));

describe('a request that waits', () => {
  it('is granted READY nodes, the oldest first', () => {
    expect(ordersIn({ nodes: ready(1, 2), requests: [waiting()] })).toEqual(GRANT);
  });

  it('is granted all of its nodes or none', () => {
    const sets = { nodes: ready(1, 2), requests: [waiting({ count: 2 })] };
    expect(ofRequests(sets)).toEqual(['grant-requests requests: request (node 1 and 2 to request 7)']);
    expect(ofRequests({ ...sets, nodes: ready(1) })).toEqual([]);
  });

  it('comes after those of its label whose turn is before, and goes past none that waits for more', () => {
    const requests = [aRequest({ id: 8, createdAt: ago(1000) }), waiting({ createdAt: ago(2000), count: 2 })];
    expect(ofRequests({ nodes: ready(1, 2, 3), requests })).toEqual([
      'grant-requests requests: request (node 1 and 2 to request 7, node 3 to request 8)',
    ]);
    expect(ofRequests({ nodes: ready(1), requests })).toEqual([]);
  });

  it.each<[string, Partial<NodeRecord>]>([
    ['that is not READY', { state: 'building' }],
    ['that is held', { state: 'hold' }],
    ['of another label', { label: 'other' }],
    ['of a target that hands its nodes out itself', { target: 'jenkins' }],
    ['that failed its check', { checkFailures: 1 }],
    ['that somebody had before', { requestId: 3 }],
    ['that its target was told of', { registerAt: NOW }],
  ])('is not granted a node %s', (_, overrides) => {
    const config = aConfig({
      labels: [aLabel({ minReady: 0 }), aLabel({ name: 'other', minReady: 0 })],
      targets: [aTarget(), aJenkinsTarget()],
    });
    const world = { config, requests: [waiting()], nodes: [aNode({ id: 1, ...overrides })] };
    expect(ofRequests(world)).toEqual([]);
    expect(ofRequests({ ...world, nodes: ready(1) })).toEqual(GRANT);
  });

  it('is not granted a node that goes in the same breath, even if something else has to end first', () => {
    const node = aNode({ id: 1 });
    const broken = { ...serversOf(node)[0]!, status: 'error' as const };
    const world = situation({ nodes: [node], requests: [waiting()], cloud: { servers: aListing([broken]) } });
    expect(orders(world)).not.toContain(GRANT[0]);
    const busy = new Map<Subject, Busy>([['node:1', { until: 'done' }]]);
    expect(orders({ ...world, busy })).not.toContain(GRANT[0]);
  });

  it('is granted its nodes by the daemon that holds the supply, whoever acts on their provider', () => {
    const world = { nodes: ready(1), requests: [waiting()] };
    expect(ofRequests({ ...world, leases: new Set(['provider:cloud']) })).toEqual([]);
    expect(ofRequests({ ...world, leases: new Set(['supply']) })).toEqual(GRANT);
  });

  it('is granted nothing while nodes are being granted', () => {
    const busy = new Map<Subject, Busy>([['requests', { until: 'done' }]]);
    expect(ofRequests({ nodes: ready(1), requests: [waiting()], busy })).toEqual([]);
  });

  it('is granted nodes with --no-launches and --no-deletes, too', () => {
    const switches = { launches: false, deletes: false, images: false };
    expect(ofRequests({ nodes: ready(1), requests: [waiting()], switches })).toEqual(GRANT);
  });
});

describe('a request that cannot be served as things are', () => {
  const label = aLabel({ minReady: 0 });
  const pool = (config: World['config'], requests: readonly RequestRecord[], nodes = ready(1)): World =>
    situation({ config, requests, nodes, images: readyImagesOf(config) });
  const SMALL = aConfig({ labels: [label], providers: [aProvider({ maxServers: 4 })] });
  const launches = (world: World): string[] => orders(world).filter((line) => line.startsWith('launch-nodes'));

  it.each<[string, World['config'], string]>([
    [
      'label',
      aConfig({ labels: [aLabel({ name: 'other', minReady: 0 })] }),
      'requests for small: label small is not in the configuration',
    ],
    [
      'enabled label',
      aConfig({ labels: [aLabel({ minReady: -1 })] }),
      'requests for small: label small is disabled: its min-ready is -1',
    ],
    [
      'open target',
      aConfig({ labels: [label], targets: [aJenkinsTarget({ name: 'zuul' })] }),
      'requests for small: every target hands its nodes to Jenkins or Gearman, none grants them to requests',
    ],
    [
      'provider',
      aConfig({ labels: [aLabel({ minReady: 0, providers: [] })], providers: [aProvider()] }),
      'requests for small: label small can have 0 nodes at once, with what its providers allow',
    ],
  ])('because there is no %s waits, is no demand, and is told why', (_, config, note) => {
    const world = pool(config, [waiting()], []);
    expect([orders(world).filter((line) => !line.startsWith('check-target')), notesOf(plan(world))]).toEqual([
      [],
      expect.arrayContaining([note]),
    ]);
  });

  it('because of its size stands in nobody’s way, and one that just fits is served', () => {
    const many = (count: number): RequestRecord => waiting({ count, createdAt: ago(5000) });
    const next = aRequest({ id: 8, createdAt: ago(1000) });
    expect(orders(pool(SMALL, [many(5), next]))).toEqual(['grant-requests requests: request (node 1 to request 8)']);
    expect(launches(pool(SMALL, [many(5)]))).toEqual([]);
    expect(launches(pool(SMALL, [many(4)]))[0]).toMatch(/^launch-nodes supply: request/);
    expect(orders(pool(SMALL, [many(4), next]))).not.toContain(
      'grant-requests requests: request (node 1 to request 8)',
    );
  });

  it('because of what the cloud allows in all is not served either', () => {
    const world = pool(SMALL, [waiting({ count: 3 })], []);
    const cloud = { ...world.clouds.get('cloud')!, limits: limitsAt(NOW, { servers: 2 }) };
    expect(launches({ ...world, clouds: new Map([['cloud', cloud]]) })).toEqual([]);
    expect(launches(world)).toHaveLength(1);
  });

  it('is told of once for all of its label', () => {
    const requests = Array.from({ length: 1000 }, () => aRequest({ label: 'gone' }));
    expect(notesOf(plan(pool(SMALL, requests)))).toEqual(['requests for gone: label gone is not in the configuration']);
  });
});

describe('requests as demand', () => {
  const config = aConfig({
    labels: [aLabel({ minReady: 1 })],
    targets: [aTarget(), aJenkinsTarget({ name: 'other' })],
  });
  const launchesIn = (overrides: Situation): string[] =>
    ordersIn({ config, images: readyImagesOf(config), ...overrides })
      .filter((line) => line.startsWith('launch-nodes'))
      .flatMap((line) => line.replace(/^.*\((.*)\)$/, '$1').split(', '));

  it('are nodes of open targets, before those of min-ready', () => {
    expect(launchesIn({ requests: [waiting({ count: 2 })] })).toEqual([
      'small@cloud/any>zuul for request',
      'small@cloud/any>zuul for request',
      'small@cloud/any>zuul for min-ready',
    ]);
  });

  it('are not counted twice: those that are granted have what they want', () => {
    expect(launchesIn({ requests: [granted({ count: 2 })], nodes: [leased(1), leased(2)] })).toEqual([
      'small@cloud/any>zuul for min-ready',
    ]);
    expect(launchesIn({ requests: [granted({ count: 2 })], nodes: [leased(1), leased(2), aNode({ id: 3 })] })).toEqual(
      [],
    );
  });

  it('are nothing for what a lease has at a target or of a label that has left', () => {
    const nodes = [leased(1, { target: 'gone' }), leased(2, { label: 'gone' }), aNode({ id: 3 })];
    expect(launchesIn({ requests: [granted()], nodes })).toEqual([]);
  });
});

describe('a lease', () => {
  const END = ['end-requests request-ends: lease-expired (request 7 expired)'];

  it('ends when its time is over, and not before; the plan wakes for it', () => {
    const world = (expiresAt: number): World => situation({ requests: [granted({ expiresAt })], nodes: [leased(1)] });
    expect(orders(world(NOW))).toEqual(END);
    expect([orders(world(NOW + 1)), restOf(world(NOW + 1))]).toEqual([[], 1]);
  });

  it('ends only if it was not extended meanwhile', () => {
    const { actions } = plan(situation({ requests: [granted({ expiresAt: ago(5) })], nodes: [leased(1)] }));
    expect(actions[0]).toMatchObject({ endings: [{ id: 7, reason: 'expired', expiredBy: NOW }] });
  });

  it('ends when the last of its nodes is on its way out, and not while one is left, held or not', () => {
    const lost = ['end-requests request-ends: nodes-lost (request 7 lost)'];
    const doomed = leased(1, { state: 'delete', deleteAt: NOW });
    const left = (...nodes: readonly NodeRecord[]): string[] => ofRequests({ requests: [granted()], nodes });
    expect(left()).toEqual(lost);
    expect(left(doomed)).toEqual(lost);
    expect(left(doomed, leased(2))).toEqual([]);
    expect(left(doomed, leased(2, { state: 'hold', heldFrom: 'used' }))).toEqual([]);
  });

  it('is left to the daemon that holds the supply', () => {
    const requests = [granted({ expiresAt: ago(1) })];
    expect(ofRequests({ requests, nodes: [leased(1)], leases: new Set(['provider:cloud']) })).toEqual([]);
    expect(ofRequests({ requests, nodes: [leased(1)], leases: new Set(['supply']) })).toEqual(END);
  });

  it('does not end its nodes with --no-deletes, nor keep the daemon awake', () => {
    const switches = { launches: true, deletes: false, images: true };
    const world = situation({ requests: [granted({ expiresAt: ago(1) })], nodes: [leased(1)], switches });
    expect([orders(world), restOf(world)]).toEqual([[], minutes(1)]);
  });

  it('keeps its nodes however long it lasts, and whatever has left the configuration', () => {
    const old = leased(1, { stateAt: ago(minutes(60 * 24)), label: 'gone', target: 'gone' });
    expect(ordersIn({ requests: [granted()], nodes: [old] })).toEqual([]);
  });

  it('that is gone leaves no node behind', () => {
    expect(ordersIn({ nodes: [leased(1, { label: 'gone' })] })).toEqual(['retire-node node:1: lease-lost']);
    expect(ordersIn({ nodes: [leased(1, { state: 'hold', heldFrom: 'used' })] })).toEqual([]);
  });
});
