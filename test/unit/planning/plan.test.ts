import { describe, expect, it } from 'vitest';
import type { IntentRecord } from '../../../src/lifecycle/records.ts';
import { serverId } from '../../../src/lib/ids.ts';
import type { ActionKind } from '../../../src/planning/actions.ts';
import { plan } from '../../../src/planning/plan.ts';
import type { Switches, World } from '../../../src/planning/world.ts';
import {
  aConfig,
  aLabel,
  aListing,
  anImage,
  aNode,
  anUnknownListing,
  aProvider,
  aServer,
  aWorld,
  imagesNamed,
  NOW,
  serversOf,
  tagsOf,
} from '../../support/builders.ts';
import {
  ago,
  IMAGE,
  later,
  linesOf,
  minutes,
  orders,
  ordersIn,
  QUIET_CONFIG,
  restOf,
  situation,
} from '../../support/planned.ts';

describe('a plan', () => {
  it('of a pool from nothing is to list its clouds and to build its images', () => {
    const config = aConfig({ labels: [aLabel(), aLabel({ name: 'large', providers: ['cloud', 'else'] })] });
    const empty = aWorld({ config });
    const blank = { servers: anUnknownListing(null, 0), images: anUnknownListing(null, 0), limits: null };
    const unseen = new Map([...empty.clouds].map(([name, view]) => [name, { ...view, ...blank }]));
    const lists = (name: string): string[] => [
      `list-servers servers:${name}: listing-needed`,
      `list-images images:${name}: listing-needed`,
      `read-limits limits:${name}: cleanup-due`,
    ];
    expect(orders({ ...empty, clouds: unseen })).toEqual([...lists('cloud'), ...lists('else')]);
    expect(orders(empty)).toEqual([
      'build-image build:cloud/ubuntu: image-missing',
      'build-image build:else/ubuntu: image-missing',
    ]);
  });

  it('is whole: what is ordered, what is not and why, what is remembered, when to look again', () => {
    const node = aNode({ id: 3, state: 'building', attempt: 1, attemptAt: ago(5000) });
    const lost = aServer({ id: serverId('lost'), tags: tagsOf('node', { id: 9, createdAt: 1 }) });
    const config = aConfig({ labels: [aLabel({ minReady: 3 })], providers: [aProvider({ maxServers: 4 })] });
    const nodes = [aNode({ id: 1 }), aNode({ id: 2, state: 'hold' }), node];
    const gone = serversOf(...nodes).slice(0, 1);
    const world = situation({ config, nodes, cloud: { servers: aListing([...gone, lost]) } });
    expect(plan(world)).toEqual({
      actions: [],
      notes: [
        {
          about: 'label small',
          text: '1 more for min-ready do not fit: there is room for 0 (cloud has 0 servers free of 4)',
          isSpare: true,
        },
      ],
      memory: {
        rounds: [],
        sightings: new Map([['leak/cloud/lost', NOW]]),
        cron: { lookedAt: NOW, firedAt: { imageUpdate: null, cleanup: null, check: null } },
      },
      nextWakeAt: NOW + 1000,
    });
  });

  it('answers what the command line asked for, by the daemon that holds the supply', () => {
    const intent: IntentRecord = {
      id: 4,
      kind: 'plan',
      args: {},
      finishedAt: null,
      result: null,
      error: null,
    };
    expect(plan(situation({ intents: [intent] })).actions).toEqual([
      { kind: 'answer-intent', subject: 'intent:4', reason: 'intent', intent },
    ]);
    expect(ordersIn({ intents: [intent], leases: new Set(['provider:cloud']) })).toEqual([]);
  });

  it('comes again when the next cron entry fires', () => {
    const config = aConfig({
      labels: [aLabel({ minReady: 0 })],
      cron: { imageUpdate: '14 2 * * *', cleanup: '* * * * * */10', check: '14 2 * * *' },
    });
    expect(restOf(situation({ config }))).toBe(10_000);
  });

  it('comes again after a minute at the latest', () => {
    const config = aConfig({
      labels: [],
      providers: [],
      cron: { imageUpdate: '14 2 1 1 *', cleanup: '14 2 1 1 *', check: '14 2 1 1 *' },
    });
    expect(restOf(situation({ config, images: [], clouds: new Map() }))).toBe(minutes(1));
  });
});

