import { describe, expect, it } from 'vitest';
import type { Server } from '../../../src/providers/provider.ts';
import { serverId } from '../../../src/lib/ids.ts';
import { DELETE_REPEAT_MS } from '../../../src/lifecycle/limits.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import {
  aListing,
  aNode,
  anUnknownListing,
  aServer,
  aSubnode,
  aTraits,
  INSTALLATION,
  NOW,
  serversOf,
  tagsOf,
} from '../../support/builders.ts';
import { ago, later, minutes, notesOf, orders, ordersIn, restOf, situation } from '../../support/planned.ts';

/** The default api-timeout; the default cloud lists without lag. */
const GRACE = 60_000;
const LAG = aTraits({ listingLagMs: 5000 });

/** A node in DELETE whose server runs since a minute before. */
const doomed = (overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({ id: 1, state: 'delete', attemptAt: ago(minutes(10)), ...overrides });
/** One whose create call was recorded `age` ago and not answered. */
const unanswered = (age: number): NodeRecord =>
  doomed({ serverId: null, ip: null, reachableAt: null, attemptAt: ago(age) });

const DELETE = ['delete-server node:1: deleted (node-server-1)'];
const REMOVE = ['remove-node node:1: gone'];

function deleting(node: NodeRecord, servers: readonly Server[], takenAt = NOW): World {
  return situation({ nodes: [node], cloud: { servers: aListing(servers, takenAt) } });
}

describe('the deletion of a node', () => {
  it('begins with its servers, those of its subnodes too', () => {
    const node = doomed({ subnodes: [aSubnode({ id: 5 })] });
    expect(ordersIn({ nodes: [node] })).toEqual([...DELETE, 'delete-server subnode:5: deleted (subnode-server-5)']);
  });

  it('ends with its row, at once where no server was ever asked for', () => {
    const node = aNode({ id: 1, state: 'delete', serverId: null, attempt: 0, attemptAt: null });
    expect(ordersIn({ nodes: [node] })).toEqual(REMOVE);
  });

  it('waits for a listing taken after the cloud accepted it', () => {
    const node = doomed({ deleteAt: NOW });
    const early = deleting(node, []);
    expect([orders(early), restOf(early)]).toEqual([[], 1000]);
    expect(orders(deleting(node, [], NOW + 1))).toEqual(REMOVE);
  });

  it('is not looked after more often than the cloud is polled', () => {
    const node = doomed({ deleteAt: ago(5000) });
    const traits = aTraits({ listIntervalMs: 1000, pollIntervalMs: 5000 });
    const servers = aListing([{ ...serversOf(node)[0]!, status: 'deleting' as const }]);
    expect(restOf(situation({ nodes: [node], cloud: { servers, traits } }))).toBe(5000);
  });

  it('waits as long as a listing shows the server, in whatever state', () => {
    const node = doomed({ deleteAt: ago(5000) });
    const world = deleting(node, [{ ...serversOf(node)[0]!, status: 'deleting' }]);
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders({ ...world, now: NOW + 1000 })).toEqual(['list-servers servers:cloud: listing-needed']);
  });

  it('is asked for again when a minute has brought no effect, and not before', () => {
    const node = doomed({ deleteAt: ago(DELETE_REPEAT_MS) });
    const world = deleting(node, serversOf(node));
    expect([orders(world), restOf(world)]).toEqual([[], 1]);
    expect(orders({ ...world, now: NOW + 1 })).toEqual(DELETE);
  });

  it('allows for the lag of the listings after the cloud accepted it', () => {
    const node = doomed({ attemptAt: ago(6000), deleteAt: ago(5000) });
    const world = situation({ nodes: [node], cloud: { servers: aListing([]), traits: LAG } });
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders(later(world))).toEqual(REMOVE);
  });

  it('deletes every server that carries its tag', () => {
    const node = doomed();
    const double = aServer({ id: serverId('double'), tags: tagsOf('node', node, 2) });
    expect(orders(deleting(node, [...serversOf(node), double]))).toEqual([
      'delete-server node:1: deleted (node-server-1, double)',
    ]);
  });

  it('does not ask for what a listing shows to be gone already', () => {
    const node = doomed();
    const double = aServer({ id: serverId('double'), tags: tagsOf('node', node, 2) });
    expect(orders(deleting(node, [double]))).toEqual(['delete-server node:1: deleted (double)']);
  });

  it('does not touch a server that carries the same tag of another installation', () => {
    const node = doomed({ deleteAt: ago(5000) });
    const foreign = aServer({ tags: { ...tagsOf('node', node), installation: 'other' } });
    expect(orders(deleting(node, [foreign]))).toEqual(REMOVE);
    expect(foreign.tags?.installation).not.toBe(INSTALLATION);
  });

  it('keeps the row until the servers of all subnodes are gone too', () => {
    const subnode = aSubnode({ id: 5, deleteAt: ago(5000) });
    const node = doomed({ deleteAt: ago(5000), subnodes: [subnode] });
    expect(orders(deleting(node, [aServer({ id: subnode.serverId! })]))).toEqual([]);
    expect(orders(deleting(node, []))).toEqual(REMOVE);
  });

  it('keeps the row while something is still done for a subnode', () => {
    const subnode = aSubnode({ id: 5, state: 'building' });
    const node = doomed({ deleteAt: ago(5000), subnodes: [subnode] });
    const world = deleting(node, []);
    expect(orders({ ...world, busy: new Map([['subnode:5', { until: 'done' }]]) })).toEqual([]);
    expect(orders(world)).toEqual(REMOVE);
  });

  it('is not held up by one server that does not go: the daemon rests in between', () => {
    const stuck = aSubnode({ id: 5, deleteAt: ago(1000) });
    const node = doomed({ deleteAt: ago(minutes(30)), subnodes: [stuck] });
    const world = deleting(node, [aServer({ id: stuck.serverId! })]);
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
  });

  it('of a server that stays is looked after ever more rarely, at least once a minute, and noted after five', () => {
    const node = doomed({ deleteAt: NOW });
    const first = deleting(node, serversOf(node));
    const after = (ms: number): World => {
      const world = later(first, { ms });
      return { ...world, nodes: [{ ...node, deleteAt: world.now }] };
    };
    expect([restOf(after(30_000)), restOf(after(minutes(4))), restOf(after(minutes(120)))]).toEqual([
      1000,
      4001,
      minutes(1),
    ]);
    expect(notesOf(plan(after(minutes(5) - 1)))).toEqual([]);
    expect(notesOf(plan(after(minutes(5))))).toEqual([
      'node 1: is to go, but its server node-server-1 is still listed after 5 min',
    ]);
  });

  it('is left alone with --no-deletes, and to the daemon that holds the provider', () => {
    const nodes = [doomed(), doomed({ id: 2, serverId: null, attemptAt: null })];
    expect(ordersIn({ nodes, switches: { launches: true, deletes: false, images: true } })).toEqual([]);
    expect(ordersIn({ nodes, leases: new Set(['supply']) })).toEqual([]);
  });
});

