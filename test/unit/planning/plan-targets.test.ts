import { describe, expect, it } from 'vitest';
import { TEST_LIMIT_MS } from '../../../src/lifecycle/limits.ts';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { Agent, Busy, Subject, TargetView, World } from '../../../src/planning/world.ts';
import {
  aCloudView,
  aConfig,
  aLabel,
  aListing,
  aNode,
  aSubnode,
  aTarget,
  NOW,
  readyImagesOf,
  type ConfigOverrides,
} from '../../support/builders.ts';
import { aJenkinsTarget, aTargetView } from '../../support/hand-over.ts';
import {
  ago,
  later,
  minutes,
  notesOf,
  orders,
  ordersIn,
  restOf,
  situation,
  type Situation,
} from '../../support/planned.ts';

const QUIET = [aLabel({ minReady: 0 })];
const JENKINS = aConfig({ labels: QUIET, targets: [aJenkinsTarget()] });
const TESTED = aConfig({ labels: QUIET, targets: [aJenkinsTarget({}, { testJob: 'node-test' })] });
const GEARMAN = aConfig({ labels: QUIET, targets: [aTarget({ name: 'jenkins', assignViaGearman: true })] });
const BOTH = aConfig({ labels: QUIET, targets: [aJenkinsTarget({ assignViaGearman: true })] });

const node = (overrides: Partial<NodeRecord> = {}): NodeRecord => aNode({ id: 1, target: 'jenkins', ...overrides });
const REGISTERED = { registerAt: ago(20_000), registeredAt: ago(19_000) };
const IDLE: Agent = { isBusy: false };
const BUSY: Agent = { isBusy: true };

/** The same, not to be asked again for a while. */
const lasting = (view: TargetView): TargetView => ({ ...view, dueAt: NOW + 100_000 });
/** A world with a Jenkins that has answered just now. */
const withJenkins = (overrides: Situation = {}, view: TargetView = aTargetView()): World =>
  situation({ config: JENKINS, targets: new Map([['jenkins', view]]), ...overrides });
const agent = (one: Agent, takenAt = NOW): TargetView =>
  aTargetView({ takenAt, agents: new Map([['small-cloud-1', one]]) });
const busyWith = (subject: Subject, state: Busy = { until: 'done' }): Map<Subject, Busy> => new Map([[subject, state]]);

describe('the Jenkins of a target', () => {
  const CHECK = ['check-target target:jenkins: status-needed'];

  it('is asked how it is at once, and again when that is due, not before', () => {
    expect(ordersIn({ config: JENKINS })).toEqual(CHECK);
    const asked = (dueAt: number): World => withJenkins({}, { ...aTargetView(), dueAt });
    expect(orders(asked(NOW))).toEqual(CHECK);
    expect([orders(asked(NOW + 1)), restOf(asked(NOW + 1))]).toEqual([[], 1]);
  });

  it('is asked by each daemon that acts, and by no other', () => {
    const asks = (overrides: Situation): boolean => ordersIn({ config: JENKINS, ...overrides }).includes(CHECK[0]!);
    expect(asks({ leases: new Set(['supply']) })).toBe(true);
    expect(asks({ leases: new Set(['provider:cloud']) })).toBe(true);
    expect(asks({ leases: new Set(['images:x']) })).toBe(false);
    expect(asks({ switches: { launches: false, deletes: false, images: true } })).toBe(false);
  });

  it('is not there for a target without one, or without a way to log in to it', () => {
    const targets = [aTarget(), aJenkinsTarget({}, { apikey: null })];
    expect(ordersIn({ config: aConfig({ labels: QUIET, targets }) })).toEqual([]);
  });
});

