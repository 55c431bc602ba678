/** What belongs to servers beside themselves - key pairs, floating IPs, ports - and the network service it depends on. */
import { describe, expect, it } from 'vitest';
import type { OpenStackDoubleOptions } from '../../../tools/openstack-double/index.ts';
import { CREATE, DELETE, openSettledSite, openSite, type OpenStackSite } from '../../support/openstack-site.ts';

const SECOND = 1000;
const MINUTE = 60_000;

/** A cloud whose servers are reached by floating IPs. */
const ROUTED: OpenStackDoubleOptions = {
  networks: [
    { name: 'public', cidr: '203.0.113.0/24', isExternal: true },
    { name: 'private', cidr: '10.77.0.0/16', routedTo: 'public' },
  ],
};
const NEUTRON = { service: 'network' } as const;
const ATTACH = { service: 'network', method: 'POST', path: /floatingips$/ } as const;
const RELEASE = { service: 'network', method: 'DELETE', path: /floatingips\// } as const;
const DELETE_KEYPAIR = { service: 'compute', method: 'DELETE', path: /os-keypairs/ } as const;

function aRoutedSite(minReady: number): Promise<OpenStackSite> {
  return openSettledSite({ clouds: { cloud: ROUTED }, minReady });
}

describe('floating IPs', () => {
  it('come and go with their servers, one call each', async () => {
    const site = await aRoutedSite(3);
    const double = site.double();
    expect(double.floatingIps()).toHaveLength(3);
    await site.deleteNodes();
    await site.until(() => site.isSettled());
    expect([double.count(ATTACH), double.count(RELEASE), double.floatingIps().length]).toEqual([3, 3, 3]);
  });

  it.each([
    ['503', { kind: 'status', status: 503 }],
    ['a reset', { kind: 'reset' }],
    ['silence', { kind: 'hang' }],
    ['half an answer', { kind: 'truncate' }],
  ] as const)('are not made twice when the answer is %s', async (_name, fault) => {
    const site = await aRoutedSite(0);
    const double = site.double();
    double.fault({ ...fault, match: ATTACH, when: 'after' });
    site.resize(3);
    await site.until(() => site.isSettled());
    expect(double.floatingIps()).toHaveLength(3);
    expect(await site.events('launch-failed', 'leak-deleted')).toEqual([]);
  });

  it('of which there are too few hold the provider back as any quota, and leave no server behind', async () => {
    const site = await aRoutedSite(0);
    const double = site.double();
    double.setQuota({ floatingIps: 2 });
    double.forgetRequests();
    site.resize(5);
    await site.run(10 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(2);
    expect(double.count(CREATE)).toBeLessThan(20);
    expect((await site.nodes()).length).toBeLessThanOrEqual(3);
    expect(site.note('label small-cloud')).toMatch(/Quota exceeded for resources: \['floatingip'\]/);
    double.setQuota({ floatingIps: 50 });
    await site.until(() => site.isSettled());
  });

  it('that cannot be released with their server are swept later', async () => {
    const site = await aRoutedSite(3);
    const double = site.double();
    double.fault({ match: RELEASE, kind: 'status', status: 500, times: 3 });
    site.resize(0);
    await site.deleteNodes();
    await site.until(async () => (await site.nodes()).length === 0);
    expect(double.floatingIps()).toHaveLength(3);
    await site.until(() => site.isSettled(), 5 * MINUTE);
    expect(double.floatingIps()).toEqual([]);
    expect(await site.events('leak-deleted')).toHaveLength(3);
  });
});

describe('a network service that is down', () => {
  it('costs no node, and new ones come up when it is back', async () => {
    const site = await aRoutedSite(2);
    const double = site.double();
    double.fault({ match: NEUTRON, kind: 'status', status: 503, times: Infinity });
    site.resize(4);
    await site.run(10 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(2);
    expect(double.count(DELETE)).toBe(0);
    expect(site.note('provider cloud')).toMatch(/network service .* failed with 503/);
    expect(double.count(NEUTRON)).toBeLessThan(250);
    double.clearFaults();
    await site.until(() => site.isSettled(), 3 * MINUTE);
    expect(double.floatingIps()).toHaveLength(4);
    expect(await site.events('launch-failed', 'retired')).toEqual([]);
  });

  it('does not keep servers from being deleted', async () => {
    const site = await aRoutedSite(2);
    const double = site.double();
    double.fault({ match: NEUTRON, kind: 'status', status: 503, times: Infinity });
    site.resize(0);
    await site.deleteNodes();
    await site.run(5 * MINUTE);
    expect(double.servers()).toEqual([]);
    double.clearFaults();
    await site.until(() => site.isSettled(), 5 * MINUTE);
    expect(double.floatingIps()).toEqual([]);
  });

  it('is not needed where servers are reached at their own addresses', async () => {
    const site = await openSettledSite({ minReady: 2 });
    site.double().fault({ match: NEUTRON, kind: 'status', status: 503, times: Infinity });
    site.resize(4);
    await site.run(5 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(4);
  });
});

describe('what is left of servers', () => {
  it('is swept: the key pair of a template that could not be deleted', async () => {
    const site = await openSite({ minReady: 0 });
    const double = site.double();
    double.fault({ match: DELETE_KEYPAIR, kind: 'status', status: 500, times: 3 });
    await site.until(() => site.isSettled());
    expect([double.keypairs(), [...site.keys.keys()]]).toEqual([[], []]);
    expect(double.count(DELETE_KEYPAIR)).toBeLessThanOrEqual(5);
  });

  it('is swept: the key pair of a build whose row somebody deleted', async () => {
    const site = await openSite({ minReady: 0 });
    const double = site.double();
    await site.until(() => double.keypairs().length === 1 && double.servers().length === 1);
    const [image] = await site.images();
    await site.store.moveImage({ id: image?.id ?? 0, from: 'building', to: 'delete', by: 'operator' });
    await site.store.removeImage(image?.id ?? 0, { kind: 'removed', reason: 'operator' });
    await site.until(() => site.isSettled(), 10 * MINUTE);
    const leaks = (await site.events('leak-deleted')).map(({ detail }) => detail ?? '');
    expect(leaks.filter((detail) => detail.startsWith('server'))).toHaveLength(1);
    expect(leaks.filter((detail) => detail.startsWith('key pair'))).toHaveLength(1);
  });

  it('is swept: ports that outlive their servers', async () => {
    const site = await openSettledSite({ minReady: 2 });
    const double = site.double();
    double.afflict(() => true, { kind: 'leaves-ports' });
    site.resize(0);
    await site.deleteNodes();
    await site.until(() => double.servers().length === 0);
    expect(double.ports()).toHaveLength(2);
    await site.until(() => site.isSettled(), 5 * MINUTE);
    expect(double.ports()).toEqual([]);
  });

  it('but not what is in use, or somebody else’s', async () => {
    const images = [{ name: 'Ubuntu' }, { name: 'theirs', project: 'nodepool' }];
    const site = await openSettledSite({ clouds: { cloud: { ...ROUTED, images } }, minReady: 2 });
    const double = site.double();
    await site.run(5 * MINUTE + SECOND);
    expect(double.count({ method: 'DELETE' })).toBe(0);
    expect(double.images().map(({ name }) => name)).toContain('theirs');
  });
});
