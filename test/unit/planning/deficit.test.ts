import { describe, expect, it } from 'vitest';
import type { LabelConfig } from '../../../src/config/types.ts';
import type { NodeState } from '../../../src/lifecycle/node-states.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import {
  countDeficits,
  countTargetLoads,
  type Deficit,
  type DeficitInput,
  type TargetsInUse,
} from '../../../src/planning/deficit.ts';
import { aLabel, aNode, aSubnode } from '../../support/builders.ts';

interface Situation {
  readonly label?: Partial<LabelConfig>;
  readonly demand?: number;
  readonly nodes?: readonly NodeRecord[];
  readonly available?: Readonly<Record<string, number>>;
  readonly online?: readonly string[];
}

/** Room where only the number of servers is limited. */
const roomIn =
  (available: Readonly<Record<string, number>>): DeficitInput['room'] =>
  ({ subnodes }, provider) =>
    Math.max(0, Math.floor((available[provider] ?? 0) / (1 + subnodes)));

/** Targets that are online and hand no nodes out themselves. */
const allOpen = (...names: readonly string[]): TargetsInUse => ({
  counted: new Set(names),
  open: new Set(names),
  hasServed: false,
  canServe: false,
});

function deficitOf({
  label,
  demand = 0,
  nodes = [],
  available = { cloud: 96 },
  online = ['zuul'],
}: Situation): Deficit | undefined {
  const [deficit] = countDeficits({
    labels: new Map([['small', aLabel(label)]]),
    nodes,
    demand: new Map([['small', demand]]),
    requested: new Map(),
    targets: allOpen(...online),
    room: roomIn(available),
  });
  return deficit;
}

const amountOf = (situation: Situation): number | undefined => deficitOf(situation)?.amount;
const nodes = (count: number, overrides: Partial<NodeRecord> = {}): NodeRecord[] =>
  Array.from({ length: count }, () => aNode(overrides));

describe('what a label is short of', () => {
  it('is min-ready when there is nothing', () => {
    expect(amountOf({ label: { minReady: 3 } })).toBe(3);
  });

  it('is nothing when min-ready nodes are there', () => {
    expect(amountOf({ label: { minReady: 3 }, nodes: nodes(3) })).toBe(0);
  });

  it('is nothing, not less, when there are more', () => {
    expect(deficitOf({ label: { minReady: 3 }, nodes: nodes(5), demand: 1 })).toMatchObject({
      amount: 0,
      forDemand: 0,
    });
  });

  it('adds demand to min-ready and tells the two apart', () => {
    expect(deficitOf({ label: { minReady: 3 }, nodes: nodes(1), demand: 5 })).toEqual({
      label: 'small',
      amount: 7,
      forDemand: 4,
      forRequests: 0,
      dropped: 0,
      room: 96,
    });
  });

  it('is demand alone for a label without min-ready nodes', () => {
    expect(amountOf({ label: { minReady: 0 }, demand: 2 })).toBe(2);
    expect(amountOf({ label: { minReady: 0 } })).toBe(0);
  });

  it('does not exist for a disabled label, whatever the demand', () => {
    expect(deficitOf({ label: { minReady: -1 }, demand: 9 })).toBeUndefined();
  });

  it('is found for each label in the order of the configuration', () => {
    const labels = new Map(['b', 'a'].map((name) => [name, aLabel({ name })]));
    const deficits = countDeficits({
      labels,
      nodes: nodes(1, { label: 'a' }),
      demand: new Map(),
      requested: new Map(),
      targets: allOpen('zuul'),
      room: roomIn({ cloud: 96 }),
    });
    expect(deficits.map(({ label, amount }) => [label, amount])).toEqual([
      ['b', 2],
      ['a', 1],
    ]);
  });
});

