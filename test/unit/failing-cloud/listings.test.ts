/** Listings that fail, lag, leave something out or show it twice: none of it may cost a server. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../tools/openstack-double/index.ts';
import {
  CREATE,
  DELETE,
  LIST,
  LIST_IMAGES,
  openSettledSite,
  openSite,
  type OpenStackSite,
} from '../../support/openstack-site.ts';

const MINUTE = 60_000;

interface Page {
  readonly servers: readonly { readonly id: string }[];
  readonly servers_links?: unknown;
}

/** A change of what a page of servers shows. */
const showing = (change: (page: Page) => unknown): Fault => ({ kind: 'alter', alter: (body) => change(body as Page) });

/** Makes a ready node one that a job runs on. */
async function use(site: OpenStackSite): Promise<void> {
  const [node] = await site.nodes('ready');
  await site.store.moveNode({ id: node?.id ?? 0, from: 'ready', to: 'used', by: 'event' });
}

/** A pool of five, one of them in use, listed in pages of two. */
async function aPagedSite(): Promise<OpenStackSite> {
  const site = await openSettledSite({ clouds: { cloud: { behaviour: { computePage: 2 } } }, minReady: 5 });
  await use(site);
  return site;
}

async function expectUntouched(site: OpenStackSite): Promise<void> {
  expect([site.double().count(DELETE), site.double().count(CREATE)]).toEqual([0, 0]);
  expect((await site.nodes()).map(({ state }) => state).toSorted()).toEqual([
    'ready',
    'ready',
    'ready',
    'ready',
    'used',
  ]);
  expect(await site.events('retired')).toEqual([]);
}

const WRONG: Readonly<Record<string, Fault>> = {
  'is cut off': { kind: 'truncate' },
  'is no JSON': { kind: 'not-json' },
  'is a page of a proxy': { kind: 'html', status: 502 },
  'is reset': { kind: 'reset' },
  'is JSON of something else': { kind: 'alter', alter: () => ({ message: 'welcome' }) },
  'has an item without an id': showing(({ servers }) => ({ servers: [...servers, {}] })),
};

describe('a listing of servers that', () => {
  it.each(Object.entries(WRONG))('%s, once, changes nothing', async (_name, fault) => {
    const site = await aPagedSite();
    const armed = site.double().fault({ ...fault, match: LIST });
    await site.run(3 * MINUTE);
    expect(armed.hits).toBe(1);
    await expectUntouched(site);
  });

  it.each(Object.entries(WRONG))('%s, for ten minutes, is unknown, not empty', async (_name, fault) => {
    const site = await aPagedSite();
    site.double().fault({ ...fault, match: LIST, times: Infinity });
    await site.run(MINUTE);
    site.resize(6);
    await site.run(9 * MINUTE);
    await expectUntouched(site);
    expect(site.note('provider cloud')).toMatch(/^its servers cannot be listed/);
    expect(site.note('label small-cloud at cloud')).toMatch(/^the state of the cloud is unknown/);
    site.double().clearFaults();
    await site.until(async () => (await site.nodes('ready')).length === 5, 3 * MINUTE);
    expect(site.double().servers()).toHaveLength(6);
  });

  it.each<[string, number, (page: Page) => unknown]>([
    ['is empty', 0, () => ({ servers: [] })],
    ['ends after its first page', 0, ({ servers }) => ({ servers })],
    [
      'leaves out the last of a page',
      0,
      ({ servers_links, servers }) => ({ servers: servers.slice(0, -1), servers_links }),
    ],
    ['leaves out the first of its second page', 1, ({ servers, ...page }) => ({ ...page, servers: servers.slice(1) })],
    ['has an empty page in the middle', 1, (page) => ({ ...page, servers: [] })],
  ])('%s, once, costs no node, ready or in use', async (_name, skip, change) => {
    const site = await aPagedSite();
    // A clean-up asks for one listing; whatever decides something asks for another.
    const armed = site.double().fault({ ...showing(change), match: LIST, skip });
    await site.run(4 * MINUTE);
    expect(armed.hits).toBe(1);
    await expectUntouched(site);
  });

  it('shows a server on two pages shows it once', async () => {
    const site = await aPagedSite();
    let first: readonly { readonly id: string }[] = [];
    const remember = showing((page) => {
      first = page.servers;
      return page;
    });
    site.double().fault({ ...remember, match: LIST });
    site.double().fault({ ...showing((page) => ({ ...page, servers: [...first, ...page.servers] })), match: LIST });
    await site.run(4 * MINUTE);
    await expectUntouched(site);
  });

  it('leads round in a circle ends, and is unknown', async () => {
    const site = await aPagedSite();
    const [, any] = site.double().servers();
    const links = [{ rel: 'next', href: `http://elsewhere/servers/detail?marker=${any?.id}` }];
    const circle = showing(({ servers }) => ({ servers, servers_links: links }));
    site.double().fault({ ...circle, match: LIST, times: Infinity });
    await site.run(10 * MINUTE);
    await expectUntouched(site);
    expect(site.double().count(LIST)).toBeLessThan(100);
    expect(site.note('provider cloud')).toMatch(/go on without end/);
  });

  it('goes on from a server that was deleted meanwhile is taken again', async () => {
    const site = await aPagedSite();
    const body = { badRequest: { code: 400, message: 'marker [x] not found' } };
    const match = { ...LIST, path: /marker=/ };
    const armed = site.double().fault({ match, kind: 'status', status: 400, body });
    await site.run(3 * MINUTE);
    expect(armed.hits).toBe(1);
    await expectUntouched(site);
  });

  it('is held up by one that never comes is taken again after api-timeout', async () => {
    const site = await aPagedSite();
    site.double().fault({ match: LIST, kind: 'hang' });
    await site.run(3 * MINUTE);
    await expectUntouched(site);
    site.resize(6);
    await site.until(async () => (await site.nodes('ready')).length === 5);
  });
});