describe('when the cron entry cleanup fires', () => {
  const world = situation();
  const hour = (overrides: Partial<World> = {}): string[] => orders(later(world, { ms: minutes(1), ...overrides }));

  it('history is purged, once', () => {
    expect(hour()).toEqual(['purge-history history: cleanup-due']);
    expect(orders(later(later(world, { ms: minutes(1) }), { ms: 1000 }))).toEqual([]);
  });

  it('history is left to the daemon that holds the supply', () => {
    expect(hour({ leases: new Set(['provider:cloud']) })).toEqual([]);
  });
});

describe('switches', () => {
  /** A world in which there is work of every kind. */
  function busyWorld(switches: Partial<Switches>): World {
    const config = aConfig({
      labels: [aLabel({ minReady: 9 }), aLabel({ name: 'other', image: 'debian' })],
      providers: [aProvider({ images: imagesNamed('ubuntu', 'debian') })],
    });
    const slot = { serverId: serverId('s-2'), attempt: 1, attemptAt: ago(5000) };
    const nodes = [
      aNode({ id: 1, state: 'building' }),
      aNode({ id: 2, state: 'building', ...slot, reachableAt: ago(1000) }),
      aNode({ id: 3, checkFailures: 1 }),
      aNode({ id: 4, checkFailures: 3 }),
      aNode({ id: 5, state: 'delete' }),
      aNode({ id: 6, state: 'delete', serverId: null, attemptAt: null }),
      aNode({ id: 7, label: 'gone' }),
    ];
    const images = [
      ...[11, 12, 13].map((id) => anImage({ id, version: id })),
      anImage({ id: 14, state: 'building' }),
      anImage({ id: 15, state: 'delete' }),
      anImage({ id: 16, version: 99, serverId: serverId('template'), attemptAt: ago(5000) }),
    ];
    const lost = aServer({ id: serverId('lost'), tags: tagsOf('node', { id: 99, createdAt: 1 }) });
    const world = situation({
      config,
      nodes,
      images,
      switches: { launches: true, deletes: true, images: true, ...switches },
    });
    const { servers } = world.clouds.get('cloud')!;
    return later(world, {
      servers: servers.known ? [...servers.items, lost] : [],
      memory: later(situation({ config, cloud: { servers: aListing([lost]) } })).memory,
    });
  }
  const kinds = (switches: Partial<Switches>): Set<ActionKind> =>
    new Set(plan(busyWorld(switches)).actions.map(({ kind }) => kind));
  const everything = kinds({});
  const missing = (switches: Partial<Switches>): ActionKind[] =>
    [...everything].filter((kind) => !kinds(switches).has(kind)).sort();

  it('leave out nothing by default', () => {
    expect([...everything].sort()).toEqual([
      'build-image',
      'check-node',
      'create-server',
      'delete-cloud-image',
      'delete-leaked-server',
      'delete-server',
      'launch-nodes',
      'prepare-node',
      'remove-node',
      'retire-image',
      'retire-node',
    ]);
  });

  it('--no-launches neither launches nodes nor goes on with launches', () => {
    expect(missing({ launches: false })).toEqual(['launch-nodes', 'prepare-node']);
    expect(linesOf(plan(busyWorld({ launches: false }))).filter((line) => line.startsWith('create-server'))).toEqual([
      'create-server image:14: next-step (attempt 1)',
    ]);
  });

  it('--no-deletes deletes, retires and removes nothing', () => {
    expect(missing({ deletes: false })).toEqual([
      'delete-cloud-image',
      'delete-leaked-server',
      'delete-server',
      'remove-node',
      'retire-image',
      'retire-node',
    ]);
  });

  it('--no-images builds nothing', () => {
    expect(missing({ images: false })).toEqual(['build-image']);
    expect(linesOf(plan(busyWorld({ images: false }))).filter((line) => line.startsWith('create-server'))).toEqual([
      'create-server node:1: next-step (attempt 1)',
    ]);
  });
});

describe('a daemon without leases', () => {
  it('does nothing', () => {
    const nodes = [aNode({ state: 'building' }), aNode({ state: 'delete' })];
    expect(
      orders(
        situation({ config: QUIET_CONFIG, images: [IMAGE, anImage({ state: 'building' })], nodes, leases: new Set() }),
      ),
    ).toEqual([]);
  });
});
