/** A cloud that asks to be left alone for a while, or is busy with what it is asked about. */
import { describe, expect, it } from 'vitest';
import { ACT, CREATE, DELETE, openSettledSite, openSite, type OpenStackSite } from '../../support/openstack-site.ts';

const MINUTE = 60_000;
const TWO = { cloud: {}, other: {} };
const OVER_LIMIT = { overLimit: { code: 413, message: 'This request was rate-limited.', retryAfter: '0' } };
const CONFLICT = { conflictingRequest: { code: 409, message: 'Cannot do it while it is in task_state deleting' } };

/** When requests to the services of a cloud were sent, since a time, in milliseconds after it. */
function sentAfter(site: OpenStackSite, since: number, provider = 'cloud'): readonly number[] {
  return site
    .double(provider)
    .requests.flatMap(({ at, service }) => (at > since && service !== 'identity' ? [at - since] : []));
}

describe.each([413, 429])('a request that is answered with %d', (status) => {
  it('and a time holds back every request to that cloud until then, and to no other', async () => {
    const site = await openSettledSite({ clouds: TWO, minReady: 0 });
    const double = site.double();
    const fault = double.fault({
      match: CREATE,
      kind: 'status',
      status,
      body: OVER_LIMIT,
      headers: { 'Retry-After': '7' },
    });
    site.resize(3);
    site.resize(3, 'other');
    await site.until(() => fault.hits === 1);
    const since = double.requests.find((request) => request.status === status)?.at ?? 0;
    await site.until(() => site.isSettled());
    const before = sentAfter(site, since).filter((ms) => ms < 7000);
    expect(before).toEqual([]);
    expect(sentAfter(site, since, 'other').filter((ms) => ms < 7000).length).toBeGreaterThan(3);
    expect(double.servers()).toHaveLength(3);
    expect(await site.events('launch-failed')).toEqual([]);
    expect((await site.store.readPool()).failures).toEqual([]);
  });

  it('and no time makes requests rarer until they are taken again', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    const match = { service: 'compute', path: /./ } as const;
    double.fault({ match, kind: 'status', status, body: OVER_LIMIT, times: 20 });
    const since = site.clock.now();
    site.resize(5);
    await site.until(() => site.isSettled());
    const times = double.requests.flatMap((request) => (request.status === status ? [request.at - since] : []));
    expect(times).toHaveLength(20);
    // With a gap that doubles up to ten seconds twenty refusals take more than a minute.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(MINUTE);
    expect(double.servers()).toHaveLength(5);
    expect(await site.events('launch-failed')).toEqual([]);
  });
});

describe('409', () => {
  it('to a create is tried again soon, with another row, and no server too many', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.fault({ match: CREATE, kind: 'status', status: 409, body: CONFLICT, times: 2 });
    site.resize(3);
    await site.until(() => site.isSettled(), 2 * MINUTE);
    expect(double.count(CREATE)).toBe(5);
    expect(double.servers()).toHaveLength(3);
    const failed = await site.events('launch-failed');
    expect(failed.map(({ detail }) => detail)).toEqual(
      Array(2).fill(expect.stringContaining(CONFLICT.conflictingRequest.message)),
    );
  });

  it('to a deletion holds up no other one, and is asked again ten seconds later', async () => {
    const site = await openSettledSite({ minReady: 4 });
    const double = site.double();
    const [stubborn] = double.servers();
    const match = { ...DELETE, path: new RegExp(stubborn?.id ?? '') };
    double.fault({ match, kind: 'status', status: 409, body: CONFLICT, times: 3 });
    site.resize(0);
    await site.deleteNodes();
    await site.run(8000);
    expect(double.servers().map(({ id }) => id)).toEqual([stubborn?.id]);
    await site.until(() => site.isSettled());
    const [first = 0, ...later] = double.requests
      .filter(({ method, target }) => method === 'DELETE' && match.path.test(target))
      .map(({ at }) => at);
    expect(later.map((at) => Math.round((at - first) / 1000))).toEqual([10, 20, 30]);
  });

  it('to a snapshot is tried again until the template can be saved, without beginning anew', async () => {
    const site = await openSite({ minReady: 1 });
    const double = site.double();
    // The first is for the template's console.
    double.fault({ match: ACT, kind: 'status', status: 409, body: CONFLICT, times: 4, skip: 1 });
    await site.until(() => site.isSettled());
    expect(site.saves()).toEqual([409, 409, 409, 409, 202]);
    expect((await site.images()).map(({ id }) => id)).toEqual([1]);
    expect(await site.events('build-failed')).toEqual([]);
    expect(double.images().filter(({ properties }) => properties.nodepool_record !== undefined)).toHaveLength(1);
  });
});