describe('a target that is not online', () => {
  const TWO: ConfigOverrides = { targets: [aJenkinsTarget(), aTarget({ name: 'other' })] };
  const launches = (config: ConfigOverrides, view: TargetView | null, nodes: readonly NodeRecord[] = []): string[] => {
    const resolved = aConfig(config);
    const targets = new Map(view === null ? [] : [['jenkins', view]]);
    return ordersIn({ config: resolved, images: readyImagesOf(resolved), targets, nodes })
      .filter((line) => line.startsWith('launch-nodes'))
      .flatMap((line) => line.replace(/^.*\((.*)\)$/, '$1').split(', '));
  };

  it.each<[string, TargetView | null]>([
    ['has not answered yet', null],
    ['does not answer: HTTP 503', aTargetView(null, 'HTTP 503')],
    ['is quieting down', aTargetView({ isQuietingDown: true })],
  ])('because its Jenkins %s gets no nodes, and the plan says why', (why, view) => {
    expect(launches(TWO, view)).toEqual(['small@cloud/any>other for min-ready', 'small@cloud/any>other for min-ready']);
    expect(launches({ targets: [aJenkinsTarget()] }, view)).toEqual([]);
    const config = aConfig(TWO);
    const targets = new Map(view === null ? [] : [['jenkins', view]]);
    expect(notesOf(plan(situation({ config, targets })))).toContain(
      `target jenkins: gets no nodes: its Jenkins ${why}`,
    );
  });

  it('has its nodes replaced elsewhere when its Jenkins was asked in vain, and not before it was asked', () => {
    const nodes = [1, 2].map((id) => node({ id, ...REGISTERED }));
    expect(launches(TWO, aTargetView(null, 'HTTP 503'), nodes)).toHaveLength(2);
    expect(launches(TWO, null, nodes)).toEqual([]);
  });

  it('is online again with the next good answer', () => {
    expect(launches({ targets: [aJenkinsTarget()] }, aTargetView())).toHaveLength(2);
  });
});

describe('a target whose launchers have refused a node', () => {
  const zuul = aTarget({ name: 'zuul', assignViaGearman: true });
  const refusing = (until: number): ReadonlyMap<string, TargetView> =>
    new Map([['zuul', { ...aTargetView(null), refusal: { error: 'the job failed', until } }]]);

  it('is offered none, and gets none, until the pause is over', () => {
    const config = aConfig({ targets: [zuul] });
    const during = plan(situation({ config, nodes: [aNode({ target: 'zuul' })], targets: refusing(NOW + 4000) }));
    expect(during.actions.map(({ kind }) => kind)).toEqual([]);
    const offeredAt = new Date(NOW + 4000).toISOString();
    expect(notesOf(during)).toContain(
      `target zuul: gets no nodes: its launchers refused a node, the next one is offered at ${offeredAt}: the job failed`,
    );
    expect(during.nextWakeAt).toBe(NOW + 4000);
    const after = plan(situation({ config, nodes: [aNode({ target: 'zuul' })], targets: refusing(NOW) }));
    expect(after.actions.map(({ kind }) => kind)).toContain('register-node');
  });
});

