import { describe, expect, it } from 'vitest';
import type { LabelConfig } from '../../../src/config/types.ts';
import { serverId } from '../../../src/lib/ids.ts';
import type { FailureRecord, NodeRecord } from '../../../src/lifecycle/records.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { World } from '../../../src/planning/world.ts';
import type { CloudLimits } from '../../../src/providers/provider.ts';
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
  aTarget,
  imagesNamed,
  limitsAt,
  NOW,
  readyImagesOf,
  type ConfigOverrides,
} from '../../support/builders.ts';
import { ago, linesOf, notesOf, orders, restOf, situation, type Situation } from '../../support/planned.ts';

/** A pool with the default label and ready images. */
function pool({
  config: overrides = {},
  ...rest
}: Omit<Situation, 'config'> & { config?: ConfigOverrides } = {}): World {
  const config = aConfig(overrides);
  return situation({ config, images: readyImagesOf(config), ...rest });
}

/** The launches, one line each. */
function launches(world: World): string[] {
  const [action] = plan(world).actions.filter(({ kind }) => kind === 'launch-nodes');
  return linesOf({ ...plan(world), actions: action ? [action] : [] }).flatMap((line) =>
    line.replace(/^.*\((.*)\)$/, '$1').split(', '),
  );
}

const zonesOf = (world: World): (string | null)[] =>
  plan(world).actions.flatMap((action) => (action.kind === 'launch-nodes' ? action.launches.map(({ az }) => az) : []));

function count(items: readonly (string | null | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item ?? 'any'] = (counts[item ?? 'any'] ?? 0) + 1;
  return counts;
}

const failing = (overrides: Partial<FailureRecord>): FailureRecord => ({
  kind: 'launch',
  provider: 'cloud',
  image: 'ubuntu',
  az: null,
  count: 3,
  lastAt: ago(1000),
  lastError: 'No valid host.',
  retryAt: NOW + 5000,
  ...overrides,
});

describe('missing nodes', () => {
  it('are launched in one action, whole and with the reason', () => {
    const world = pool({
      nodes: [aNode()],
      demand: new Map([['small', 2]]),
      config: { labels: [aLabel({ subnodes: 1 })] },
      images: [anImage({ id: 3 })],
    });
    const launch = { label: 'small', provider: 'cloud', target: 'zuul', az: null, imageId: 3, subnodes: 1 };
    expect(plan(world).actions).toEqual([
      {
        kind: 'launch-nodes',
        subject: 'supply',
        reason: 'demand',
        launches: [
          { ...launch, reason: 'demand' },
          { ...launch, reason: 'min-ready' },
          { ...launch, reason: 'min-ready' },
        ],
      },
    ]);
  });

  it('boot from the newest ready image that the cloud has', () => {
    const images = [
      anImage({ id: 1, version: 7 }),
      anImage({ id: 2, version: 9 }),
      anImage({ id: 3, version: 8 }),
      anImage({ id: 4, version: 99, cloudImageId: null }),
    ];
    const used = plan(pool({ images })).actions.flatMap((action) =>
      action.kind === 'launch-nodes' ? action.launches : [],
    );
    expect(used.map(({ imageId }) => imageId)).toEqual([2, 2]);
  });

  it('are not launched where enough are there or under way', () => {
    expect(orders(pool({ nodes: [aNode(), aNode({ state: 'used' })] }))).toEqual([]);
  });

  it('are launched in place of held ones and of those to be deleted', () => {
    const nodes = [aNode({ state: 'hold' }), aNode({ id: 2, state: 'delete', serverId: null, attemptAt: null })];
    expect(orders(pool({ nodes }))).toEqual([
      'remove-node node:2: gone',
      'launch-nodes supply: min-ready (small@cloud/any>zuul for min-ready, small@cloud/any>zuul for min-ready)',
    ]);
  });

  it('are told apart by demand and min-ready over all providers', () => {
    const config = {
      labels: [aLabel({ providers: ['a', 'b'] })],
      providers: ['a', 'b'].map((name) => aProvider({ name, maxServers: 2 })),
    };
    expect(launches(pool({ config, demand: new Map([['small', 2]]) }))).toEqual([
      'small@a/any>zuul for demand',
      'small@a/any>zuul for demand',
      'small@b/any>zuul for min-ready',
      'small@b/any>zuul for min-ready',
    ]);
  });

  it.each<[string, Omit<Partial<World>, 'config'>]>([
    ['the supply is another daemon’s', { leases: new Set(['provider:cloud']) }],
    ['nodes are being launched just now', { busy: new Map([['supply', { until: 'done' }]]) }],
    ['the switch --no-launches is on', { switches: { launches: false, deletes: true, images: true } }],
  ])('are not launched while %s', (_, overrides) => {
    expect(orders(pool(overrides))).toEqual([]);
  });

  it('are launched for a provider that another daemon holds: that one goes on with them', () => {
    expect(launches(pool({ leases: new Set(['supply']), cloud: { servers: anUnknownListing() } }))).toHaveLength(2);
  });
});

