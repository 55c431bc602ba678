import { describe, expect, it } from 'vitest';
import type { LabelConfig } from '../../../src/config/types.ts';
import type { FailureRecord, NodeRecord, RequestRecord } from '../../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import {
  aConfig,
  aFlavor,
  aLabel,
  aNode,
  aProvider,
  aProviderImage,
  aRequest,
  aSubnode,
  aTarget,
  imagesNamed,
  limitsAt,
  NOW,
  readyImagesOf,
  type ConfigOverrides,
} from '../../support/builders.ts';
import { aJenkinsTarget, aTargetView } from '../../support/hand-over.ts';
import { ago, minutes, notesOf, orders, restOf, sharesOf, situation, type Situation } from '../../support/planned.ts';

const IDLE = aLabel({ name: 'idle', minReady: 3 });
const wanted = (overrides: Partial<LabelConfig> = {}): LabelConfig =>
  aLabel({ name: 'wanted', minReady: 0, ...overrides });
const waiting = (overrides: Partial<RequestRecord> = {}): RequestRecord =>
  aRequest({ id: 7, label: 'wanted', createdAt: ago(minutes(2)), ...overrides });
/** READY nodes for nobody; the first is the oldest. */
const idle = (count: number, overrides: Partial<NodeRecord> = {}): NodeRecord[] =>
  Array.from({ length: count }, (_, index) =>
    aNode({ id: index + 1, label: 'idle', stateAt: ago(minutes(60) - index * 1000), ...overrides }),
  );

/** A provider that is full of idle nodes, and a request that has waited for two minutes. */
function full({
  config: overrides = {},
  ...rest
}: Omit<Situation, 'config'> & { config?: ConfigOverrides } = {}): World {
  const config = aConfig({ labels: [IDLE, wanted()], providers: [aProvider({ maxServers: 3 })], ...overrides });
  return situation({ config, images: readyImagesOf(config), nodes: idle(3), requests: [waiting()], ...rest });
}

const retired = (world: World): string[] => orders(world).filter((line) => line.startsWith('retire-node'));
const launched = (world: World): string[] =>
  orders(world)
    .filter((line) => line.startsWith('launch-nodes'))
    .flatMap((line) => line.replace(/^.*\((.*)\)$/, '$1').split(', '));
const ROOM = ['retire-node node:1: room-needed (label wanted)'];