describe('what counts as there', () => {
  it.each<[NodeState, number]>([
    ['building', 1],
    ['test', 1],
    ['ready', 1],
    ['used', 1],
    ['hold', 2],
    ['delete', 2],
  ])('leaves, with one of two nodes in state %s, a deficit of %i', (state, amount) => {
    expect(amountOf({ nodes: [aNode({ state })] })).toBe(amount);
  });

  it('is a node on an online target, not one on an offline target', () => {
    const there = [aNode({ target: 'jenkins1' }), aNode({ target: 'jenkins2' })];
    expect(amountOf({ nodes: there, online: ['jenkins1', 'jenkins2'] })).toBe(0);
    expect(amountOf({ nodes: there, online: ['jenkins1'] })).toBe(1);
  });

  it('is a node, not its subnodes', () => {
    expect(amountOf({ nodes: [aNode({ subnodes: [aSubnode(), aSubnode()] })], label: { subnodes: 2 } })).toBe(1);
  });

  it('is a node of the label, not of another', () => {
    expect(amountOf({ nodes: nodes(2, { label: 'other' }) })).toBe(2);
  });
});

describe('min-ready where places are short', () => {
  it('is kept when demand and min-ready just fit', () => {
    expect(amountOf({ label: { minReady: 2 }, demand: 3, available: { cloud: 5 } })).toBe(5);
  });

  it('gives way to demand when one place is missing', () => {
    const deficit = deficitOf({ label: { minReady: 2 }, demand: 3, available: { cloud: 4 } });
    expect(deficit).toMatchObject({ amount: 3, forDemand: 3, dropped: 2, room: 4 });
  });

  it('takes what room there is while no work waits', () => {
    expect(deficitOf({ label: { minReady: 10 }, available: { cloud: 4 } })).toMatchObject({ amount: 4, dropped: 6 });
  });

  it('takes no room while work waits for another label', () => {
    const labels = [aLabel({ name: 'idle', minReady: 10 }), aLabel({ name: 'wanted', minReady: 0 })];
    const [idle] = countDeficits({
      labels: new Map(labels.map((label) => [label.name, label])),
      nodes: [],
      demand: new Map([['wanted', 1]]),
      requested: new Map(),
      targets: allOpen('zuul'),
      room: roomIn({ cloud: 4 }),
    });
    expect(idle).toMatchObject({ amount: 0, dropped: 10 });
  });

  it('does not lower the demand, even if that does not fit either', () => {
    expect(deficitOf({ demand: 50, available: { cloud: 4 } })).toMatchObject({ amount: 50, dropped: 2 });
  });

  it('counts the places of all providers of the label, and of no other', () => {
    const label = { minReady: 5, providers: ['p1', 'p2'] };
    expect(amountOf({ label, available: { p1: 2, p2: 3, p3: 50 } })).toBe(5);
    expect(amountOf({ label, demand: 1, available: { p1: 2, p2: 2, p3: 50 } })).toBe(1);
  });

  it('is weighed with the places of the subnodes', () => {
    const label = { minReady: 2, subnodes: 2 };
    expect(amountOf({ label, available: { cloud: 6 } })).toBe(2);
    expect(amountOf({ label, available: { cloud: 5 } })).toBe(1);
    expect(amountOf({ label, demand: 1, available: { cloud: 8 } })).toBe(1);
    expect(amountOf({ label, demand: 1, available: { cloud: 9 } })).toBe(3);
  });

  it('takes a set to need one provider', () => {
    const label = { minReady: 1, subnodes: 2, providers: ['p1', 'p2'] };
    expect(amountOf({ label, available: { p1: 3, p2: 0 } })).toBe(1);
    expect(amountOf({ label, available: { p1: 2, p2: 2 } })).toBe(0);
  });
});

it('counts the nodes on each online target by label, in any state', () => {
  const there = [
    aNode({ target: 'a' }),
    aNode({ target: 'a', state: 'delete' }),
    aNode({ target: 'a', label: 'big', state: 'hold' }),
    aNode({ target: 'offline' }),
  ];
  expect(countTargetLoads(there, ['b', 'a'], new Set(['b']))).toEqual([
    { name: 'b', isOpen: true, current: new Map() },
    {
      name: 'a',
      isOpen: false,
      current: new Map([
        ['small', 2],
        ['big', 1],
      ]),
    },
  ]);
});

