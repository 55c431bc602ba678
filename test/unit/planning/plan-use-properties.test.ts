/** Properties of plans that concern requests, leases, jobs and targets. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TargetConfig } from '../../../src/config/types.ts';
import type { NodeRecord, RequestRecord } from '../../../src/lifecycle/records.ts';
import type { Action, ActionKind, ActionOf } from '../../../src/planning/actions.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import { serverId } from '../../../src/lib/ids.ts';
import { aWorld, createIds, NOW, readyImagesOf } from '../../support/builders.ts';
import { ALL_LEASES, aRandomWorld } from '../../support/random-worlds.ts';

/** Nobody uses it, and no target knows of it. */
const UNUSED = {
  ...{ requestId: null, registerAt: null, registeredAt: null, testAt: null, checkFailures: 0 },
  ...{ jobName: null, jobResult: null, jobDoneAt: null },
};

/** A node that is as it should be: it has a server, rows name what is configured, its request is there. */
function wellNode(node: NodeRecord, { config, requests }: World): NodeRecord {
  const { id, state } = node;
  const pick = (names: Iterable<string>, name: string): string => {
    const all = [...names];
    return all.includes(name) || all.length === 0 ? name : all[id % all.length]!;
  };
  const label = pick(config.labels.keys(), node.label);
  const provider = pick(config.labels.get(label)?.providers ?? [], node.provider);
  const target = pick(config.targets.keys(), node.target);
  const well = { ...node, label, provider, target, subnodes: [], serverId: serverId(`node-${id}`), attempt: 1 };
  const isServed = !isOpen(config.targets.get(target));
  const registered = isServed && id % 3 > 0 ? { registerAt: NOW - 70_000, registeredAt: NOW - 70_000 } : {};
  // Half of them are there for whoever comes, others are in use.
  if (id % 2 === 0 || state === 'building') return { ...well, ...UNUSED, ...registered, state: 'ready' };
  if (id % 4 === 1)
    return { ...well, ...UNUSED, ...registered, ...useOf(node, isServed ? [] : requests), state: 'used' };
  return { ...well, ...registered };
}

/** Under a lease, with a job that has failed, or with one that runs. */
function useOf({ id, imageId }: NodeRecord, requests: readonly RequestRecord[]): Partial<NodeRecord> {
  const leases = requests.filter(({ state }) => state === 'granted');
  if (imageId! > 3) return { requestId: leases[id % Math.max(1, leases.length)]?.id ?? null };
  return imageId! > 1 ? { jobName: 'unit', jobResult: 'FAILURE', jobDoneAt: NOW - 5000 } : {};
}

/** A world in which things go well, so that nodes come to be used. In a full one there is no place for more. */
function calm(world: World, isFull: boolean): World {
  const nodes = world.nodes.map((node) => wellNode(node, world));
  const providers = [...world.config.providers].map(([name, provider]) => {
    const there = nodes.filter((node) => node.provider === name).length;
    return [name, isFull ? { ...provider, maxServers: there } : provider] as const;
  });
  const config = { ...world.config, providers: new Map(providers) };
  const images = readyImagesOf(config, createIds());
  const { clouds } = aWorld({ config, nodes, images });
  // Those who find no place have waited for it.
  const requests = world.requests.map((one) => ({ ...one, createdAt: one.createdAt - (isFull ? 120_000 : 0) }));
  return { ...world, config, nodes, images, clouds, requests, failures: [] };
}

/** Checks `holds` on random worlds that are acted on without a hindrance, most of them calm, and on their plans. */
function always(holds: (world: World, actions: readonly Action[], isCalm: boolean) => void, numRuns = 300): void {
  fc.assert(
    fc.property(aRandomWorld, fc.constantFrom('calm', 'calm', 'full', 'any'), (random, kind) => {
      const switches = { launches: true, deletes: true, images: true };
      const given = kind === 'any' ? random : calm(random, kind === 'full');
      const world = { ...given, leases: new Set(ALL_LEASES), switches };
      holds(world, plan(world).actions, kind !== 'any');
    }),
    { numRuns, seed: 20_160_101 },
  );
}

const ofKind = <K extends ActionKind>(actions: readonly Action[], kind: K): ActionOf<K>[] =>
  actions.filter((action): action is ActionOf<K> => action.kind === kind);
const nodeOf = ({ nodes }: World, id: number): NodeRecord => nodes.find((node) => node.id === id)!;
const requestOf = ({ requests }: World, id: number | null): RequestRecord | undefined =>
  requests.find((request) => request.id === id);