describe('places', () => {
  const places = (maxServers: number): ConfigOverrides => ({
    labels: [aLabel({ minReady: 9 })],
    providers: [aProvider({ maxServers })],
  });

  it('are not exceeded: nodes in any state and their subnodes take them', () => {
    const nodes = [
      aNode({ state: 'hold' }),
      aNode({ state: 'delete', deleteAt: NOW }),
      aNode({ subnodes: [aSubnode(), aSubnode()] }),
    ];
    expect(launches(pool({ nodes, config: places(7) }))).toHaveLength(2);
    expect(launches(pool({ nodes, config: places(5) }))).toEqual([]);
  });

  it('are taken by the subnodes of new nodes too', () => {
    const config = { ...places(8), labels: [aLabel({ minReady: 9, subnodes: 2 })] };
    expect(launches(pool({ config }))).toHaveLength(2);
  });

  it('are as many as the cloud allows beside the servers of others', () => {
    const cloud = { limits: limitsAt(NOW, { servers: 6 }), servers: aListing([aServer(), aServer()]) };
    expect(launches(pool({ config: places(96), cloud }))).toHaveLength(4);
  });

  it('are none where a provider is drained', () => {
    expect(orders(pool({ config: places(-1) }))).toEqual([]);
  });

  it('are explained when they do not suffice', () => {
    const world = pool({ config: places(3), nodes: [aNode()], cloud: { limits: limitsAt(NOW, { servers: 20 }) } });
    expect(notesOf(plan(world))).toEqual([
      'label small: 6 more for min-ready do not fit: there is room for 2 (cloud has 2 servers free of 3, the cloud allows 20)',
    ]);
  });
});