describe('a request without a place', () => {
  it('gets that of the oldest node that nobody waits for after two minutes, and not before', () => {
    expect(retired(full())).toEqual(ROOM);
    const early = full({ requests: [waiting({ createdAt: ago(minutes(2) - 1) })] });
    expect([retired(early), restOf(early)]).toEqual([[], 1]);
  });

  it('gets what those need who have waited so long, whoever’s turn is first, and not what younger ones need', () => {
    const urgent = aRequest({ id: 8, label: 'wanted', priority: 100, createdAt: NOW });
    expect(retired(full({ requests: [urgent, waiting()] }))).toEqual(ROOM);
    expect(retired(full({ requests: [waiting({ id: 8 }), waiting()] }))).toHaveLength(2);
  });

  it('has waited long enough when it was made before the clock was set back', () => {
    expect(retired(full({ requests: [waiting({ createdAt: NOW + 1 })] }))).toEqual(ROOM);
  });

  it('gets as many places as it lacks nodes, those of whole sets', () => {
    expect(retired(full({ requests: [waiting({ count: 2 })] }))).toHaveLength(2);
    const set = full({ config: { labels: [IDLE, wanted({ subnodes: 1 })] } });
    expect(retired(set)).toHaveLength(2);
    const idleSets = full({
      config: { labels: [{ ...IDLE, subnodes: 2 }, wanted({ subnodes: 1 })] },
      nodes: [aNode({ id: 1, label: 'idle', subnodes: [aSubnode(), aSubnode()] })],
    });
    expect(retired(idleSets)).toEqual(ROOM);
  });

  it('gets none where a place is free, or is about to be', () => {
    expect([retired(full({ nodes: idle(2) })), launched(full({ nodes: idle(2) }))]).toEqual([
      [],
      ['wanted@cloud/any>zuul for request'],
    ]);
    const going = aNode({ id: 9, label: 'idle', state: 'delete', deleteAt: NOW });
    expect(retired(full({ nodes: [...idle(2), going] }))).toEqual([]);
    const forgotten = { ...going, serverId: null, attemptAt: null };
    expect(launched(full({ nodes: [...idle(2), forgotten] }))).toEqual(['wanted@cloud/any>zuul for request']);
  });

  it('counts on the places that a set which goes still takes, and on no others', () => {
    const nothing = { serverId: null, attemptAt: null };
    const going = { id: 9, label: 'idle', state: 'delete', deleteAt: NOW } as const;
    // Only its subnode is still there.
    const rest = aNode({ ...going, ...nothing, subnodes: [aSubnode()] });
    expect(retired(full({ nodes: [...idle(2), rest] }))).toEqual([]);
    // Its subnode was never begun: that place is free, and is counted as such.
    const config = { providers: [aProvider({ maxServers: 4 })] };
    const half = aNode({ ...going, subnodes: [aSubnode(nothing)] });
    const nodes = [...idle(3), half];
    expect(retired(full({ config, nodes }))).toEqual([]);
    expect(retired(full({ config, nodes, requests: [waiting({ count: 2 })] }))).toEqual(ROOM);
  });

  it('gets none while a node for it is being launched', () => {
    const building = aNode({ id: 9, label: 'wanted', state: 'building' });
    expect(retired(full({ nodes: [...idle(2), building] }))).toEqual([]);
    // That is for whoever has waited longest, and the other has not waited for long.
    const young = waiting({ id: 8, createdAt: ago(1000) });
    expect(retired(full({ nodes: [...idle(2), building], requests: [waiting(), young] }))).toEqual([]);
  });

  it('gets none with --no-deletes, nor by a daemon that does not hold the supply', () => {
    expect(retired(full({ switches: { launches: true, deletes: false, images: true } }))).toEqual([]);
    expect(retired(full({ leases: new Set(['provider:cloud']) }))).toEqual([]);
    // Whose provider it is does not matter: the places are the supply's.
    expect(retired(full({ leases: new Set(['supply']) }))).toEqual(ROOM);
  });

  it('gets none of a provider that cannot supply it', () => {
    const providers = ['cloud', 'else'].map((name) => aProvider({ name, maxServers: 3 }));
    expect(retired(full({ config: { labels: [IDLE, wanted({ providers: ['else'] })], providers } }))).toEqual([]);
  });

  it('gets none for a set that would not fit all the same', () => {
    const config = { labels: [IDLE, wanted({ subnodes: 2 })] };
    const held = aNode({ id: 9, state: 'hold' });
    const inUse = aNode({ id: 9, state: 'used', requestId: 4 });
    const lease = aRequest({ id: 4, state: 'granted' });
    expect(retired(full({ config }))).toHaveLength(3);
    expect(retired(full({ config, nodes: [...idle(2), held] }))).toEqual([]);
    // It waits until the place in use is free, and only then the others go.
    expect(retired(full({ config, nodes: [...idle(2), inUse], requests: [waiting(), lease] }))).toEqual([]);
    const going = { ...inUse, state: 'delete' as const, deleteAt: NOW };
    expect(retired(full({ config, nodes: [...idle(2), going] }))).toHaveLength(2);
  });

  it('gets what it needs of cores and RAM, too', () => {
    const images = new Map([
      ['ubuntu', aProviderImage()],
      ['debian', aProviderImage({ name: 'debian', minRamMb: 16_000 })],
    ]);
    const flavors = [aFlavor(), aFlavor({ name: 'large', cores: 8, ramMb: 16_384 })];
    const config = {
      labels: [IDLE, wanted({ image: 'debian' })],
      providers: [aProvider({ images, maxServers: 9 })],
    };
    const cloud = { limits: limitsAt(NOW, { flavors, cores: 14 }) };
    expect(retired(full({ config, cloud }))).toHaveLength(2);
    expect(retired(full({ config, cloud: { limits: limitsAt(NOW, { flavors, cores: 20 }) } }))).toEqual([]);
  });
});