describe('listings that lag behind', () => {
  it('as far as is promised double nothing and give nothing up', async () => {
    const clouds = { cloud: { behaviour: { listingLagMs: 4500 } } };
    const site = await openSettledSite({ clouds, minReady: 0 });
    const double = site.double();
    double.fault({ match: CREATE, kind: 'status', status: 503, when: 'after' });
    site.resize(5);
    await site.until(() => site.isSettled());
    expect([double.count({ ...CREATE, status: 202 }), double.servers().length]).toEqual([4, 5]);
    await site.deleteNodes();
    await site.until(() => site.isSettled());
    expect(await site.events('launch-failed', 'leak-deleted', 'retired')).toEqual([]);
    expect(double.count(DELETE)).toBe(5);
  });

  it('by half a minute, which nobody promised, make no more servers than there may be, and leave none behind', async () => {
    const clouds = { cloud: { behaviour: { listingLagMs: 30_000 } } };
    const site = await openSettledSite({ clouds: { cloud: {} }, minReady: 0 });
    const double = site.double();
    double.configure(clouds.cloud.behaviour);
    site.resize(5);
    let most = 0;
    const end = site.clock.now() + 30 * MINUTE;
    while (site.clock.now() < end) {
      await site.run(10_000);
      most = Math.max(most, double.servers().length);
    }
    expect(most).toBeLessThanOrEqual(15);
    double.configure({ listingLagMs: 0 });
    await site.until(() => site.isSettled());
    expect(double.servers()).toHaveLength(5);
  });
});

it('servers that are soft-deleted hold up nobody, and are not asked to go again and again', async () => {
  const site = await openSettledSite({ minReady: 3 });
  const double = site.double();
  let kept: { readonly id: string }[] = [];
  const shown = showing(({ servers, ...page }) => {
    const ids = new Set(servers.map(({ id }) => id));
    const gone = kept.filter(({ id }) => !ids.has(id));
    kept = [...servers, ...gone];
    return { ...page, servers: [...servers, ...gone.map((server) => ({ ...server, status: 'SOFT_DELETED' }))] };
  });
  double.fault({ ...shown, match: LIST, times: Infinity });
  await site.run(MINUTE);
  await site.deleteNodes();
  await site.run(10 * MINUTE);
  expect(await site.nodes('ready')).toHaveLength(3);
  expect(double.servers()).toHaveLength(3);
  expect(double.count(DELETE)).toBeLessThanOrEqual(33);
  double.clearFaults();
  await site.until(() => site.isSettled(), 2 * MINUTE);
  expect(await site.events('leak-deleted')).toEqual([]);
});

it('listings cost as many requests for sixty servers as for two', async () => {
  const site = await openSettledSite({ minReady: 2 });
  const double = site.double();
  const countListings = async (): Promise<readonly number[]> => {
    double.forgetRequests();
    await site.run(5 * MINUTE);
    const { counts } = double;
    return ['compute GET /v2.1/servers', 'network GET /v2.0/ports', 'network GET /v2.0/floatingips'].map((start) =>
      Object.entries(counts()).reduce((sum, [route, count]) => (route.startsWith(start) ? sum + count : sum), 0),
    );
  };
  const few = await countListings();
  site.resize(60);
  await site.until(() => site.isSettled());
  expect(await countListings()).toEqual(few);
  // One of each with every clean-up.
  expect(few).toEqual([5, 5, 5]);
});

describe('a listing of images that', () => {
  it.each<[string, Fault]>([
    ['is empty', { kind: 'alter', alter: () => ({ images: [] }) }],
    ['is cut off', { kind: 'truncate' }],
    ['is no JSON', { kind: 'not-json' }],
  ])('%s, once, costs no image', async (_name, fault) => {
    const site = await openSettledSite();
    const armed = site.double().fault({ ...fault, match: LIST_IMAGES });
    await site.run(4 * MINUTE);
    expect(armed.hits).toBe(1);
    expect((await site.images()).map(({ id, state }) => [id, state])).toEqual([[1, 'ready']]);
    expect(await site.isSettled()).toBe(true);
  });

  it('lags and comes page by page loses no image that is being saved', async () => {
    const images = [
      { name: 'Ubuntu' },
      ...Array.from({ length: 60 }, (_, n) => ({ name: `old-${n}`, project: 'nodepool' })),
    ];
    const site = await openSite({ clouds: { cloud: { images, behaviour: { listingLagMs: 4000, imagePage: 10 } } } });
    await site.until(() => site.isSettled());
    expect(await site.events('build-failed')).toEqual([]);
  });
});