describe('cores, RAM and floating IPs', () => {
  /** Labels `small` with 4 and `large` with 8 cores. */
  const images = new Map([
    ['ubuntu', aProviderImage()],
    ['debian', aProviderImage({ name: 'debian', minRamMb: 16_000 })],
  ]);
  const flavors = [aFlavor(), aFlavor({ name: 'large', cores: 8, ramMb: 16_384 })];
  const quota = (limits: Partial<CloudLimits>, labels: readonly Partial<LabelConfig>[]): World =>
    pool({
      config: { labels: labels.map((label) => aLabel(label)), providers: [aProvider({ images })] },
      cloud: { limits: limitsAt(NOW, { flavors, ...limits }) },
    });
  const small = { minReady: 9 };
  const large = { name: 'large', image: 'debian', minReady: 9 };

  it.each<[Partial<CloudLimits>, number, string]>([
    [{ cores: 19 }, 4, '19 cores free of 19, 4 needed'],
    [{ ramMb: 40_959 }, 4, '40959 MB of RAM free of 40959, 8192 needed'],
    [{ floatingIps: 3 }, 3, '3 floating IPs free of 3, 1 needed'],
  ])('of %o are enough for %i nodes, and are named', (limits, count, left) => {
    const world = quota(limits, [small]);
    expect(launches(world)).toHaveLength(count);
    expect(notesOf(plan(world))).toEqual([
      `label small: ${9 - count} more for min-ready do not fit: there is room for ${count} (cloud has ${left})`,
    ]);
  });

  it('are needed by every server of a set', () => {
    expect(launches(quota({ cores: 23 }, [{ ...small, subnodes: 1 }]))).toHaveLength(2);
  });

  it('are divided between labels so that all fits, and what is over goes out in the next pass', () => {
    const world = quota({ cores: 32, ramMb: 70_000, servers: 7 }, [small, large]);
    let nodes: NodeRecord[] = [];
    const passes = [1, 2, 3, 4].map(() => {
      const given = launches({ ...world, nodes }).flatMap((launch) => /^(\w+)@/.exec(launch)?.[1] ?? []);
      nodes = [...nodes, ...given.map((label) => aNode({ state: 'building', label }))];
      return count(given);
    });
    // The last small one takes the seventh server.
    expect(passes).toEqual([{ small: 4, large: 1 }, { small: 1 }, { small: 1 }, {}]);
  });

  it('go to a label that fits while another needs more than there is', () => {
    expect(count(launches(quota({ cores: 8, floatingIps: 1 }, [large, small])).map((l) => l.split('@')[0]))).toEqual({
      large: 1,
    });
    const tight = pool({
      config: { labels: [aLabel(large), aLabel(small)], providers: [aProvider({ images })] },
      cloud: {
        limits: limitsAt(NOW, { flavors, cores: 20 }),
        servers: aListing([aServer({ size: { cores: 14, ramMb: 1000 } })]),
      },
    });
    expect(launches(tight)).toEqual(['small@cloud/any>zuul for min-ready']);
    expect(notesOf(plan(tight))[0]).toBe(
      'label large: 9 more for min-ready do not fit: there is room for 0 (cloud has 6 cores free of 20, 8 needed)',
    );
  });

  it('are no obstacle while the flavors are not known', () => {
    expect(launches(quota({ cores: 0, ramMb: 0, flavors: [] }, [small]))).toHaveLength(9);
  });

  it.each<[string, Partial<CloudLimits>, string]>([
    ['has no flavor', { flavors: [aFlavor()] }, 'no flavor has at least 16000 MB of RAM (image debian)'],
    [
      'has no flavor of that name',
      {},
      'no flavor has at least 8192 MB of RAM and "performance" in its name (image ubuntu)',
    ],
    ['never has the cores', { cores: 15 }, 'needs 16 cores, of which the cloud allows 15 in all'],
    ['never has the servers', { servers: 1 }, 'needs 2 servers, of which the cloud allows 1 in all'],
  ])('are an obstacle for good where the cloud %s', (_, limits, obstacle) => {
    const isNamed = obstacle.includes('performance');
    const named = new Map([['ubuntu', aProviderImage({ nameFilter: 'performance' })]]);
    const world = pool({
      config: {
        labels: [aLabel(isNamed ? {} : { image: 'debian', subnodes: 1 })],
        providers: [aProvider({ images: isNamed ? named : images })],
      },
      cloud: { limits: limitsAt(NOW, { flavors, ...limits }) },
    });
    expect(orders(world)).toEqual([]);
    expect(notesOf(plan(world))).toEqual([
      `label small at cloud: ${obstacle}`,
      'label small: 2 more for min-ready do not fit: there is room for 0 (cloud has nothing that fits)',
    ]);
  });

  it('do not keep another provider from supplying what this one cannot', () => {
    const clouds = new Map([
      ['cloud', aCloudView({ limits: limitsAt(NOW, { flavors: [aFlavor({ ramMb: 1024 })] }) })],
      ['else', aCloudView({ limits: limitsAt(NOW, { flavors, cores: 8 }) })],
    ]);
    const config = { labels: [aLabel({ providers: ['cloud', 'else'], minReady: 3 })] };
    expect(count(launches(pool({ config, clouds })))).toEqual({ 'small@else/any>zuul for min-ready': 2 });
  });
});

describe('labels that wait for the same places', () => {
  const labels = ['a', 'b', 'c'].map((name) => aLabel({ name, minReady: 5 }));
  const config = aConfig({ labels, providers: [aProvider({ maxServers: 3 })] });
  const images = readyImagesOf(config);

  /** Which label gets each place that a node of the first label frees, after `passes` passes with none to give. */
  function turns(rounds: number, passes: number): string[] {
    let world = situation({ config, images, nodes: [] });
    const served: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const full: NodeRecord[] = [0, 1, 2].map((id) => aNode({ id: id + 1, label: 'x', state: 'used' }));
      for (let pass = 0; pass < passes; pass += 1)
        world = { ...world, nodes: full, memory: plan({ ...world, nodes: full }).memory };
      const free = { ...world, nodes: full.slice(1) };
      served.push(...launches(free).map((launch) => launch.slice(0, 1)));
      world = { ...free, memory: plan(free).memory };
    }
    return served;
  }

  it.each([0, 1, 150])('take turns, with %i passes between two free places', (passes) => {
    const served = turns(9, passes);
    const cycles = [0, 3, 6].map((start) => served.slice(start, start + 3).sort());
    expect(cycles).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
  });
});

describe('the wait of a label', () => {
  const rounds = [new Map([['small', 0]])];
  const memory = { ...EMPTY_MEMORY, rounds };

  it('is not counted while nodes are being launched', () => {
    const waiting = pool({ memory, busy: new Map([['supply', { until: 'done' }]]) });
    expect(plan(waiting).memory.rounds).toBe(rounds);
  });

  it('ends when no label is short of anything', () => {
    expect(plan(pool({ memory, nodes: [aNode(), aNode()] })).memory.rounds).toEqual([]);
  });
});

