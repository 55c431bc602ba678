import { describe, expect, it } from 'vitest';
import { NODE_STATE_LIMIT_MS } from '../../../src/lifecycle/limits.ts';
import type { JobRecord, NodeRecord } from '../../../src/lifecycle/records.ts';
import type { Busy, Subject, World } from '../../../src/planning/world.ts';
import { aListing, aNode, aRequest, NOW } from '../../support/builders.ts';
import { aJobRule } from '../../support/hand-over.ts';
import { ago, later, minutes, orders, ordersIn, restOf, situation, type Situation } from '../../support/planned.ts';

/** A node whose job ended `agoMs` ago. */
const ended = (id: number, jobResult: string | null = 'SUCCESS', overrides: Partial<NodeRecord> = {}): NodeRecord =>
  aNode({
    id,
    state: 'used',
    stateAt: ago(minutes(30)),
    jobName: 'unit',
    jobResult,
    jobDoneAt: ago(5000),
    ...overrides,
  });
const heldBy = (rule: number, id: number): NodeRecord =>
  aNode({ id, state: 'hold', heldFrom: 'used', heldBy: rule, jobResult: 'FAILURE' });
const HELD = 'hold-node node:1: auto-hold (rule 3)';
const rule = (overrides: Partial<JobRecord> = {}): JobRecord => aJobRule({ id: 3, ...overrides });
/** What becomes of nodes, but for the deletion of their servers. */
const ofNodes = (overrides: Situation): string[] =>
  ordersIn(overrides).filter((line) => /^(retire|hold)-node/.test(line));

describe('a node on which a job has ended', () => {
  it('goes a minute later, not before, and the plan wakes for it', () => {
    const world = (doneAt: number): World => situation({ nodes: [ended(1, 'SUCCESS', { jobDoneAt: doneAt })] });
    expect(orders(world(ago(minutes(1))))).toEqual(['retire-node node:1: job-ended (unit)']);
    expect([orders(world(ago(minutes(1) - 1))), restOf(world(ago(minutes(1) - 1)))]).toEqual([[], 1]);
  });

  it.each<[string | null, string]>([
    ['SUCCESS', 'job-ended'],
    [null, 'job-ended'],
    ['FAILURE', 'job-failed'],
    ['UNSTABLE', 'job-failed'],
    ['ABORTED', 'job-failed'],
  ])('with %s goes because of %s', (result, reason) => {
    const nodes = [ended(1, result, { jobDoneAt: ago(minutes(2)) })];
    expect(ordersIn({ nodes })).toEqual([`retire-node node:1: ${reason} (unit)`]);
  });

  it('goes at once when that was its request, which says itself that it is done', () => {
    expect(ordersIn({ nodes: [ended(1, 'FAILURE', { requestId: 9, jobDoneAt: NOW })] })).toEqual([
      'retire-node node:1: job-failed (unit)',
    ]);
  });

  it('goes at once when its end seems to lie ahead, because the clock was set back', () => {
    const doneIn = (ms: number): string[] => ordersIn({ nodes: [ended(1, 'SUCCESS', { jobDoneAt: NOW + ms })] });
    expect(doneIn(minutes(1) + 1)).toEqual(['retire-node node:1: job-ended (unit)']);
    // Clocks of daemons differ a little.
    expect(doneIn(minutes(1))).toEqual([]);
  });

  it('stays with --no-deletes', () => {
    const nodes = [ended(1, 'SUCCESS', { jobDoneAt: ago(minutes(9)) })];
    expect(ordersIn({ nodes, switches: { launches: true, deletes: false, images: true } })).toEqual([]);
  });

  it('goes when its server is gone, whoever wants it held', () => {
    const world = situation({ nodes: [ended(1, 'FAILURE')], jobs: [rule()], cloud: { servers: aListing([]) } });
    const ofNode = (ms: number): string | undefined => orders(later(world, { ms }))[0];
    expect([ofNode(minutes(5) - 1), ofNode(minutes(5))]).toEqual([HELD, 'retire-node node:1: server-gone']);
  });
});

describe('a node in use of which nothing is known', () => {
  it('goes after eight hours, as in a database of the original, and not before', () => {
    const used = (stateAt: number): NodeRecord => aNode({ id: 1, state: 'used', stateAt, reason: null });
    expect(ordersIn({ nodes: [used(ago(NODE_STATE_LIMIT_MS + 1001))] })).toEqual(['retire-node node:1: state-timeout']);
    expect(ordersIn({ nodes: [used(ago(NODE_STATE_LIMIT_MS))] })).toEqual([]);
  });

  it('is left to its lease, however old it is', () => {
    const requests = [aRequest({ id: 9, state: 'granted' })];
    const old = aNode({ state: 'used', requestId: 9, stateAt: ago(3 * NODE_STATE_LIMIT_MS) });
    expect(ordersIn({ nodes: [old], requests })).toEqual([]);
  });
});