describe('the deletion of a node whose server the cloud may not have shown yet', () => {
  it('waits until a listing is younger than attempt + grace', () => {
    const node = unanswered(GRACE);
    const world = deleting(node, []);
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders(deleting(unanswered(GRACE + 1), []))).toEqual(REMOVE);
  });

  it('is decided as soon as the cloud may be listed, not at the next poll', () => {
    const traits = aTraits({ listIntervalMs: 1000, pollIntervalMs: 5000 });
    const world = situation({ nodes: [unanswered(GRACE)], cloud: { servers: aListing(), traits } });
    expect(restOf(world)).toBe(1000);
  });

  it('does not list before that: nothing could be decided', () => {
    const world = deleting(unanswered(10_000), []);
    expect([orders(world), restOf(world)]).toEqual([[], GRACE - 10_000 + 1]);
  });

  it('deletes the server by its tag as soon as it shows up', () => {
    const node = unanswered(10_000);
    const found = aServer({ id: serverId('found'), status: 'building', tags: tagsOf('node', node) });
    expect(orders(deleting(node, [found]))).toEqual(['delete-server node:1: deleted (found)']);
  });

  it('does not take a listing from before the create call ended for proof: a known server is deleted by its id', () => {
    const node = doomed({ attemptAt: ago(30_000) });
    const takenDuringTheCall = deleting(node, [], ago(10_000));
    expect(orders(takenDuringTheCall)).toEqual(DELETE);
  });

  it('takes a listing younger than attempt + grace for proof, without a call that is useless', () => {
    expect(orders(deleting(doomed({ attemptAt: ago(GRACE + 1) }), []))).toEqual(REMOVE);
  });
});

describe('the deletion of a node while the cloud is unknown', () => {
  const unknown = { servers: anUnknownListing(null, NOW + minutes(2)) };

  it('deletes a known server by its id', () => {
    expect(ordersIn({ nodes: [doomed()], cloud: unknown })).toEqual(DELETE);
  });

  it('asks again after a minute, not before, and keeps the row', () => {
    const world = situation({ nodes: [doomed({ deleteAt: ago(DELETE_REPEAT_MS) })], cloud: unknown });
    expect([orders(world), restOf(world)]).toEqual([[], 1]);
    expect(orders({ ...world, now: NOW + 1 })).toEqual(DELETE);
  });

  it('waits for the next try of a listing that failed, and goes on with that: the cloud may be away', () => {
    const failed = { servers: anUnknownListing('HTTP 503', NOW + 5000) };
    const world = situation({ nodes: [doomed()], cloud: failed });
    expect([orders(world), restOf(world)]).toEqual([[], 5000]);
    expect(orders({ ...world, now: NOW + 5000 })).toEqual([...DELETE, 'list-servers servers:cloud: listing-needed']);
  });

  it('is found out by a listing when a deletion has failed', () => {
    const resting = situation({ nodes: [doomed()], busy: new Map([['node:1', { until: NOW + 5000 }]]) });
    expect([orders(resting), restOf(resting)]).toEqual([[], 1000]);
    expect(orders({ ...resting, now: NOW + 1000 })).toEqual(['list-servers servers:cloud: listing-needed']);
  });

  it('waits for a listing where no server is known, and rests', () => {
    const nodes = [unanswered(minutes(5)), { ...unanswered(minutes(5)), id: 2, deleteAt: ago(minutes(4)) }];
    const world = situation({ nodes, cloud: unknown });
    expect([orders(world), restOf(world)]).toEqual([[], minutes(1)]);
  });
});