const targetOf = ({ config }: World, { target }: NodeRecord): TargetConfig | undefined => config.targets.get(target);
const isOpen = (target: TargetConfig | undefined): boolean =>
  target !== undefined && target.jenkins === null && !target.assignViaGearman;
const isBusy = ({ busy, now }: World, subject: Action['subject']): boolean => {
  const state = busy.get(subject);
  return state !== undefined && (state.until === 'done' || state.until > now);
};
const granted = (actions: readonly Action[]): { requestId: number; nodeIds: readonly number[] }[] =>
  ofKind(actions, 'grant-requests').flatMap(({ grants }) => [...grants]);

/** Nodes of a label that its providers may have, as far as `max-servers` goes. */
function mostNodes({ config }: World, label: string): number {
  const { minReady = -1, providers = [], subnodes = 0 } = config.labels.get(label) ?? {};
  const fitting = providers.map((name) => Math.floor(config.providers.get(name)!.maxServers / (1 + subnodes)));
  return minReady < 0 ? 0 : fitting.reduce((sum, count) => sum + Math.max(0, count), 0);
}

describe('whatever the world is like', () => {
  it('a node is granted once, READY, to a request for its label, and only one that nobody has had', () => {
    let count = 0;
    always((world, actions) => {
      const ids = granted(actions).flatMap(({ nodeIds }) => nodeIds);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { requestId, nodeIds } of granted(actions)) {
        const request = requestOf(world, requestId)!;
        expect([request.state, nodeIds.length]).toEqual(['waiting', request.count]);
        for (const node of nodeIds.map((id) => nodeOf(world, id))) {
          expect(node).toMatchObject({
            state: 'ready',
            label: request.label,
            requestId: null,
            registerAt: null,
            checkFailures: 0,
          });
          expect(isOpen(targetOf(world, node))).toBe(true);
          count += 1;
        }
      }
    });
    expect(count).toBeGreaterThan(30);
  });

  it('nobody is served before those of his label whose turn is before, unless they can never be', () => {
    let passed = 0;
    always((world, actions, isCalm) => {
      const served = new Set(granted(actions).map(({ requestId }) => requestId));
      for (const id of served) {
        const { label, rank } = requestOf(world, id)!;
        const before = world.requests.filter(
          (one) => one.state === 'waiting' && one.label === label && (one.rank - rank || one.id - id) < 0,
        );
        const left = before.filter((one) => !served.has(one.id));
        passed += before.length - left.length;
        // Where nothing but `max-servers` limits it, that tells how many nodes one can have.
        if (isCalm) expect(left.filter(({ count }) => count <= mostNodes(world, label))).toEqual([]);
      }
    }, 600);
    expect(passed).toBeGreaterThan(3);
  });

  it('no node is given away and taken away in one plan', () => {
    always((_, actions) => {
      const given = granted(actions).flatMap(({ nodeIds }) => nodeIds);
      const gone = actions.flatMap((action) =>
        action.kind === 'retire-node' || action.kind === 'hold-node' ? [action.nodeId] : [],
      );
      expect(gone.filter((id) => given.includes(id))).toEqual([]);
    });
  });

  it('a lease ends when its time is over or its nodes are gone, and not before', () => {
    let count = 0;
    always((world, actions) => {
      const ended = new Set(ofKind(actions, 'end-requests').flatMap(({ endings }) => endings.map(({ id }) => id)));
      for (const { id, state, expiresAt } of world.requests) {
        const hasNodes = world.nodes.some((node) => node.requestId === id && node.state !== 'delete');
        const isOver = state === 'granted' && (expiresAt! <= world.now || !hasNodes);
        expect([id, ended.has(id)]).toEqual([id, isOver && !isBusy(world, 'request-ends')]);
        count += Number(isOver);
      }
    });
    expect(count).toBeGreaterThan(100);
  });

  it('a node under a lease that lasts goes only when its server is gone', () => {
    let leased = 0;
    always((world, actions) => {
      for (const { nodeId, reason } of ofKind(actions, 'retire-node')) {
        const { state, requestId, jobDoneAt } = nodeOf(world, nodeId);
        if (state !== 'used' || requestId === null || jobDoneAt !== null) continue;
        expect([reason, requestOf(world, requestId)?.state === 'granted']).toEqual([
          reason,
          reason === 'server-gone' && requestOf(world, requestId)?.state === 'granted',
        ]);
      }
      leased += world.nodes.filter(({ state, requestId }) => state === 'used' && requestOf(world, requestId)).length;
    });
    expect(leased).toBeGreaterThan(20);
  });

  it('nodes are launched for requests at open targets alone, and not more than those lack who can be served', () => {
    let count = 0;
    always((world, actions) => {
      const launches = ofKind(actions, 'launch-nodes')
        .flatMap((action) => [...action.launches])
        .filter(({ reason }) => reason === 'request');
      for (const { target } of launches) expect(isOpen(world.config.targets.get(target))).toBe(true);
      for (const name of world.config.labels.keys()) {
        const most = mostNodes(world, name);
        const wanted = world.requests
          .filter(({ state, label, count: nodes }) => state === 'waiting' && label === name && nodes <= most)
          .reduce((sum, { count: nodes }) => sum + nodes, 0);
        const there = world.nodes.filter(
          (node) =>
            (node.state === 'ready' || node.state === 'building') &&
            node.label === name &&
            isOpen(targetOf(world, node)) &&
            node.requestId === null &&
            node.registerAt === null,
        ).length;
        const launched = launches.filter(({ label }) => label === name).length;
        expect(launched).toBeLessThanOrEqual(Math.max(0, wanted - there));
        count += launched;
      }
    });
    expect(count).toBeGreaterThan(50);
  });

  it('only READY nodes make room, for requests that have waited for two minutes', () => {
    let count = 0;
    always((world, actions) => {
      const gone = ofKind(actions, 'retire-node').filter(({ reason }) => reason === 'room-needed');
      const patient = world.requests.filter(
        ({ state, createdAt }) => state === 'waiting' && createdAt <= world.now - 120_000,
      );
      for (const { nodeId, detail } of gone) {
        const { state, target, label } = nodeOf(world, nodeId);
        expect(state).toBe('ready');
        expect(patient.map((request) => `label ${request.label}`)).toContain(detail);
        if (isOpen(world.config.targets.get(target))) expect(detail).not.toBe(`label ${label}`);
        count += 1;
      }
    }, 600);
    expect(count).toBeGreaterThan(5);
  });

  it('rules hold failed jobs’ nodes, and together no more than they want', () => {
    let count = 0;
    always((world, actions) => {
      const holds = ofKind(actions, 'hold-node');
      for (const { nodeId } of holds)
        expect(nodeOf(world, nodeId)).toMatchObject({ state: 'used', jobResult: 'FAILURE' });
      for (const { id, holdOnFailure } of world.jobs) {
        const held = world.nodes.filter(({ state, heldBy }) => state === 'hold' && heldBy === id).length;
        const ordered = holds.filter(({ jobId }) => jobId === id).length;
        expect(ordered).toBeLessThanOrEqual(Math.max(0, holdOnFailure - held));
      }
      count += holds.length;
    });
    expect(count).toBeGreaterThan(20);
  });

  it('nodes are registered at targets that hand them out alone, and offered to Gearman workers once', () => {
    let count = 0;
    always((world, actions) => {
      for (const { nodeId } of ofKind(actions, 'register-node')) {
        const node = nodeOf(world, nodeId);
        const target = targetOf(world, node)!;
        expect(isOpen(target)).toBe(false);
        if (target.assignViaGearman) expect(node.registerAt).toBeNull();
        count += 1;
      }
    });
    expect(count).toBeGreaterThan(20);
  });

  it('the row of a node that a target may know is not dropped before that is told', () => {
    let count = 0;
    always((world, actions) => {
      for (const { nodeId } of ofKind(actions, 'remove-node')) {
        const node = nodeOf(world, nodeId);
        const target = targetOf(world, node);
        expect(node.registerAt === null || target === undefined || isOpen(target)).toBe(true);
        count += Number(node.registerAt !== null);
      }
    }, 600);
    expect(count).toBeGreaterThan(5);
  });

  it('a job is looked for at a Jenkins alone, of a node that it knows', () => {
    let count = 0;
    always((world, actions) => {
      for (const { nodeId } of ofKind(actions, 'note-job')) {
        const node = nodeOf(world, nodeId);
        expect(['ready', 'used', 'hold']).toContain(node.state);
        expect([targetOf(world, node)?.jenkins !== null, node.registerAt !== null]).toEqual([true, true]);
        count += 1;
      }
    }, 600);
    expect(count).toBeGreaterThan(3);
  });
});