describe('requests and queues', () => {
  /** Targets `open` and `served`; nodes are given as `state@target`. */
  function needs(
    { requested = 0, queued = 0, minReady = 0 }: { requested?: number; queued?: number; minReady?: number },
    there: readonly NodeRecord[],
    targets: Partial<TargetsInUse> = {},
  ): Pick<Deficit, 'amount' | 'forDemand' | 'forRequests'> {
    const [deficit] = countDeficits({
      labels: new Map([['small', aLabel({ minReady })]]),
      nodes: there,
      demand: new Map([['small', queued]]),
      requested: new Map([['small', requested]]),
      targets: {
        counted: new Set(['open', 'served']),
        open: new Set(['open']),
        hasServed: true,
        canServe: true,
        ...targets,
      },
      room: roomIn({ cloud: 96 }),
    });
    const { amount, forDemand, forRequests } = deficit!;
    return { amount, forDemand, forRequests };
  }
  const at = (target: string, count: number, overrides: Partial<NodeRecord> = {}): NodeRecord[] =>
    nodes(count, { target, ...overrides });
  const ONLY_OPEN = { counted: new Set(['open']), hasServed: false, canServe: false };

  it('want nodes of targets of their own, whatever the others have', () => {
    expect(needs({ requested: 3 }, at('served', 10))).toEqual({ amount: 3, forDemand: 3, forRequests: 3 });
    expect(needs({ queued: 3 }, at('open', 10))).toEqual({ amount: 3, forDemand: 3, forRequests: 0 });
    expect(needs({ requested: 2, queued: 3 }, [...at('open', 1), ...at('served', 1)])).toEqual({
      amount: 3,
      forDemand: 3,
      forRequests: 1,
    });
  });

  it('want nothing where theirs are there or under way', () => {
    const building = at('open', 2, { state: 'building' });
    const working = at('served', 2, { state: 'used' });
    const none = { amount: 0, forDemand: 0, forRequests: 0 };
    expect(needs({ requested: 3, queued: 3 }, [...building, ...at('open', 1), ...working, ...at('served', 1)])).toEqual(
      none,
    );
  });

  it('share the nodes of open targets where there are no others', () => {
    expect(needs({ requested: 2, queued: 3 }, at('open', 4), ONLY_OPEN)).toMatchObject({ amount: 1, forRequests: 0 });
    expect(needs({ requested: 5, queued: 1 }, at('open', 4), ONLY_OPEN)).toMatchObject({ amount: 2, forRequests: 1 });
  });

  it('do not take for theirs what others use, be it under a lease or by a job', () => {
    const leased = at('open', 2, { state: 'used', requestId: 1 });
    const working = at('open', 2, { state: 'used' });
    expect(needs({ requested: 2 }, leased, ONLY_OPEN)).toMatchObject({ amount: 2, forRequests: 2 });
    expect(needs({ requested: 2 }, working, ONLY_OPEN)).toMatchObject({ amount: 2, forRequests: 2 });
    // Jobs that run are part of what queues want; a lease is part of nothing that waits.
    expect(needs({ queued: 2 }, working, ONLY_OPEN)).toMatchObject({ amount: 0 });
    expect(needs({ queued: 2 }, leased, ONLY_OPEN)).toMatchObject({ amount: 2, forRequests: 0 });
  });

  it('do not take for free what was granted, or handed to a target, before', () => {
    const strange = [...at('open', 1, { requestId: 9 }), ...at('open', 1, { registerAt: 1 })];
    expect(needs({ requested: 2 }, strange)).toMatchObject({ amount: 2, forRequests: 2 });
  });

  it('and min-ready are not served by what was handed to a target that hands nothing out any more', () => {
    const handed = at('open', 1, { registerAt: 1 });
    expect(needs({ minReady: 1 }, handed)).toMatchObject({ amount: 1 });
    expect(needs({ queued: 1 }, handed, ONLY_OPEN)).toMatchObject({ amount: 1, forDemand: 1 });
  });

  it('want min-ready on top', () => {
    expect(needs({ requested: 2, queued: 3, minReady: 4 }, [])).toEqual({ amount: 9, forDemand: 5, forRequests: 2 });
    expect(needs({ requested: 2, minReady: 4 }, at('open', 6))).toEqual({ amount: 0, forDemand: 0, forRequests: 0 });
  });

  it('want nothing for queues while no target that serves them gets nodes', () => {
    const away = { counted: new Set(['open']), canServe: false };
    expect(needs({ requested: 1, queued: 3, minReady: 1 }, [], away)).toEqual({
      amount: 2,
      forDemand: 1,
      forRequests: 1,
    });
    expect(needs({ requested: 1, queued: 3, minReady: 1 }, [])).toEqual({ amount: 5, forDemand: 4, forRequests: 1 });
  });
});
