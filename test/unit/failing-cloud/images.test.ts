/** Snapshots that come to nothing, and an image service that is away. */
import { describe, expect, it } from 'vitest';
import { DELETE, openSettledSite, openSite, type OpenStackSite } from '../../support/openstack-site.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DELETE_IMAGE = { service: 'image', method: 'DELETE', path: /^\/v2\/images\// } as const;

/** Seconds between the templates that were booted. */
function pauses(site: OpenStackSite): readonly number[] {
  const times = site
    .double()
    .requests.flatMap(({ method, route, at }) => (method === 'POST' && route === '/v2.1/servers' ? [at] : []));
  return times.slice(1).map((at, index) => Math.round((at - (times[index] ?? 0)) / SECOND));
}

describe('a snapshot that', () => {
  it.each([
    ['ends killed', { kind: 'killed' }, 'the cloud shows it as error'],
    ['vanishes', { kind: 'vanish' }, 'the cloud does not list it'],
  ] as const)(
    '%s fails its build, leaves nothing behind, and is made anew after a rest',
    async (_name, trouble, detail) => {
      const site = await openSite({ clouds: { cloud: {}, other: {} }, minReady: 1 });
      site.double().afflictNextImage(trouble);
      await site.until(async () => (await site.events('build-failed')).length > 0);
      expect(await site.events('build-failed')).toMatchObject([{ reason: 'save-failed', detail, provider: 'cloud' }]);
      await site.until(async () => (await site.images()).every(({ state }) => state === 'ready'));
      expect(site.note('image ubuntu at cloud')).toMatch(/^not built again before .* after 1 failures: the cloud/);
      await site.until(() => site.isSettled());
      expect(site.saves()).toHaveLength(2);
      expect(await site.events('leak-deleted')).toEqual([]);
    },
  );

  it('is killed again and again is tried less and less often, and every template goes', async () => {
    const site = await openSite({ minReady: 1 });
    for (let n = 0; n < 9; n += 1) site.double().afflictNextImage({ kind: 'killed' });
    await site.run(HOUR);
    expect(site.saves().length).toBeLessThan(8);
    const [first = 0, second = 0, third = 0] = pauses(site);
    expect([first > 30, second > first + 20, third > second + 50]).toEqual([true, true, true]);
    expect(await site.leftovers()).toEqual([]);
  });

  it('never leaves queued is given up after six hours, not before, and deleted', async () => {
    const site = await openSite({ minReady: 0 });
    const double = site.double();
    double.afflictNextImage({ kind: 'stuck' });
    await site.until(() => site.saves().length === 1);
    // As after a rest of the whole machine: what is waited for is looked at as seldom as can be.
    const start = site.clock.now();
    site.clock.set(start + 6 * HOUR - MINUTE);
    await site.run(30 * SECOND);
    expect(await site.events('build-failed')).toEqual([]);
    await site.run(2 * MINUTE);
    expect(await site.events('build-failed')).toMatchObject([{ reason: 'save-timeout' }]);
    await site.until(() => site.isSettled());
    expect(double.count(DELETE_IMAGE)).toBe(1);
  });

  it('somebody deletes once it is ready is built anew, while its nodes stay', async () => {
    const site = await openSettledSite();
    const double = site.double();
    const [image] = await site.images();
    double.afflictImage(image?.cloudImageId ?? '', { kind: 'vanish' });
    await site.until(async () => (await site.images()).some(({ id, state }) => id !== image?.id && state === 'ready'));
    await site.until(() => site.isSettled());
    expect(await site.events('retired')).toMatchObject([{ subjectKind: 'image', reason: 'image-gone' }]);
    expect((await site.nodes()).map(({ id }) => id)).toEqual([1, 2]);
  });
});

describe('an image that cannot be deleted', () => {
  it.each([
    ['because a disk depends on it', 409],
    ['because it is protected', 403],
    ['because Glance is broken', 500],
  ])('%s is asked to go once a minute, and holds up no other', async (_name, status) => {
    const site = await openSettledSite();
    const double = site.double();
    double.fault({ match: DELETE_IMAGE, kind: 'status', status, times: 8 });
    await site.store.moveImage({ id: 1, from: 'ready', to: 'delete', by: 'operator' });
    await site.run(5 * MINUTE + 10 * SECOND);
    expect(double.count(DELETE_IMAGE)).toBe(6);
    expect(site.note('image 1')).toMatch(new RegExp(`tried again at .* failed with ${status}`));
    // The next one is there long since.
    site.resize(4);
    await site.until(async () => (await site.nodes('ready')).length === 4, MINUTE);
    await site.until(() => site.isSettled());
    expect(double.count(DELETE_IMAGE)).toBe(9);
  });
});

describe('an image service that is down', () => {
  it('keeps no node from being launched and deleted, gives up no image, and is named', async () => {
    const site = await openSettledSite();
    const double = site.double();
    double.fault({ match: { service: 'image' }, kind: 'status', status: 503, times: Infinity });
    const [node] = await site.nodes();
    await site.store.moveNode({ id: node?.id ?? 0, from: 'ready', to: 'delete', by: 'operator' });
    site.resize(4);
    await site.run(20 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(4);
    expect((await site.images()).map(({ id, state }) => [id, state])).toEqual([[1, 'ready']]);
    expect(site.note('provider cloud')).toMatch(/^its images cannot be listed, .* failed with 503/);
    // Once in a minute, three tries each.
    expect(double.count({ service: 'image' })).toBeLessThan(90);
    double.clearFaults();
    await site.until(() => site.isSettled(), 3 * MINUTE);
    expect(double.count(DELETE)).toBe(1);
  });

  it('while an image is built lets the build go on when it is back', async () => {
    const site = await openSite({ minReady: 1 });
    const double = site.double();
    await site.until(() => double.servers().length === 1);
    double.fault({ match: { service: 'image' }, kind: 'status', status: 503, times: Infinity });
    await site.run(5 * MINUTE);
    double.clearFaults();
    await site.until(() => site.isSettled(), 5 * MINUTE);
    expect((await site.images()).map(({ id }) => id)).toEqual([1]);
    expect(site.saves()).toHaveLength(1);
  });
});
