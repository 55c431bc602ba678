/** A project that may have less than the pool wants, whether the cloud tells or not. */
import { describe, expect, it } from 'vitest';
import { CREATE, openSettledSite } from '../../support/openstack-site.ts';

const MINUTE = 60_000;
const TWO = { cloud: {}, other: {} };

/** `/limits` as of a cloud that keeps its real limits to itself. */
const SILENT_LIMITS = {
  match: { service: 'compute', path: /^\/v2\.1\/limits/ },
  kind: 'alter',
  alter: (body: unknown): unknown => {
    const { limits } = body as { limits: { absolute: Record<string, number> } };
    const absolute = { ...limits.absolute, maxTotalInstances: -1, maxTotalCores: -1, maxTotalRAMSize: -1 };
    return { limits: { ...limits, absolute } };
  },
  times: Infinity,
} as const;

describe('a quota that the cloud tells', () => {
  it.each([
    ['instances', { instances: 5 }, 5, /96, the cloud allows 5/],
    ['cores', { cores: 14 }, 3, /2 cores free of 14, 4 needed/],
    ['RAM', { ram: 30_000 }, 3, /MB of RAM free of 30000, 8192 needed/],
  ] as const)('in %s is filled and not exceeded by a single create', async (_name, quota, nodes, note) => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.setQuota(quota);
    // Limits are read once in a minute.
    await site.run(MINUTE);
    double.forgetRequests();
    site.resize(10);
    await site.run(10 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(nodes);
    expect(double.count(CREATE)).toBe(nodes);
    expect(site.note('label small-cloud')).toMatch(note);
  });

  it('leaves room for a replacement only when the server before it has gone', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.setQuota({ instances: 3 });
    await site.run(MINUTE);
    site.resize(3);
    await site.until(() => site.isSettled());
    await site.deleteNodes();
    await site.until(() => site.isSettled());
    expect(double.count({ ...CREATE, status: 403 })).toBe(0);
  });
});

describe('a quota that the cloud does not tell', () => {
  it('is refused once: the creates that wait are not sent, and other providers go on', async () => {
    const site = await openSettledSite({ clouds: TWO, minReady: 0, provider: { rateMs: 100 } });
    const double = site.double();
    double.fault(SILENT_LIMITS);
    await site.run(MINUTE);
    double.setQuota({ instances: 3 });
    double.forgetRequests();
    site.resize(20);
    site.resize(5, 'other');
    await site.until(async () => (await site.nodes('delete')).length > 0);
    await site.run(1000);
    expect([double.count({ ...CREATE, status: 202 }), double.count({ ...CREATE, status: 403 })]).toEqual([3, 1]);
    // Nothing was created for the others, so their rows go at once.
    expect((await site.nodes()).filter(({ provider }) => provider === 'cloud')).toHaveLength(3);
    const [failed] = await site.events('launch-failed');
    expect(failed).toMatchObject({ reason: 'create-failed', provider: 'cloud' });
    expect(failed?.detail).toMatch(/Quota exceeded for instances: Requested 1, but already used 3 of 3 instances/);
    const { failures } = await site.store.readPool();
    expect(failures).toMatchObject([{ kind: 'provider', provider: 'cloud', count: 1 }]);
    await site.until(
      async () => (await site.nodes('ready')).filter(({ provider }) => provider === 'other').length === 5,
    );
  });

  it('is tried by one create at a time, less and less often, and used as soon as there is more', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.fault(SILENT_LIMITS);
    await site.run(MINUTE);
    double.setQuota({ instances: 3 });
    double.forgetRequests();
    site.resize(20);
    await site.run(30 * MINUTE);
    // Those that were under way together; then one, five minutes apart in the end.
    expect([double.count({ ...CREATE, status: 202 }), await site.nodes('ready')]).toMatchObject([3, { length: 3 }]);
    expect(double.count({ ...CREATE, status: 403 })).toBeLessThan(22);
    expect(site.note('label small-cloud at cloud') + site.note('label small-cloud')).toMatch(/Quota exceeded/);
    const times = double.requests.flatMap(({ method, route, at }) =>
      method === 'POST' && route === '/v2.1/servers' ? [at] : [],
    );
    expect(new Set(times.slice(13)).size).toBe(times.length - 13);
    double.setQuota({ instances: 100 });
    await site.until(() => site.isSettled());
    expect(double.servers()).toHaveLength(20);
  });

  it('of ports counts as one, too', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.setQuota({ ports: 2 });
    site.resize(6);
    await site.run(10 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(2);
    const { failures } = await site.store.readPool();
    expect(failures).toMatchObject([{ kind: 'provider', provider: 'cloud' }]);
    expect(double.count({ ...CREATE, status: 403 })).toBeLessThan(15);
  });
});

it('a server that is refused for another reason is asked for less and less often, and so is the next one', async () => {
  const site = await openSettledSite({ clouds: TWO, minReady: 0 });
  const double = site.double();
  const body = { badRequest: { code: 400, message: 'Bad networks format' } };
  double.fault({ match: CREATE, kind: 'status', status: 400, body, times: Infinity });
  site.resize(5);
  site.resize(5, 'other');
  await site.run(30 * MINUTE);
  expect(double.count(CREATE)).toBeLessThan(25);
  expect((await site.nodes('ready')).map(({ provider }) => provider)).toEqual(Array(5).fill('other'));
  expect(site.note('label small-cloud at cloud')).toContain('failed with 400: Bad networks format');
});

describe('a quota that is found exceeded after a server was accepted', () => {
  it('costs fewer and fewer servers, leaves none behind, and is shown in the words of the cloud', async () => {
    const site = await openSettledSite({ clouds: TWO, minReady: 0 });
    const double = site.double();
    const fault = 'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances';
    double.afflictNext({ kind: 'error', fault, code: 403, afterMs: 2000 }, { times: Infinity });
    site.resize(5);
    site.resize(2, 'other');
    await site.run(30 * MINUTE);
    expect(await site.nodes('ready')).toMatchObject([{ provider: 'other' }, { provider: 'other' }]);
    // Five at first; then one try, ten minutes apart in the end.
    expect(double.count(CREATE)).toBeLessThan(25);
    expect(double.servers().length).toBeLessThanOrEqual(1);
    const [failed] = await site.events('launch-failed');
    expect(failed).toMatchObject({ reason: 'server-error', detail: fault });
    expect(site.note('label small-cloud at cloud')).toContain(fault);
  });
});
