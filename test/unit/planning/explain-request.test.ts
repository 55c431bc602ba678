import { describe, expect, it } from 'vitest';
import type { NodeRecord, RequestRecord } from '../../../src/lifecycle/records.ts';
import { explainRequest } from '../../../src/planning/explain-request.ts';
import type { Explanation } from '../../../src/planning/explanation.ts';
import { plan } from '../../../src/planning/plan.ts';
import {
  aConfig,
  aLabel,
  aNode,
  aProvider,
  aRequest,
  aSubnode,
  aTarget,
  NOW,
  readyImagesOf,
} from '../../support/builders.ts';
import { aJenkinsTarget } from '../../support/hand-over.ts';
import { ago, minutes, situation, type Situation } from '../../support/planned.ts';

const CONFIG = aConfig({ labels: [aLabel({ minReady: 0 })], providers: [aProvider({ maxServers: 4 })] });

/** Why request 7 waits, after a plan of the situation. */
function explain(overrides: Situation = {}, id = 7): Explanation | null {
  const { config = CONFIG } = overrides;
  const world = situation({ images: readyImagesOf(config), requests: [waiting()], ...overrides, config });
  return explainRequest(world, plan(world).notes, id);
}

const waiting = (overrides: Partial<RequestRecord> = {}): RequestRecord => aRequest({ id: 7, ...overrides });
/** A READY node that took `tookMs` to come up. */
const came = (id: number, tookMs: number, overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({ id, createdAt: ago(minutes(60)), reachableAt: ago(minutes(60)) + tookMs, ...overrides });
const building = (id: number, overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({ id, state: 'building', createdAt: ago(10_000), attempt: 1, attemptAt: ago(9000), ...overrides });

describe('a request that waits', () => {
  it('has a place in the line of its label, behind those whose turn is before', () => {
    const requests = [
      aRequest({ id: 5, count: 2, createdAt: ago(30_000) }),
      aRequest({ id: 6, count: 3, priority: 1, createdAt: ago(1000) }),
      waiting({ createdAt: ago(20_000) }),
      aRequest({ id: 8, createdAt: ago(10_000) }),
      aRequest({ id: 9, label: 'other', createdAt: ago(40_000) }),
      aRequest({ id: 10, state: 'granted', createdAt: ago(50_000) }),
    ];
    expect(explain({ requests })).toMatchObject({ position: 3, nodesAhead: 5 });
    expect(explain({ requests }, 6)).toMatchObject({ position: 1, nodesAhead: 0 });
  });

  it('is not behind those that wait in vain', () => {
    const requests = [aRequest({ id: 5, count: 5, createdAt: ago(30_000) }), waiting()];
    expect(explain({ requests })).toMatchObject({ position: 1, nodesAhead: 0 });
    expect(explain({ requests: [aRequest({ id: 5, count: 4, createdAt: ago(30_000) }), waiting()] })).toMatchObject({
      position: 2,
      nodesAhead: 4,
    });
  });

  it('counts nodes that it could have: READY ones kept for whoever waits, and those being launched', () => {
    const config = aConfig({ labels: [aLabel({ minReady: 0 })], targets: [aTarget(), aJenkinsTarget()] });
    const nodes = [
      came(1, 1000),
      came(2, 1000, { target: 'jenkins' }),
      came(3, 1000, { checkFailures: 1 }),
      came(4, 1000, { registerAt: NOW }),
      came(5, 1000, { label: 'other' }),
      building(6),
      building(7, { target: 'jenkins' }),
    ];
    expect(explain({ config, nodes, requests: [waiting({ count: 3 })] })).toMatchObject({ ready: 1, building: 1 });
  });

  it('is none when it has its nodes, has ended, or was never made', () => {
    expect(
      explain({ requests: [aRequest({ id: 7, state: 'granted' })], nodes: [aNode({ state: 'used', requestId: 7 })] }),
    ).toBeNull();
    expect(explain({ requests: [] })).toBeNull();
  });
});

describe('why it waits', () => {
  it('is nothing but time where nodes are being launched for it', () => {
    expect(explain()).toMatchObject({ why: [] });
  });

  it('is what keeps its label from having more nodes, in the words of the plan', () => {
    const nodes = [1, 2, 3, 4].map((id) => aNode({ id, state: 'used' }));
    expect(explain({ nodes })?.why).toEqual([
      '1 of 1 missing nodes are not launched now (cloud has 0 servers free of 4)',
    ]);
    expect(explain({ images: [] })?.why).toEqual([
      'cloud waits for its image to be built (image ubuntu)',
      '1 of 1 missing nodes are not launched now (cloud has 3 servers free of 4)',
    ]);
  });

  it('is not what concerns other labels, nor how places were divided, nor what min-ready goes without', () => {
    const labels = [aLabel({ minReady: 9 }), aLabel({ name: 'small-2', minReady: 9 })];
    const config = aConfig({ labels, providers: [aProvider({ maxServers: 4 })] });
    expect(explain({ config, requests: [waiting(), aRequest({ label: 'gone' })] })?.why).toEqual([]);
  });

  it('is one reason alone, and no time, where it waits in vain, however many do', () => {
    const many = Array.from({ length: 500 }, () => aRequest({ count: 5 }));
    const why = ['label small can have 4 nodes at once, with what its providers allow'];
    expect(explain({ requests: [...many, waiting({ count: 5 })] })).toMatchObject({ why, expectedAt: null });
    expect(explain({ requests: [...many, waiting({ count: 4 })] })).toMatchObject({ why: [], position: 1 });
  });
});

describe('when its nodes may be expected', () => {
  it('is at once when they are READY', () => {
    expect(explain({ nodes: [came(1, 1000)] })).toMatchObject({ expectedAt: NOW });
  });

  it('is when the launches under way have taken as long as others do', () => {
    const nodes = [
      came(1, 60_000, { state: 'used' }),
      came(2, 90_000, { state: 'used' }),
      came(3, 20_000, { state: 'hold' }),
    ];
    const first = building(4, { createdAt: ago(20_000) });
    expect(explain({ nodes: [...nodes, first] })).toMatchObject({ expectedAt: NOW + 40_000 });
    const two = [building(5), first];
    expect(explain({ nodes: [...nodes, ...two], requests: [waiting({ count: 2 })] })?.expectedAt).toBe(NOW + 50_000);
    expect(explain({ nodes: [...nodes, ...two] })?.expectedAt).toBe(NOW + 40_000);
  });

  it('is now, not earlier, for a launch that takes longer than others', () => {
    expect(explain({ nodes: [came(1, 1000, { state: 'used' }), building(2)] })).toMatchObject({ expectedAt: NOW });
  });

  it('is behind what those before it get', () => {
    const nodes = [came(1, 60_000, { state: 'used' }), building(2), building(3, { createdAt: ago(5000) })];
    const requests = [aRequest({ id: 5, createdAt: ago(90_000) }), waiting()];
    expect(explain({ nodes, requests })?.expectedAt).toBe(NOW + 55_000);
  });

  it('is a launch after leases end at its providers, where no place is free before', () => {
    const leases = [aRequest({ id: 20, state: 'granted' }), aRequest({ id: 21, state: 'granted' })].map(
      (lease, index) => ({
        ...lease,
        expiresAt: NOW + minutes(10 * (2 - index)),
      }),
    );
    const nodes = [
      came(1, 60_000, { state: 'used', requestId: 20 }),
      came(2, 60_000, { state: 'used', requestId: 21 }),
      came(3, 60_000, { state: 'hold' }),
      came(4, 60_000, { state: 'hold' }),
    ];
    const expectedFor = (count: number): number | null | undefined =>
      explain({ nodes, requests: [...leases, waiting({ count })] })?.expectedAt;
    expect([expectedFor(1), expectedFor(2), expectedFor(3)]).toEqual([NOW + minutes(11), NOW + minutes(21), null]);
  });

  describe('where leases hold all places', () => {
    const TOOK = 60_000;
    const config = aConfig({
      labels: [aLabel({ minReady: 0 }), aLabel({ name: 'other', minReady: 0 }), aLabel({ name: 'set', subnodes: 2 })],
      providers: [aProvider({ maxServers: 4 })],
    });
    /** Four nodes of `other`, of which a lease ends each ten seconds. */
    const leases = [1, 2, 3, 4].map((id) => aRequest({ id, state: 'granted', expiresAt: NOW + 10_000 * id }));
    const nodes = leases.map(({ id }) => came(id, TOOK, { label: 'other', state: 'used', requestId: id }));
    const expectedFor = (id: number, requests: readonly RequestRecord[], from = nodes): number | null | undefined => {
      const after = explain({ config, nodes: from, requests: [...leases, ...requests] }, id)?.expectedAt;
      return after === null || after === undefined ? after : after - NOW;
    };

    it('is told of a label of which there is no node: a launch takes as long as others there', () => {
      expect(expectedFor(7, [waiting()])).toBe(10_000 + TOOK);
      const unknown = nodes.map((node) => ({ ...node, reachableAt: null }));
      // The end of the lease is all that anybody knows.
      expect(expectedFor(7, [waiting()], unknown)).toBe(10_000);
    });

    it('promises the end of each lease once, to the first in the line of all labels', () => {
      const line = [
        waiting({ id: 8, label: 'other', count: 2, createdAt: ago(3000) }),
        waiting({ createdAt: ago(2000) }),
        waiting({ id: 9, label: 'other', createdAt: ago(1000) }),
        waiting({ id: 10, createdAt: ago(500) }),
      ];
      expect([8, 7, 9, 10].map((id) => expectedFor(id, line))).toEqual([
        20_000 + TOOK,
        30_000 + TOOK,
        40_000 + TOOK,
        null,
      ]);
    });

    it('counts the servers of a set, not its nodes', () => {
      expect(expectedFor(7, [waiting({ label: 'set' })])).toBe(30_000 + TOOK);
      const sets = [came(1, TOOK, { label: 'set', state: 'used', requestId: 2, subnodes: [aSubnode(), aSubnode()] })];
      expect(expectedFor(7, [waiting({ count: 3 })], [...sets, nodes[0]!])).toBe(20_000 + TOOK);
    });

    it('is behind what goes already, and places that are free are for the first in the line', () => {
      const going = came(1, TOOK, { label: 'other', state: 'delete', deleteAt: NOW });
      expect(expectedFor(7, [waiting()], [going, ...nodes.slice(1)])).toBe(TOOK);
      const line = [waiting({ id: 8, label: 'other', createdAt: ago(90_000) }), waiting()];
      expect(expectedFor(7, line, [going, ...nodes.slice(1)])).toBe(20_000 + TOOK);
      expect(expectedFor(7, line, nodes.slice(2))).toBe(TOOK);
    });
  });

  it('is not known while nobody knows how long a launch takes', () => {
    expect(explain({ nodes: [building(1)] })).toMatchObject({ building: 1, expectedAt: null });
  });
});