describe('a node that goes for a request', () => {
  const IMAGES = imagesNamed('ubuntu');

  it('is not one that somebody waits for: another request, or a job in a queue', () => {
    expect(retired(full({ requests: [waiting(), waiting({ id: 8, label: 'idle', count: 9 })] }))).toEqual(ROOM);
    expect(retired(full({ requests: [waiting(), waiting({ id: 8, label: 'idle', count: 3 })] }))).toEqual([]);
    expect(retired(full({ demand: new Map([['idle', 1]]) }))).toEqual([]);
  });

  it('is READY, and not in use, held or being launched', () => {
    const nodes = (['used', 'hold', 'building'] as const).map((state, id) =>
      aNode({ id: id + 1, label: 'idle', state }),
    );
    expect(retired(full({ nodes }))).toEqual([]);
  });

  it('may be one of the same label that a target has to itself', () => {
    const config = {
      labels: [wanted({ minReady: 3 })],
      targets: [aTarget(), aJenkinsTarget()],
    };
    const targets = new Map([['jenkins', aTargetView({ agents: new Map([['small-cloud-2', { isBusy: true }]]) })]]);
    const theirs = idle(3, { label: 'wanted', target: 'jenkins', registerAt: ago(9000), registeredAt: ago(9000) });
    // The second one is at work, although no event told.
    const nodes = [theirs[1]!, theirs[0]!, theirs[2]!];
    const world = full({ config, nodes, targets, requests: [waiting({ count: 3 })] });
    expect(retired(world)).toEqual([1, 3].map((id) => `retire-node node:${id}: room-needed (label wanted)`));
    expect(retired({ ...world, demand: new Map([['wanted', 1]]) })).toEqual([]);
  });

  it('is none that a Gearman worker has taken: nobody knows whether it is at work', () => {
    const config = { targets: [aTarget(), aTarget({ name: 'launchers', assignViaGearman: true })] };
    const taken = idle(3, { target: 'launchers', registerAt: ago(9000), registeredAt: ago(9000) });
    expect(retired(full({ config, nodes: taken }))).toEqual([]);
  });

  it('is none where launches have failed of late', () => {
    const failure: FailureRecord = {
      kind: 'launch',
      provider: 'cloud',
      image: 'ubuntu',
      az: null,
      count: 3,
      lastAt: ago(minutes(30) - 1),
      lastError: 'No valid host.',
      retryAt: ago(1),
    };
    const refusal: FailureRecord = { ...failure, kind: 'provider', image: null, count: 1 };
    const world = (record: FailureRecord): World =>
      full({ failures: [record], config: { providers: [aProvider({ maxServers: 3, images: IMAGES })] } });
    expect(retired(world(failure))).toEqual([]);
    expect(retired(world(refusal))).toEqual([]);
    expect(retired(world({ ...failure, count: 2 }))).toEqual(ROOM);
    expect(retired(world({ ...failure, lastAt: ago(minutes(30)) }))).toEqual(ROOM);
    expect(retired(world({ ...refusal, lastAt: ago(minutes(30)) }))).toEqual(ROOM);
    expect(restOf(world(failure))).toBe(1);
  });
});

describe('while a request has waited for long', () => {
  const free = (overrides: Omit<Situation, 'config'> = {}): World =>
    full({ config: { labels: [IDLE, wanted({ subnodes: 1 })] }, nodes: idle(2), ...overrides });

  it('no free place goes to min-ready where it could be served', () => {
    expect([launched(free()), retired(free())]).toEqual([[], ROOM]);
    expect(notesOf(plan(free()))).toContain(
      'label idle: 1 more for min-ready give way to requests that have waited for long (cloud has 1 server free of 3)',
    );
    const young = free({ requests: [waiting({ createdAt: ago(1000) })] });
    expect(launched(young)).toEqual(['idle@cloud/any>zuul for min-ready']);
  });

  it('what is free beyond what it needs goes to min-ready as ever', () => {
    const providers = (maxServers: number): ConfigOverrides => ({
      labels: [IDLE, wanted()],
      providers: [aProvider({ maxServers })],
    });
    const beside = (maxServers: number): string[] =>
      launched(full({ config: providers(maxServers), nodes: idle(1) })).map((launch) => launch.split('@')[0]!);
    expect(beside(4)).toEqual(['idle', 'idle', 'wanted']);
    expect(beside(3)).toEqual(['idle', 'wanted']);
    expect(beside(2)).toEqual(['wanted']);
  });

  it('places elsewhere go to min-ready as ever', () => {
    const config = {
      labels: [{ ...IDLE, providers: ['else'] }, wanted({ subnodes: 1 })],
      providers: ['cloud', 'else'].map((name) => aProvider({ name, maxServers: 3 })),
    };
    const nodes = [1, 2].map((id) => aNode({ id, state: 'used' }));
    expect(launched(full({ config, nodes }))).toEqual(
      Array.from({ length: 3 }, () => 'idle@else/any>zuul for min-ready'),
    );
  });

  it('places that are too few for it go to others who wait, until these have had ten turns', () => {
    const rounds = (count: number): World['memory'] => ({
      ...EMPTY_MEMORY,
      rounds: Array.from({ length: count }, () => new Map([['wanted', 0]])),
    });
    const contested = (count: number): World =>
      free({
        nodes: [1, 2].map((id) => aNode({ id, label: 'idle', state: 'used' })),
        demand: new Map([['idle', 9]]),
        memory: rounds(count),
      });
    expect(launched(contested(9))).toEqual(['idle@cloud/any>zuul for demand']);
    expect(launched(contested(10))).toEqual([]);
    expect(sharesOf(plan(contested(10)))[0]).toBe(
      'label wanted at cloud: gives 0: its part of what is missing is 0, and its free places allow for 0, first in line after 10 rounds with nothing; what is free there is kept for it until it fits',
    );
  });

  it('no place is kept where it will never fit beside what is held', () => {
    const nodes = [1, 2].map((id) => aNode({ id, label: 'idle', state: 'hold' }));
    const rounds = Array.from({ length: 99 }, () => new Map([['wanted', 0]]));
    const world = free({ nodes, demand: new Map([['idle', 9]]), memory: { ...EMPTY_MEMORY, rounds } });
    expect(launched(world)).toEqual(['idle@cloud/any>zuul for demand']);
  });
});