describe('a node on which a job has failed', () => {
  const failed = ended(1, 'FAILURE');

  it('is held when a rule wants it, and goes otherwise', () => {
    expect(ofNodes({ nodes: [failed], jobs: [rule()] })).toEqual([HELD]);
    expect(ofNodes({ nodes: [ended(1, 'FAILURE', { jobDoneAt: ago(minutes(1)) })], jobs: [rule()] })).toEqual([HELD]);
    expect(ofNodes({ nodes: [failed] })).toEqual([]);
  });

  it.each<[string, Partial<JobRecord>, boolean]>([
    ['of its job', { name: 'unit' }, true],
    ['of another job', { name: 'unit-2' }, false],
    ['of its label', { label: 'small' }, true],
    ['of another label', { label: 'large' }, false],
    ['that holds none', { holdOnFailure: 0 }, false],
    ['that has run out', { expiresAt: NOW }, false],
    ['that has not run out', { expiresAt: NOW + 1 }, true],
  ])('is wanted by a rule %s: %o', (_, overrides, isHeld) => {
    expect(ofNodes({ nodes: [failed], jobs: [rule(overrides)] })).toEqual(isHeld ? [HELD] : []);
  });

  it.each([['SUCCESS'], [null]])('is not one whose job ended with %s', (result) => {
    expect(ofNodes({ nodes: [ended(1, result)], jobs: [rule()] })).toEqual([]);
  });

  it('is held after its lease has ended with a failure, though that lasted longer than a node may be used', () => {
    const long = { requestId: 9, stateAt: ago(3 * NODE_STATE_LIMIT_MS), jobName: 'alice' };
    expect(ofNodes({ nodes: [ended(1, 'FAILURE', long)], jobs: [rule({ name: 'alice' })] })).toEqual([HELD]);
  });

  it('is held once: one that an operator has given back goes', () => {
    const given = { jobDoneAt: ago(minutes(9)), stateAt: ago(minutes(2)), reason: 'operator' };
    expect(ofNodes({ nodes: [ended(1, 'FAILURE', given)], jobs: [rule()] })).toEqual([
      'retire-node node:1: job-failed (unit)',
    ]);
    // Given back before its job failed, it is like any other.
    expect(ofNodes({ nodes: [ended(1, 'FAILURE', { ...given, jobDoneAt: ago(1000) })], jobs: [rule()] })).toEqual([
      HELD,
    ]);
  });

  it('is held by the first rule that may have more', () => {
    const jobs = [rule({ id: 2 }), rule({ id: 3, name: 'unit' }), rule({ id: 4 })];
    expect(ofNodes({ nodes: [failed, heldBy(2, 7)], jobs })).toEqual([HELD]);
    expect(ofNodes({ nodes: [failed, heldBy(2, 7), heldBy(3, 8)], jobs })).toEqual([
      'hold-node node:1: auto-hold (rule 4)',
    ]);
  });

  it('is held again once another is given back', () => {
    const jobs = [rule({ holdOnFailure: 2 })];
    expect(ofNodes({ nodes: [failed, heldBy(3, 7), heldBy(3, 8)], jobs })).toEqual([]);
    expect(ofNodes({ nodes: [failed, heldBy(3, 7)], jobs })).toEqual([HELD]);
  });
});

describe('rules', () => {
  const nodes = [
    ended(1, 'FAILURE', { jobDoneAt: ago(1000) }),
    ended(2, 'FAILURE', { jobDoneAt: ago(3000), provider: 'else' }),
    ended(3, 'FAILURE', { jobDoneAt: ago(2000) }),
  ];
  const jobs = [rule({ holdOnFailure: 2 })];
  const clouds = new Map([...situation({ nodes }).clouds, ['else', situation().clouds.get('cloud')!]]);
  const heldWith = (overrides: Situation): string[] =>
    ordersIn({ nodes, jobs, clouds, ...overrides }).filter((line) => line.startsWith('hold-node'));

  it('hold no more than they want, those whose jobs failed first', () => {
    const one = nodes.map((node) => ({ ...node, provider: 'cloud' }));
    expect(heldWith({ nodes: one, clouds: situation({ nodes: one }).clouds })).toEqual([
      'hold-node node:2: auto-hold (rule 3)',
      'hold-node node:3: auto-hold (rule 3)',
    ]);
  });

  it('hold no more by several daemons together than by one', () => {
    expect(heldWith({ leases: new Set(['provider:cloud']) })).toEqual(['hold-node node:3: auto-hold (rule 3)']);
  });

  it('hold no more while a node is just being held', () => {
    const busy = new Map<Subject, Busy>([['node:3', { until: 'done' }]]);
    expect(heldWith({ leases: new Set(['provider:cloud']), busy })).toEqual([]);
  });
});

describe('a held node', () => {
  it('goes when its time is over, not before, and never without one', () => {
    const held = (holdUntil: number | null): World =>
      situation({ nodes: [aNode({ id: 1, state: 'hold', holdUntil })] });
    expect(orders(held(NOW))).toEqual(['retire-node node:1: hold-expired']);
    expect([orders(held(NOW + 1)), restOf(held(NOW + 1))]).toEqual([[], 1]);
    expect(orders(held(null))).toEqual([]);
  });
});
