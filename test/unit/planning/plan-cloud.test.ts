import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { EMPTY_MEMORY } from '../../../src/planning/memory.ts';
import type { CloudView, World } from '../../../src/planning/world.ts';
import {
  aCloudView,
  aConfig,
  aListing,
  aNode,
  anUnknownListing,
  aServer,
  aTraits,
  limitsAt,
  NOW,
  tagsOf,
} from '../../support/builders.ts';
import { ago, minutes, orders, ordersIn, restOf, situation } from '../../support/planned.ts';

const LIST_SERVERS = 'list-servers servers:cloud: listing-needed';
const LIST_IMAGES = 'list-images images:cloud: listing-needed';
const READ_LIMITS = 'read-limits limits:cloud: cleanup-due';

const firedAt = (cleanup: number): Partial<World> => ({
  memory: { ...EMPTY_MEMORY, cron: { lookedAt: NOW, firedAt: { imageUpdate: null, cleanup, check: null } } },
});
/** Something that waits for a newer listing of servers. */
const waiting = (overrides: Partial<CloudView> = {}): World => {
  const node = aNode({ state: 'building', serverId: serverId('s'), attempt: 1, attemptAt: ago(minutes(1)) });
  const server = aServer({ id: serverId('s'), status: 'building', ip: null, tags: tagsOf('node', node) });
  return situation({ nodes: [node], cloud: { servers: aListing([server]), ...overrides } });
};

describe('a cloud that was never listed', () => {
  const blank: Partial<CloudView> = {
    servers: anUnknownListing(null, 0),
    images: anUnknownListing(null, 0),
    limits: null,
  };

  it('is listed at once, and asked what it allows', () => {
    expect(ordersIn({ cloud: blank })).toEqual([LIST_SERVERS, LIST_IMAGES, READ_LIMITS]);
  });

  it('is left to the daemon that holds the provider', () => {
    expect(ordersIn({ cloud: blank, leases: new Set(['supply']) })).toEqual([]);
  });

  it('is not asked again while the answers are under way, and the daemon rests', () => {
    const busy: World['busy'] = new Map(
      (['servers:cloud', 'images:cloud', 'limits:cloud'] as const).map((subject) => [subject, { until: 'done' }]),
    );
    const world = situation({ cloud: blank, busy });
    expect([orders(world), restOf(world)]).toEqual([[], minutes(1)]);
  });

  it('is listed as long as it can be reached, although it left the configuration; its limits do not matter then', () => {
    const config = aConfig({ labels: [], providers: [] });
    const clouds = new Map([['cloud', aCloudView(blank)]]);
    expect(ordersIn({ config, images: [], clouds, leases: new Set(['provider:cloud']) })).toEqual([
      LIST_SERVERS,
      LIST_IMAGES,
    ]);
  });
});

describe('a listing that failed', () => {
  it('is tried again when its pause is over, not before', () => {
    const world = situation({ cloud: { servers: anUnknownListing('HTTP 503', NOW + 3000) } });
    expect([orders(world), restOf(world)]).toEqual([[], 3000]);
    expect(orders({ ...world, now: NOW + 3000 })).toEqual([LIST_SERVERS]);
  });
});