describe('a provider that cannot supply a label now', () => {
  const about = 'label small at cloud: ';
  const obstacle = (world: World): string[] =>
    notesOf(plan(world))
      .filter((note) => note.startsWith(about))
      .map((note) => note.slice(about.length));

  it('waits for the image', () => {
    expect(orders(pool({ images: [anImage({ id: 2, state: 'building' })] }))).toEqual([
      'create-server image:2: next-step (attempt 1)',
    ]);
    expect(obstacle(pool({ images: [] }))).toEqual(['waits for its image to be built (image ubuntu)']);
  });

  it('waits for a disk image', () => {
    const images = new Map([['ubuntu', aProviderImage({ source: { kind: 'diskimage', diskimage: 'trusty' } })]]);
    expect(obstacle(pool({ images: [], config: { providers: [aProvider({ images })] } }))).toEqual([
      'waits for disk image trusty, of which no upload is READY (image ubuntu)',
    ]);
  });

  it('gets no node while the state of its cloud is unknown', () => {
    const world = pool({ cloud: { servers: anUnknownListing('HTTP 503', NOW + 1000) } });
    expect([orders(world), obstacle(world)]).toEqual([[], ['the state of the cloud is unknown: HTTP 503']]);
  });

  it('does not keep another from supplying it', () => {
    const config = { labels: [aLabel({ providers: ['cloud', 'else'] })] };
    const clouds = new Map([
      ['cloud', aCloudView({ servers: anUnknownListing(null, NOW + 1000) })],
      ['else', aCloudView()],
    ]);
    expect(launches(pool({ config, clouds }))).toEqual([
      'small@else/any>zuul for min-ready',
      'small@else/any>zuul for min-ready',
    ]);
  });

  it('rests after it refused everything, and the plan wakes when it may be tried', () => {
    const world = pool({ failures: [failing({ kind: 'provider', image: null, count: 1, lastError: 'over quota' })] });
    expect([orders(world), restOf(world)]).toEqual([[], 5000]);
    expect(obstacle(world)).toEqual(['not tried before 2026-01-15T12:00:05.000Z after 1 failures: over quota']);
    expect(launches({ ...world, now: NOW + 5000 })).toHaveLength(1);
  });

  it('rests for the image whose launches fail, not for others', () => {
    const config = { labels: [aLabel(), aLabel({ name: 'other', image: 'debian' })] };
    const world = pool({ config, failures: [failing({})] });
    expect(count(launches(world))).toEqual({ 'other@cloud/any>zuul for min-ready': 2 });
  });

  it('is none for a label that nobody may supply', () => {
    const config = { labels: [aLabel({ providers: [] })], providers: [aProvider()] };
    expect(notesOf(plan(pool({ config })))).toEqual(['label small: no provider may supply it']);
  });

  it('is not the reason where the configuration has no target', () => {
    const world = pool({ config: { targets: [] } });
    expect(orders(world)).toEqual([]);
    expect(notesOf(plan(world))).toContain('targets: no node is launched: the configuration has no target');
  });
});

describe('availability zones', () => {
  const zoned = (minReady: number, zones: readonly string[] = ['a', 'b', 'c']): ConfigOverrides => ({
    labels: [aLabel({ minReady })],
    providers: [aProvider({ availabilityZones: zones })],
  });

  it('get equally many nodes, those that are there counted', () => {
    const nodes = [aNode({ az: 'a', label: 'x' }), aNode({ az: 'a', label: 'x' }), aNode({ az: 'b', label: 'x' })];
    expect(count(zonesOf(pool({ config: zoned(6), nodes })))).toEqual({ a: 1, b: 2, c: 3 });
  });

  it('get equally many nodes over all labels and targets of one plan', () => {
    const config = {
      ...zoned(1),
      labels: ['l', 'm', 'n'].map((name) => aLabel({ name, minReady: 2 })),
      targets: ['t', 'u'].map((name) => aTarget({ name })),
    };
    expect(count(zonesOf(pool({ config })))).toEqual({ a: 2, b: 2, c: 2 });
  });

  it('are left to the cloud where none are configured', () => {
    expect(zonesOf(pool())).toEqual([null, null]);
  });

  it('are left out while they rest, and when all rest nothing is launched', () => {
    const rest = (az: string): FailureRecord => failing({ az });
    expect(count(zonesOf(pool({ config: zoned(6), failures: [rest('b')] })))).toEqual({ a: 3, c: 3 });
    const world = pool({ config: zoned(6), failures: ['a', 'b', 'c'].map(rest) });
    expect([orders(world), restOf(world)]).toEqual([[], 5000]);
  });
});

