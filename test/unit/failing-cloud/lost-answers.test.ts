/** Requests whose answer does not come, or says nothing: they may or may not have had their effect. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../tools/openstack-double/index.ts';
import { ACT, CREATE, DELETE, openSettledSite, openSite, type OpenStackSite } from '../../support/openstack-site.ts';

const MINUTE = 60_000;
const KEYPAIR = { service: 'compute', method: 'POST', path: /os-keypairs$/ } as const;

const LOST: Readonly<Record<string, Fault>> = {
  '500': { kind: 'status', status: 500, body: { computeFault: { code: 500, message: 'Unexpected API Error.' } } },
  'a 502 page of a proxy': { kind: 'html', status: 502 },
  '503': { kind: 'status', status: 503 },
  '504': { kind: 'html', status: 504 },
  'a reset': { kind: 'reset' },
  silence: { kind: 'hang' },
  'text that is no JSON': { kind: 'not-json' },
  'half an answer': { kind: 'truncate' },
};
const BOTH = Object.entries(LOST).flatMap(([name, fault]) =>
  // Half an answer needs a whole one.
  (fault.kind === 'truncate' ? (['after'] as const) : (['before', 'after'] as const)).map(
    (when) => [name, when, fault] as const,
  ),
);

function ourImages(site: OpenStackSite): number {
  return site
    .double()
    .images()
    .filter(({ properties }) => properties.nodepool_record !== undefined).length;
}

describe.each(BOTH)('%s, %s the effect,', (_name, when, fault) => {
  it('as the answer to a create leads to one server', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.fault({ ...fault, match: CREATE, when });
    site.resize(2);
    // What is lost is lost for as long as the call may take: then the listing tells.
    await site.until(() => site.isSettled(), 4 * MINUTE);
    expect(double.count(CREATE)).toBe(when === 'before' ? 3 : 2);
    expect(await site.events('server-adopted')).toHaveLength(when === 'before' ? 0 : 1);
    expect(await site.events('launch-failed', 'leak-deleted')).toEqual([]);
    expect(double.servers()).toHaveLength(2);
  });

  it('as the answer to a snapshot leads to one image', async () => {
    const site = await openSite({ minReady: 0 });
    const double = site.double();
    // The first such request is for the template's console.
    double.fault({ ...fault, match: ACT, when, skip: 1 });
    await site.until(() => site.isSettled());
    expect([site.saves().length, ourImages(site)]).toEqual([when === 'before' ? 2 : 1, 1]);
    expect(await site.events('image-adopted')).toHaveLength(when === 'before' ? 0 : 1);
    expect(await site.events('build-failed', 'leak-deleted')).toEqual([]);
  });
});

const SOME = BOTH.filter(([name]) => ['503', 'a reset', 'silence', 'half an answer'].includes(name));

describe.each(SOME)('%s, %s the effect,', (_name, when, fault) => {
  it('as the answer to a deletion leads to another, which does no harm', async () => {
    const site = await openSettledSite({ minReady: 3 });
    const double = site.double();
    double.fault({ ...fault, match: DELETE, when });
    site.resize(0);
    await site.deleteNodes();
    await site.until(() => site.isSettled(), 3 * MINUTE);
    expect(double.count(DELETE)).toBeLessThanOrEqual(4);
  });

  it('as the answer to a key pair leads to one, and to none in the end', async () => {
    const site = await openSite({ minReady: 0 });
    const double = site.double();
    double.fault({ ...fault, match: KEYPAIR, when });
    await site.until(() => site.isSettled());
    expect((await site.images()).map(({ id }) => id)).toEqual([1]);
    expect(double.keypairs()).toEqual([]);
  });
});

describe('a service that answers nothing right', () => {
  it.each(['500', 'a 502 page of a proxy', '503', 'a reset', 'text that is no JSON'])(
    'but %s for half an hour gets few requests, and the pool is whole again soon after',
    async (name) => {
      const site = await openSettledSite({ clouds: { cloud: {}, other: {} } });
      const [cloud, other] = [site.double('cloud'), site.double('other')];
      cloud.fault({ ...(LOST[name] as Fault), match: { service: 'compute' }, times: Infinity });
      site.resize(4);
      site.resize(4, 'other');
      await site.run(30 * MINUTE);
      // A listing a minute, and the limits; each is tried three times.
      expect(cloud.count({ service: 'compute' })).toBeLessThan(400);
      expect([cloud.count(DELETE), cloud.servers().length, other.servers().length]).toEqual([0, 2, 4]);
      expect(site.note('provider cloud')).toMatch(
        /^its servers cannot be listed, so that nothing is created or given up/,
      );
      cloud.clearFaults();
      await site.until(() => site.isSettled(), 4 * MINUTE);
      expect(await site.events('retired', 'launch-failed')).toEqual([]);
    },
  );

  it('a restarted daemon goes on from the rows when it comes back', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const double = site.double();
    double.fault({ match: CREATE, kind: 'status', status: 503, when: 'after', times: Infinity });
    site.resize(3);
    await site.until(() => double.servers().length === 3);
    double.fault({ match: { service: 'compute' }, kind: 'reset', times: Infinity });
    await site.stop();
    site.start();
    await site.run(5 * MINUTE);
    double.clearFaults();
    await site.until(() => site.isSettled(), 4 * MINUTE);
    expect(double.servers()).toHaveLength(3);
    expect(await site.events('server-adopted')).toHaveLength(3);
  });
});