describe('a listing that a decision waits for', () => {
  it('is asked for when the cloud may be listed again, not before', () => {
    const world = waiting();
    expect([orders(world), restOf(world)]).toEqual([[], 1000]);
    expect(orders({ ...world, now: NOW + 999 })).toEqual([]);
    expect(orders({ ...world, now: NOW + 1000 })).toEqual([LIST_SERVERS]);
  });

  it('is asked for at the next millisecond where a cloud may be listed at any time', () => {
    const world = waiting({ traits: aTraits({ listIntervalMs: 0, pollIntervalMs: 0 }) });
    expect([orders(world), restOf(world)]).toEqual([[], 1]);
    expect(orders({ ...world, now: NOW + 1 })).toEqual([LIST_SERVERS]);
  });

  it('is asked for only when it can decide', () => {
    const node = aNode({ state: 'building', attempt: 1, attemptAt: NOW });
    const world = situation({ nodes: [node] });
    expect([orders(world), restOf(world)]).toEqual([[], minutes(1)]);
    expect(orders({ ...world, now: NOW + minutes(1) })).not.toContain(LIST_SERVERS);
    expect(orders({ ...world, now: NOW + minutes(1) + 1 })).toContain(LIST_SERVERS);
  });

  it('comes when the first of several decisions can be made', () => {
    const nodes = [1000, 30_000].map((age) => aNode({ state: 'building', attempt: 1, attemptAt: ago(age) }));
    const world = situation({ nodes });
    expect(restOf(world)).toBe(30_001);
  });

  it('is not asked for where nothing waits', () => {
    const world = situation({ nodes: [aNode()], cloud: {} });
    expect(orders({ ...world, now: NOW + minutes(0.9) })).toEqual([]);
  });
});

describe('the cron entry cleanup', () => {
  it('has both listings taken anew that are older than its firing', () => {
    const world = situation({
      ...firedAt(NOW),
      cloud: { servers: aListing([], ago(1)), images: aListing([], ago(1)), accessories: aListing([], ago(1)) },
      images: [],
    });
    expect(orders(world).filter((order) => order.startsWith('list-'))).toEqual([
      'list-servers servers:cloud: cleanup-due',
      'list-images images:cloud: cleanup-due',
      'list-accessories accessories:cloud: cleanup-due',
    ]);
  });

  it('is content with listings taken since', () => {
    expect(ordersIn(firedAt(NOW))).toEqual([]);
  });

  it('does not hurry a cloud that fails to be listed', () => {
    const world = situation({ ...firedAt(NOW), cloud: { servers: anUnknownListing('HTTP 503', NOW + 3000) } });
    expect([orders(world), restOf(world)]).toEqual([[], 3000]);
  });
});

describe('what belongs to servers', () => {
  const LIST = 'list-accessories accessories:cloud: cleanup-due';
  const isAccessories = (order: string): boolean => order.includes('accessories');
  const listed = (accessories: CloudView['accessories'], overrides: Partial<World> = {}): string[] =>
    ordersIn({ ...firedAt(NOW), ...overrides, cloud: { accessories } }).filter(isAccessories);

  it('is listed when the clean-up has fired since the last time, and not otherwise', () => {
    expect([listed(aListing([], ago(1))), listed(aListing([], NOW))]).toEqual([[LIST], []]);
    expect(listed(aListing([], ago(minutes(60))), { memory: EMPTY_MEMORY })).toEqual([]);
  });

  it('is not listed by a daemon that has just started, before the clean-up fires', () => {
    const unknown = anUnknownListing(null, 0);
    expect([listed(unknown, { memory: EMPTY_MEMORY }), listed(unknown)]).toEqual([[], [LIST]]);
  });

  it('is tried again after a failure when its pause is over', () => {
    const world = situation({ ...firedAt(NOW), cloud: { accessories: anUnknownListing('HTTP 403', NOW + 3000) } });
    expect([orders(world), restOf(world)]).toEqual([[], 3000]);
    expect(orders({ ...world, now: NOW + 3000 })).toContain(LIST);
  });

  it('is not listed where the provider left the configuration', () => {
    const config = aConfig({ labels: [], providers: [] });
    const clouds = new Map([['cloud', aCloudView({ accessories: aListing([], ago(1)) })]]);
    const world = situation({ ...firedAt(NOW), config, images: [], clouds, leases: new Set(['provider:cloud']) });
    expect(orders(world).filter(isAccessories)).toEqual([]);
  });
});

describe('what a cloud allows', () => {
  it('is read again after a minute, not before', () => {
    const readAt = (at: number): World => situation({ cloud: { limits: limitsAt(at, { servers: 5 }) } });
    expect([orders(readAt(ago(59_999))), restOf(readAt(ago(59_999)))]).toEqual([[], 1]);
    expect(orders(readAt(ago(60_000)))).toEqual([READ_LIMITS]);
  });
});