describe('a node that is READY at a target that hands nodes out', () => {
  const REGISTER = ['register-node handover:1: handover'];

  it('is registered there, again and again until it has worked', () => {
    expect(orders(withJenkins({ nodes: [node()] }))).toEqual(REGISTER);
    expect(orders(withJenkins({ nodes: [node({ registerAt: ago(5000) })] }))).toEqual(REGISTER);
    expect(orders(withJenkins({ nodes: [node(REGISTERED)] }, agent(IDLE)))).toEqual([]);
  });

  it('is registered at no target that is open', () => {
    expect(ordersIn({ nodes: [aNode()] })).toEqual([]);
  });

  it('waits for a Jenkins that is not there, or starts no jobs', () => {
    const views = [aTargetView(null, 'HTTP 503'), aTargetView({ isQuietingDown: true })];
    for (const view of views) expect(orders(withJenkins({ nodes: [node()] }, view))).toEqual([]);
  });

  it('is not registered with --no-launches, nor by whoever does not act on its provider', () => {
    const switches = { launches: false, deletes: true, images: true };
    expect(orders(withJenkins({ nodes: [node()], switches }))).toEqual([]);
    expect(orders(withJenkins({ nodes: [node()], leases: new Set(['supply']) }))).toEqual([]);
  });

  it('is registered once more when its Jenkins has lost it for half a minute, and not before', () => {
    const lost = withJenkins({ nodes: [node(REGISTERED)] });
    const seen = (ms: number): string[] =>
      orders(later(lost, { ms, targets: new Map([['jenkins', lasting(aTargetView({ takenAt: NOW + ms }))]]) }));
    expect([orders(lost), seen(29_999), seen(30_000)]).toEqual([[], [], REGISTER]);
  });

  it('is not taken for lost by an answer from before it was registered', () => {
    const lost = withJenkins({ nodes: [node({ ...REGISTERED, registeredAt: NOW })] });
    expect(plan(lost).memory.sightings.size).toBe(0);
  });

  it('is not registered once more where a Gearman worker has taken it', () => {
    const lost = withJenkins({ config: BOTH, nodes: [node(REGISTERED)] });
    const view = aTargetView({ takenAt: NOW + 60_000 });
    expect(orders(later(lost, { ms: 60_000, targets: new Map([['jenkins', view]]) }))).not.toContain(REGISTER[0]);
  });
});

describe('a node that may have been taken by a Gearman worker', () => {
  const offered = node({ registerAt: ago(5000) });

  it('goes unless it is known by which', () => {
    expect(ordersIn({ config: GEARMAN, nodes: [offered] })).toEqual(['retire-node node:1: handover-lost']);
    expect(ordersIn({ config: GEARMAN, nodes: [node(REGISTERED)] })).toEqual([]);
  });

  it('stays while a worker is waited for, and not while that has merely failed', () => {
    expect(ordersIn({ config: GEARMAN, nodes: [offered], busy: busyWith('handover:1') })).toEqual([]);
    const busy = busyWith('handover:1', { until: NOW + 5000 });
    expect(ordersIn({ config: GEARMAN, nodes: [offered], busy })).toEqual(['retire-node node:1: handover-lost']);
  });

  it('is offered once, when nobody has heard of it', () => {
    expect(ordersIn({ config: GEARMAN, nodes: [node()] })).toEqual(['register-node handover:1: handover']);
  });
});

describe('a node in its acceptance test', () => {
  const tested = (overrides: Partial<NodeRecord> = {}): NodeRecord => node({ state: 'test', ...overrides });
  const ordersFor = (overrides: Partial<NodeRecord>): string[] =>
    orders(withJenkins({ config: TESTED, nodes: [tested(overrides)] }));

  it('is registered, then tested, once', () => {
    expect(ordersFor({})).toEqual(['register-node handover:1: handover']);
    expect(ordersFor(REGISTERED)).toEqual(['start-test handover:1: next-step']);
    expect(ordersFor({ ...REGISTERED, testAt: ago(1000) })).toEqual([]);
  });

  it('passes with SUCCESS, and goes with anything else', () => {
    const ended = { ...REGISTERED, testAt: ago(5000), jobDoneAt: ago(1000) };
    expect(ordersFor({ ...ended, jobResult: 'SUCCESS' })).toEqual(['pass-test handover:1: next-step']);
    expect(ordersFor({ ...ended, jobResult: 'FAILURE' })).toEqual(['retire-node node:1: test-failed (FAILURE)']);
    expect(ordersFor({ ...ended, jobResult: null })).toEqual(['retire-node node:1: test-failed']);
  });

  it('has five minutes for it, and not more', () => {
    const ended = { ...REGISTERED, testAt: ago(5000) };
    expect(ordersFor({ ...ended, stateAt: ago(TEST_LIMIT_MS + 1001) })).toEqual(['retire-node node:1: state-timeout']);
    expect(ordersFor({ ...ended, stateAt: ago(TEST_LIMIT_MS) })).toEqual([]);
  });
});

