/** Tokens that end, are revoked, or cannot be had. */
import { describe, expect, it } from 'vitest';
import { CREATE, DELETE, LIST, LOGIN, openSettledSite, type OpenStackSite } from '../../support/openstack-site.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TWO = { cloud: {}, other: {} };

const settled = (site: OpenStackSite) => (): Promise<boolean> => site.isSettled();

describe('tokens that are revoked in mid-work', () => {
  it('cost one login for all requests that wait, and no server is made twice', async () => {
    const site = await openSettledSite({ minReady: 0 });
    site.resize(6);
    const double = site.double();
    // The rows are there, and the creates go out next.
    await site.until(async () => (await site.nodes()).length === 6);
    double.expireTokens();
    await site.until(settled(site));
    expect(double.count(LOGIN)).toBe(1);
    expect([double.count({ ...CREATE, status: 401 }), double.count({ ...CREATE, status: 202 })]).toEqual([6, 6]);
    expect(double.servers()).toHaveLength(6);
    expect(await site.events('launch-failed')).toEqual([]);
  });

  it('again and again do no harm', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    site.resize(4);
    await site.until(async () => {
      double.expireTokens();
      return site.isSettled();
    });
    expect(double.count({ ...CREATE, status: 202 })).toBe(4);
    expect(await site.events('launch-failed')).toEqual([]);
  });
});

it('a daemon that runs for long renews its token before the end, once each time', async () => {
  const site = await openSettledSite({ clouds: { cloud: { behaviour: { tokenMs: 10 * MINUTE } } } });
  const double = site.double();
  await site.run(HOUR);
  expect(double.requests.filter(({ status }) => status === 401)).toEqual([]);
  expect(double.count(LOGIN)).toBe(6);
  expect(await site.isSettled()).toBe(true);
});

describe('an identity service that is down', () => {
  it('is not noticed as long as there is a token', async () => {
    const site = await openSettledSite({ clouds: { cloud: { behaviour: { tokenMs: HOUR } } } });
    const double = site.double();
    await site.run(50 * MINUTE);
    // A token is renewed during its last five minutes.
    double.fault({ match: LOGIN, kind: 'status', status: 503, times: Infinity });
    await site.run(8 * MINUTE);
    expect(double.count({ ...LOGIN, status: 503 })).toBeGreaterThan(0);
    double.clearFaults();
    site.resize(3);
    await site.until(settled(site));
    expect(double.requests.filter(({ service, status }) => service !== 'identity' && status !== 200)).toEqual(
      double.requests.filter((request) => request.status === 202),
    );
  });

  it('stops nothing but its own provider, loses nothing, and is named as the reason', async () => {
    const site = await openSettledSite({ clouds: TWO });
    const [cloud, other] = [site.double('cloud'), site.double('other')];
    cloud.fault({ match: { service: 'identity' }, kind: 'status', status: 503, times: Infinity });
    cloud.expireTokens();
    site.resize(4);
    site.resize(4, 'other');
    await site.run(10 * MINUTE);
    expect(cloud.servers()).toHaveLength(2);
    expect(other.servers()).toHaveLength(4);
    expect(site.note('provider cloud')).toMatch(/^its servers cannot be listed, .*: logging in .* failed with 503/);
    // Not more than one request for a token, or for its place, in ten seconds; and nothing else at all.
    expect(cloud.count({ service: 'identity' })).toBeLessThan(60);
    expect(cloud.count({ ...CREATE, status: 202 }) + cloud.count(DELETE)).toBe(0);
    cloud.clearFaults();
    await site.until(settled(site), 2 * MINUTE);
    expect(await site.events('retired', 'launch-failed')).toEqual([]);
  });
});

describe('credentials that are refused', () => {
  it('are not sent again and again, and the pool works on when they are right', async () => {
    const site = await openSettledSite();
    const double = site.double();
    const body = { error: { code: 401, message: 'The account is locked.', title: 'Unauthorized' } };
    double.fault({ match: LOGIN, kind: 'status', status: 401, body, times: Infinity });
    double.expireTokens();
    site.resize(4);
    await site.run(10 * MINUTE);
    // An account may be locked after a few wrong passwords: not more than one in thirty seconds.
    expect(double.count(LOGIN)).toBeLessThanOrEqual(20);
    expect(site.note('provider cloud')).toMatch(/does not accept .*The account is locked/);
    expect(double.count(DELETE)).toBe(0);
    double.clearFaults();
    await site.until(settled(site), 3 * MINUTE);
    expect(double.count({ ...CREATE, status: 202 })).toBe(2);
  });

  it('by a service that takes no token make it rest', async () => {
    const site = await openSettledSite({ clouds: TWO });
    const [cloud, other] = [site.double('cloud'), site.double('other')];
    cloud.fault({ match: { service: 'compute' }, kind: 'status', status: 401, times: Infinity });
    site.resize(4);
    site.resize(4, 'other');
    await site.run(10 * MINUTE);
    expect(other.servers()).toHaveLength(4);
    // Every refused request asks for one new token, and listings are tried once in a minute at last.
    expect(cloud.count(LOGIN)).toBeLessThan(60);
    expect(cloud.count(LIST)).toBeLessThan(60);
    expect(site.note('provider cloud')).toMatch(/at the compute service .* failed with 401/);
    cloud.clearFaults();
    await site.until(settled(site), 3 * MINUTE);
    expect(await site.events('retired')).toEqual([]);
  });
});