describe('a node that is kept for a request behind', () => {
  const PLACES = 4;
  const labels = [wanted(), aLabel({ name: 'other', minReady: 0 }), aLabel({ name: 'last', minReady: 0 }), IDLE];
  const config = { labels, providers: [aProvider({ maxServers: PLACES })] };
  const kept = (id: number, label = 'other', overrides: Partial<NodeRecord> = {}): NodeRecord =>
    aNode({ id, label, stateAt: ago(minutes(10) - id * 1000), ...overrides });
  const first = (overrides: Partial<RequestRecord> = {}): RequestRecord => waiting({ count: 3, ...overrides });
  const behind = (overrides: Partial<RequestRecord> = {}): RequestRecord =>
    aRequest({ id: 8, label: 'other', count: PLACES, createdAt: ago(minutes(1)), ...overrides });
  const held = (overrides: Omit<Situation, 'config'> & { config?: ConfigOverrides } = {}): World =>
    full({
      config,
      nodes: [kept(1), kept(2), kept(3, 'wanted'), kept(4, 'wanted')],
      requests: [first(), behind()],
      ...overrides,
    });
  const going = (...ids: number[]): string[] => ids.map((id) => `retire-node node:${id}: room-needed (label wanted)`);

  it('goes for the first in the line, the oldest one, and no more than it lacks', () => {
    expect(retired(held())).toEqual(going(1));
    expect(retired(held({ requests: [first({ count: 4 }), behind()] }))).toEqual(going(1, 2));
  });

  it('stays until the first in the line has waited for two minutes', () => {
    const early = held({ requests: [first({ createdAt: ago(minutes(2) - 1) }), behind()] });
    expect([retired(early), restOf(early)]).toEqual([[], 1]);
  });

  it('stays for one that is behind, however long both have waited', () => {
    const before = behind({ createdAt: ago(minutes(3)), count: 4 });
    expect(retired(held({ requests: [first(), before] }))).toEqual(
      [3, 4].map((id) => `retire-node node:${id}: room-needed (label other)`),
    );
    const urgent = behind({ priority: 1, createdAt: ago(1000) });
    expect(retired(held({ requests: [first(), urgent] }))).toEqual([]);
  });

  it('goes after those that nobody waits for, and before those kept for requests further ahead', () => {
    const nodes = [kept(1), kept(2, 'last'), kept(3, 'idle'), kept(4, 'wanted')];
    const requests = [behind({ id: 9, label: 'last', count: 4, createdAt: ago(1000) }), behind({ count: 4 })];
    const lacking = (count: number): string[] => retired(held({ nodes, requests: [first({ count }), ...requests] }));
    expect([lacking(2), lacking(3), lacking(4)]).toEqual([going(3), going(3, 2), going(3, 2, 1)]);
  });

  it('stays when its request is granted in the same breath', () => {
    expect(retired(held({ requests: [first(), behind({ count: 2 })] }))).toEqual([]);
    // What is more than that goes.
    expect(retired(held({ requests: [first(), behind({ count: 1 })] }))).toEqual(going(2));
  });

  it('stays when the first in the line would not have its set all the same', () => {
    const inUse = [kept(1), kept(2, 'last', { state: 'used' }), kept(3, 'wanted'), kept(4, 'wanted')];
    const whole = first({ count: 4 });
    expect(retired(held({ nodes: inUse, requests: [whole, behind({ count: 2 })] }))).toEqual([]);
    // Nor does it go for one between the two: it will be for the first.
    const between = behind({ id: 9, label: 'last', createdAt: ago(minutes(2)), count: 1 });
    expect(retired(held({ nodes: inUse, requests: [whole, between, behind({ count: 2 })] }))).toEqual([]);
  });

  it('stays when jobs in queues want nodes of its label, or places are about to be free', () => {
    expect(retired(held({ demand: new Map([['other', 1]]) }))).toEqual([]);
    const nodes = [kept(1), kept(2, 'last', { state: 'delete', deleteAt: NOW }), kept(3, 'wanted'), kept(4, 'wanted')];
    expect(retired(held({ nodes }))).toEqual([]);
  });

  it('goes where the label of the first in the line can be, and nowhere else', () => {
    const providers = ['cloud', 'else'].map((name) => aProvider({ name, maxServers: 2 }));
    const both = ['cloud', 'else'];
    const spread = [wanted({ providers: ['else'] }), aLabel({ name: 'other', minReady: 0, providers: both })];
    const nodes = [1, 2, 3, 4].map((id) => kept(id, 'other', { provider: id < 3 ? 'cloud' : 'else', attempt: 1 }));
    const requests = [first({ count: 1 }), behind({ count: 4 }), behind({ id: 9, count: 4 })];
    const world = held({ config: { labels: spread, providers }, nodes, requests });
    // All four are there for the second: it is granted, and nothing goes.
    expect(retired(world)).toEqual([]);
    const short = nodes.map((node) => (node.id === 1 ? { ...node, state: 'used' as const } : node));
    expect(retired({ ...world, nodes: short })).toEqual(going(3));
  });

  it('goes for each place that a set of servers takes', () => {
    const sets = [wanted({ subnodes: 2 }), aLabel({ name: 'other', minReady: 0 })];
    const nodes = [kept(1), kept(2)];
    const requests = [first({ count: 1 }), behind({ count: 4 })];
    expect(retired(held({ config: { ...config, labels: sets }, nodes, requests }))).toEqual(going(1));
    expect(retired(held({ config: { ...config, labels: sets }, nodes: [...nodes, kept(3)], requests }))).toEqual(
      going(1, 2),
    );
  });
});