describe('a node that is held', () => {
  const held = (overrides: Partial<NodeRecord> = {}): NodeRecord =>
    node({ state: 'hold', heldFrom: 'ready', stateAt: ago(60_000), ...REGISTERED, ...overrides });

  it('was used when its Jenkins gives it a job all the same', () => {
    const started = ['note-job node:1: job-seen (started)'];
    expect(orders(withJenkins({ nodes: [held()] }, agent(BUSY)))).toEqual(started);
    expect(orders(withJenkins({ nodes: [held()] }, agent(IDLE)))).toEqual([]);
    expect(orders(withJenkins({ nodes: [held({ heldFrom: 'used' })] }, agent(BUSY)))).toEqual([]);
    // Said before it was held.
    expect(orders(withJenkins({ nodes: [held()] }, agent(BUSY, ago(60_000))))).toEqual([]);
  });
});

describe('a job that no event told of', () => {
  const started = 'note-job node:1: job-seen (started)';
  const ended = 'note-job node:1: job-seen (ended)';
  const used = node({ state: 'used', stateAt: ago(60_000), ...REGISTERED });
  /** What is ordered `ms` after an answer that shows `first`, when the Jenkins shows `then`. */
  const after = (ms: number, first: TargetView, then: TargetView = first): string[] => {
    const world = withJenkins({ nodes: [used] }, first);
    const answer = then.answer && { ...then.answer, takenAt: NOW + ms };
    return orders(later(world, { ms, targets: new Map([['jenkins', lasting({ ...then, answer })]]) }));
  };

  it('has begun when its Jenkins shows the READY node at work, by an answer that is newer than the node', () => {
    expect(orders(withJenkins({ nodes: [node(REGISTERED)] }, agent(BUSY)))).toEqual([started]);
    expect(orders(withJenkins({ nodes: [node(REGISTERED)] }, agent(IDLE)))).toEqual([]);
    expect(orders(withJenkins({ nodes: [node(REGISTERED)] }, agent(BUSY, ago(19_000))))).toEqual([]);
  });

  it('has ended when its Jenkins has shown the node idle for half a minute, and not before', () => {
    expect([after(29_999, agent(IDLE)), after(30_000, agent(IDLE))]).toEqual([[], [ended]]);
  });

  it('has ended when the Jenkins has lost the node, as all of them', () => {
    expect(after(30_000, aTargetView())).toEqual([ended]);
  });

  it('has not ended while it is seen, nor where it was seen in between', () => {
    expect(after(30_000, agent(BUSY))).toEqual([]);
    expect(after(30_000, agent(BUSY), agent(IDLE))).toEqual([]);
  });

  it('is not judged by a Jenkins that does not answer, or that is not configured any more', () => {
    expect(after(40_000, agent(IDLE), aTargetView(null, 'HTTP 503'))).toEqual([]);
    const world = withJenkins({ nodes: [node(REGISTERED)] }, agent(BUSY));
    const config = aConfig({ labels: QUIET, targets: [aTarget({ name: 'jenkins' })] });
    expect(orders({ ...world, config })).toEqual([]);
  });

  it('is not judged by an answer from before it began', () => {
    const young = { ...used, stateAt: NOW };
    const world = withJenkins({ nodes: [young] }, agent(IDLE, NOW + 999));
    expect(plan(world).memory.sightings.size).toBe(0);
  });

  it('is not looked for once its end is known', () => {
    const nodes = [{ ...used, jobDoneAt: ago(5000) }];
    expect(orders(withJenkins({ nodes }, agent(IDLE)))).toEqual([]);
  });
});