describe('a place on probation', () => {
  const rested = failing({ retryAt: ago(1) });
  const config: ConfigOverrides = { labels: [aLabel({ minReady: 4 })] };

  it('is tried by one launch after its rest', () => {
    expect(launches(pool({ config, failures: [rested] }))).toHaveLength(1);
  });

  it('is not tried by another while one is under way', () => {
    const nodes = [aNode({ state: 'building', attempt: 1, attemptAt: ago(100) })];
    expect(launches(pool({ config, nodes, failures: [rested] }))).toEqual([]);
    expect(launches(pool({ config, nodes, failures: [] }))).toHaveLength(3);
    expect(launches(pool({ config, nodes: [aNode()], failures: [rested] }))).toHaveLength(1);
  });

  it('is tried by one launch only, however many labels and targets want it', () => {
    const many = {
      labels: ['l', 'm'].map((name) => aLabel({ name })),
      targets: ['t', 'u'].map((name) => aTarget({ name })),
    };
    expect(launches(pool({ config: many, failures: [rested] }))).toHaveLength(1);
  });

  it('is none before three failures in a row', () => {
    expect(launches(pool({ config, failures: [{ ...rested, count: 2 }] }))).toHaveLength(4);
  });

  it('does not hold back other zones', () => {
    const zones = { ...config, providers: [aProvider({ availabilityZones: ['a', 'b'] })] };
    expect(count(zonesOf(pool({ config: zones, failures: [{ ...rested, az: 'a' }] })))).toEqual({ a: 1, b: 3 });
  });

  it('does not hold back other images', () => {
    const labels = [aLabel(), aLabel({ name: 'other', image: 'debian' })];
    const two = { labels, providers: [aProvider({ images: imagesNamed('ubuntu', 'debian') })] };
    expect(count(launches(pool({ config: two, failures: [rested] })).map((launch) => launch.split('@')[0]))).toEqual({
      other: 2,
      small: 1,
    });
  });
});

describe('a provider on probation', () => {
  const refused = failing({ kind: 'provider', image: null, count: 1, lastError: 'over quota', retryAt: ago(1) });
  const config: ConfigOverrides = {
    labels: ['l', 'm'].map((name) => aLabel({ name, providers: ['cloud', 'else'], minReady: 2 })),
    providers: ['cloud', 'else'].map((name) => aProvider({ name, maxServers: 2, availabilityZones: ['a', 'b'] })),
    targets: ['t', 'u'].map((name) => aTarget({ name })),
  };
  const byProvider = (world: World): Record<string, number> =>
    count(launches(world).flatMap((launch) => /@(\w+)/.exec(launch)?.[1] ?? []));

  it('is tried by one launch after its rest, whatever labels, targets and zones there are', () => {
    expect(byProvider(pool({ config, failures: [refused] }))).toEqual({ cloud: 1, else: 2 });
    expect(byProvider(pool({ config }))).toEqual({ cloud: 2, else: 2 });
  });

  it('is not tried by another before the cloud has accepted the servers of the first', () => {
    const world = (node: NodeRecord): World =>
      pool({ config: { labels: [aLabel({ minReady: 4 })] }, failures: [refused], nodes: [node] });
    const sent = { id: 1, state: 'building', attempt: 1, attemptAt: ago(100) } as const;
    const accepted = { ...sent, serverId: serverId('node-server-1') };
    expect(launches(world(aNode(sent)))).toEqual([]);
    expect(launches(world(aNode({ ...accepted, subnodes: [aSubnode({ state: 'building' })] })))).toEqual([]);
    expect(launches(world(aNode(accepted)))).toHaveLength(1);
  });

  it('is tried by a template instead, where one is due', () => {
    const labels = [aLabel(), aLabel({ name: 'other', image: 'debian' })];
    const world = pool({ config: { labels }, images: [anImage()], failures: [refused] });
    expect(orders(world)).toEqual(['build-image build:cloud/debian: image-missing']);
  });

  it('says so', () => {
    const world = pool({ failures: [refused] });
    expect(notesOf(plan(world))).toEqual([
      'label small: 1 of 2 missing nodes are not launched now (cloud is tried by one launch at a time after 1 failures: over quota)',
    ]);
  });
});