describe('a place that comes free for the first in the line', () => {
  const labels = [wanted(), aLabel({ name: 'other', minReady: 0 })];
  const one = aNode({ id: 1, label: 'other' });
  const leaving = (id: number): NodeRecord => aNode({ id, label: 'other', state: 'delete', deleteAt: NOW });
  const first = (overrides: Partial<RequestRecord> = {}): RequestRecord => waiting({ count: 3, ...overrides });
  const behind = aRequest({ id: 8, label: 'other', count: 4, createdAt: ago(minutes(2)) });
  const contested = (overrides: Omit<Situation, 'config'> & { config?: ConfigOverrides } = {}): World =>
    full({
      config: { labels, providers: [aProvider({ maxServers: 4 })] },
      nodes: [one, leaving(2), leaving(3)],
      requests: [first(), behind],
      ...overrides,
    });
  const LAUNCH = 'wanted@cloud/any>zuul for request';

  it('is not taken by those behind it', () => {
    expect(launched(contested())).toEqual([LAUNCH]);
    expect(notesOf(plan(contested()))).toContain(
      'label other: 3 more give way to requests whose turn is before (cloud has 1 server free of 4)',
    );
  });

  it('is shared as ever while it has not waited for long, and with jobs in queues', () => {
    const young = contested({
      requests: [first({ createdAt: ago(1000) }), { ...behind, createdAt: ago(1000) }],
      nodes: [one, leaving(2)],
    });
    expect(launched(young).toSorted()).toEqual(['other@cloud/any>zuul for request', LAUNCH]);
    const queued = contested({ demand: new Map([['other', 20]]), requests: [first()], nodes: [one] });
    expect(
      launched(queued)
        .map((launch) => launch.split(' for ')[1])
        .toSorted(),
    ).toContain('demand');
  });

  it('is for those behind it when it needs no more', () => {
    const enough = contested({ requests: [first({ count: 1 }), behind], nodes: [one] });
    expect(launched(enough)).toContain(LAUNCH);
    const building = aNode({ id: 5, label: 'wanted', state: 'building' });
    const served = contested({ requests: [first({ count: 1 }), behind], nodes: [one, building] });
    expect(launched(served)).toEqual(Array.from({ length: 2 }, () => 'other@cloud/any>zuul for request'));
  });

  it('is one of its own providers: places elsewhere go to whoever wants them', () => {
    const providers = ['cloud', 'else'].map((name) => aProvider({ name, maxServers: 4 }));
    const everywhere = [wanted({ providers: ['cloud'] }), { ...labels[1]!, providers: ['cloud', 'else'] }];
    expect(launched(contested({ config: { labels: everywhere, providers } })).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 'other@else/any>zuul for request'),
      LAUNCH,
    ]);
  });
});