describe('a node that goes', () => {
  const doomed = node({ state: 'delete', ...REGISTERED });
  const gone = node({ state: 'delete', ...REGISTERED, serverId: null, attemptAt: null });
  const UNREGISTER = 'unregister-node handover:1: handover';

  it('is taken from its target beside the deletion of its servers', () => {
    expect(orders(withJenkins({ nodes: [doomed] }))).toEqual([
      UNREGISTER,
      'delete-server node:1: deleted (node-server-1)',
    ]);
  });

  it('keeps its row until its target has let go of it', () => {
    expect(orders(withJenkins({ nodes: [gone] }))).toEqual([UNREGISTER]);
    expect(orders(withJenkins({ nodes: [gone], busy: busyWith('handover:1') }))).toEqual([]);
    const released = { ...gone, registerAt: null };
    expect(orders(withJenkins({ nodes: [released], busy: busyWith('handover:1') }))).toEqual([]);
    expect(orders(withJenkins({ nodes: [released] }))).toEqual(['remove-node node:1: gone']);
  });

  it('is taken from a target that may have been told of it, although that was not answered', () => {
    expect(orders(withJenkins({ nodes: [{ ...gone, registeredAt: null }] }))).toEqual([UNREGISTER]);
  });

  it('is not asked for at a Jenkins that is known to be away, and is at one of which nothing is known', () => {
    expect(orders(withJenkins({ nodes: [gone] }, aTargetView(null, 'HTTP 503')))).toEqual([]);
    expect(ordersIn({ config: JENKINS, nodes: [gone] })).toContain(UNREGISTER);
  });

  it('takes no place at its provider while it waits for its target alone', () => {
    const subnodes = [aSubnode({ id: 5, deleteAt: ago(5000) })];
    const listed = { servers: aListing([]) };
    const waiting = node({ state: 'delete', ...REGISTERED, deleteAt: ago(5000), subnodes });
    const away = aTargetView(null, 'HTTP 503');
    expect(orders(withJenkins({ nodes: [waiting], cloud: listed }, away))).toEqual([
      'forget-server node:1: gone',
      'forget-server subnode:5: gone',
    ]);
    const nothing = { serverId: null, attemptAt: null, deleteAt: null };
    const forgotten = { ...waiting, ...nothing, subnodes: [{ ...subnodes[0]!, ...nothing }] };
    expect(orders(withJenkins({ nodes: [forgotten], cloud: listed }, away))).toEqual([]);
  });

  it('goes at once where nothing is to be told: to an open target, or one that has left', () => {
    expect(ordersIn({ nodes: [{ ...gone, target: 'zuul' }] })).toEqual(['remove-node node:1: gone']);
    expect(ordersIn({ nodes: [{ ...gone, target: 'removed' }] })).toEqual(['remove-node node:1: gone']);
  });

  it('is taken from its target although its provider has left', () => {
    const config = aConfig({ labels: [aLabel({ minReady: 0, providers: ['else'] })], targets: [aJenkinsTarget()] });
    const clouds = new Map([['else', aCloudView()]]);
    const world = withJenkins({ config, clouds, images: readyImagesOf(config), nodes: [doomed] });
    expect(orders(world)).toEqual([UNREGISTER]);
    expect(orders({ ...world, nodes: [{ ...doomed, registerAt: null }] })).toEqual([
      'remove-node node:1: provider-removed (node-server-1)',
    ]);
  });
});

describe('a READY node that was handed to a target which by now hands nodes out to nobody', () => {
  const day = minutes(60 * 24);
  const handed = (stateAt: number): string[] =>
    ordersIn({ nodes: [node({ target: 'zuul', stateAt, ...REGISTERED })], config: aConfig({ labels: QUIET }) });

  it('has the time of one that is used, as a job may run on it, and then goes: nobody can have it any more', () => {
    expect(handed(ago(minutes(60)))).toEqual([]);
    expect(handed(ago(day))).toEqual(['retire-node node:1: state-timeout']);
  });

  it('stays where its target has somebody to hand nodes to', () => {
    const old = node({ stateAt: ago(day), ...REGISTERED });
    expect(ordersIn({ nodes: [old], config: GEARMAN })).toEqual([]);
    expect(orders(withJenkins({ nodes: [old] }, agent(IDLE)))).toEqual([]);
  });
});
