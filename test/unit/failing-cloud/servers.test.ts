/** Servers that do not become what they should, do not go, or go by themselves. */
import { describe, expect, it } from 'vitest';
import type { NodeRecord } from '../../../src/lifecycle/records.ts';
import { ACT, CREATE, DELETE, openSettledSite, openSite, type OpenStackSite } from '../../support/openstack-site.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const TWO = { cloud: {}, other: {} };

async function setState(site: OpenStackSite, { id, state }: NodeRecord, to: 'used' | 'hold' | 'delete'): Promise<void> {
  if (state !== 'ready') throw new Error(`node ${id} is ${state}`);
  if (to === 'hold') await site.store.moveNode({ id, from: 'ready', to, by: 'operator', patch: { heldFrom: 'ready' } });
  else if (to === 'used') await site.store.moveNode({ id, from: 'ready', to, by: 'event' });
  else await site.store.moveNode({ id, from: 'ready', to, by: 'operator' });
}

/** A pool of three: one ready, one in use, one held. */
async function aMixedSite(): Promise<{ readonly site: OpenStackSite; readonly nodes: readonly NodeRecord[] }> {
  const site = await openSettledSite({ minReady: 3 });
  const nodes = await site.nodes();
  await setState(site, nodes[1] as NodeRecord, 'used');
  await setState(site, nodes[2] as NodeRecord, 'hold');
  // The held one is replaced.
  await site.until(async () => (await site.nodes('ready')).length === 2);
  site.double().forgetRequests();
  return { site, nodes };
}

/** Seconds after `since` at which a server was asked to go. */
function askedToGo(site: OpenStackSite, id: string, since: number): readonly number[] {
  const isIt = ({ method, target }: { method: string; target: string }): boolean =>
    method === 'DELETE' && target.endsWith(id);
  return site
    .double()
    .requests.filter(isIt)
    .map(({ at }) => Math.round((at - since) / SECOND));
}

describe('a server that goes to ERROR', () => {
  it('while it is built is replaced, with its fault and its console kept', async () => {
    const site = await openSettledSite({ clouds: TWO, minReady: 0 });
    const double = site.double();
    double.afflictNext({ kind: 'error', fault: 'No valid host was found. There are not enough hosts available.' });
    site.resize(3);
    site.resize(2, 'other');
    await site.until(() => site.isSettled(), 3 * MINUTE);
    expect([double.count(CREATE), double.count(DELETE)]).toEqual([4, 1]);
    const [failed, ...others] = await site.events('launch-failed');
    expect(others).toEqual([]);
    expect(failed).toMatchObject({
      reason: 'server-error',
      detail: 'No valid host was found. There are not enough hosts available.',
    });
    const [console] = await site.events('console');
    expect(console).toMatchObject({ subjectId: failed?.subjectId, reason: 'server-error' });
    expect(console?.detail).not.toBe('');
    // The fault was read with the listing, and not server by server.
    expect(double.count({ service: 'compute', method: 'GET', path: /servers\/(?!detail)/ })).toBe(0);
  });

  it('when it is ready is replaced, with its fault kept; in use and held ones are left alone', async () => {
    const { site, nodes } = await aMixedSite();
    const double = site.double();
    double.afflict(() => true, { kind: 'error', fault: 'the hypervisor is gone', afterMs: 0 });
    await site.run(4 * MINUTE);
    const states = new Map((await site.nodes()).map(({ id, state }) => [id, state]));
    expect(nodes.map(({ id }) => states.get(id))).toEqual([undefined, 'used', 'hold']);
    const retired = await site.events('retired');
    expect(retired).toHaveLength(2);
    expect(retired[0]).toMatchObject({ reason: 'server-error', detail: 'the hypervisor is gone' });
    expect([double.count(CREATE), double.count(DELETE)]).toEqual([2, 2]);
  });

  it('again and again makes its image and zone rest, and then be tried one by one', async () => {
    const site = await openSettledSite({ minReady: 0, provider: { availabilityZones: ['nova'] } });
    const double = site.double();
    double.afflictNext({ kind: 'error', fault: 'no room', afterMs: SECOND }, { times: Infinity });
    site.resize(4);
    await site.run(30 * MINUTE);
    expect(double.count(CREATE)).toBeLessThan(22);
    const { failures } = await site.store.readPool();
    expect(failures).toMatchObject([
      { kind: 'launch', provider: 'cloud', image: 'ubuntu', az: 'nova', lastError: 'no room' },
    ]);
    expect(site.note('label small-cloud at cloud')).toMatch(/^not tried before .* failures: no room$/);
    expect((await site.nodes()).length).toBeLessThanOrEqual(1);
  });
});

describe('a server that never gets anywhere', () => {
  it('because it never leaves BUILD is replaced after launch-timeout, not before', async () => {
    const site = await openSettledSite({ minReady: 0, provider: { launchTimeoutMs: 5 * MINUTE } });
    const double = site.double();
    double.afflictNext({ kind: 'stuck-building' });
    site.resize(2);
    await site.run(5 * MINUTE - SECOND);
    expect(await site.events('launch-failed')).toEqual([]);
    await site.until(() => site.isSettled(), 2 * MINUTE);
    expect(await site.events('launch-failed')).toMatchObject([
      { reason: 'launch-timeout', detail: expect.stringMatching(/^last seen in BUILD/) as string },
    ]);
    expect([double.count(CREATE), double.count(DELETE), double.servers().length]).toEqual([3, 1, 2]);
  });

  it('because it is ACTIVE without an address is replaced after launch-timeout', async () => {
    const site = await openSettledSite({ minReady: 0, provider: { launchTimeoutMs: 2 * MINUTE } });
    site.double().afflictNext({ kind: 'no-address' });
    site.resize(2);
    await site.until(() => site.isSettled(), 4 * MINUTE);
    expect(await site.events('launch-failed')).toMatchObject([
      { reason: 'launch-timeout', detail: 'last seen ACTIVE, without an address' },
    ]);
    expect(site.double().count(CREATE)).toBe(3);
  });

  it('because nobody answers there is replaced after boot-timeout, with its console kept', async () => {
    const site = await openSettledSite({ minReady: 0 });
    const [mute] = [new Set<string>()];
    site.isMute = ({ id }) => {
      if (mute.size === 0) mute.add(id);
      return mute.has(id);
    };
    site.resize(3);
    await site.until(async () => (await site.nodes('ready')).length === 2);
    const upAt = site.clock.now();
    await site.until(async () => (await site.events('launch-failed')).length > 0);
    // boot-timeout is a minute, and counts from the first time that it should have answered.
    expect(Math.round((site.clock.now() - upAt) / (5 * SECOND))).toBe(12);
    await site.until(() => site.isSettled());
    expect(await site.events('launch-failed')).toMatchObject([{ reason: 'boot-timeout' }]);
    expect(await site.events('console')).toMatchObject([{ reason: 'boot-timeout' }]);
    expect([site.double().count(CREATE), site.double().count(DELETE)]).toEqual([4, 1]);
  });

  it('although its console cannot be read is replaced all the same', async () => {
    const site = await openSettledSite({ minReady: 0 });
    site.double().afflictNext({ kind: 'error', afterMs: SECOND });
    site.double().fault({ match: ACT, kind: 'hang', times: Infinity });
    site.resize(1);
    await site.until(() => site.isSettled(), 3 * MINUTE);
    expect(await site.events('console')).toEqual([]);
  });

  it('as a template makes the build fail, and the next one succeed', async () => {
    const site = await openSite({ minReady: 1 });
    site.double().afflictNext({ kind: 'error', fault: 'no room' });
    await site.until(() => site.isSettled());
    expect(await site.events('build-failed')).toMatchObject([{ reason: 'server-error', detail: 'no room' }]);
    expect(await site.events('console')).toMatchObject([{ subjectKind: 'image', reason: 'server-error' }]);
  });
});

describe('a server that refuses to go', () => {
  it.each([
    ['with 500', 500, { computeFault: { code: 500, message: 'Unexpected API Error.' } }],
    ['with 409', 409, { conflictingRequest: { code: 409, message: 'Cannot delete it while it is locked' } }],
    ['with 403', 403, { forbidden: { code: 403, message: 'Policy does not allow it' } }],
  ])('%s holds up no other, is asked less and less often, and goes in the end', async (_name, status, body) => {
    const site = await openSettledSite({ minReady: 4 });
    const double = site.double();
    const [stubborn] = double.servers();
    const id = stubborn?.id ?? '';
    double.fault({ match: { ...DELETE, path: new RegExp(id) }, kind: 'status', status, body, times: Infinity });
    site.resize(0);
    for (const node of await site.nodes()) await setState(site, node, 'delete');
    const since = site.clock.now();
    await site.run(10 * SECOND);
    expect(double.servers().map((server) => server.id)).toEqual([id]);
    await site.run(20 * MINUTE);
    const asked = askedToGo(site, id, since);
    expect(site.note(`node ${(await site.nodes())[0]?.id}`)).toMatch(
      /its last step failed and is tried again at .* failed with \d+: /,
    );
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((second) => second > 2 * 60).length).toBeLessThanOrEqual(19);
    double.clearFaults();
    await site.until(() => site.isSettled(), 2 * MINUTE);
  });

  it('after every accepted deletion is asked once a minute, and is shown as a node in DELETE', async () => {
    const site = await openSettledSite({ minReady: 2 });
    const double = site.double();
    const [stubborn] = double.servers();
    const id = stubborn?.id ?? '';
    double.afflict(id, { kind: 'refuses-deletion', times: 5 });
    const node = (await site.nodes()).find(({ serverId }) => serverId === id) as NodeRecord;
    const since = site.clock.now();
    await setState(site, node, 'delete');
    await site.run(4 * MINUTE);
    expect(await site.nodes('ready')).toHaveLength(2);
    expect((await site.nodes('delete')).map((one) => one.id)).toEqual([node.id]);
    await site.until(() => site.isSettled());
    const asked = askedToGo(site, id, since);
    expect(asked).toHaveLength(6);
    expect(asked.every((second, index) => index === 0 || second - (asked[index - 1] ?? 0) >= 60)).toBe(true);
  });

  it('and is DELETING for ever is asked once a minute', async () => {
    const site = await openSettledSite({ minReady: 1 });
    const double = site.double();
    double.afflict(() => true, { kind: 'stuck-deleting' });
    await setState(site, (await site.nodes())[0] as NodeRecord, 'delete');
    await site.run(10 * MINUTE);
    expect(double.count(DELETE)).toBeLessThanOrEqual(10);
    expect(await site.nodes('ready')).toHaveLength(1);
  });
});

describe('a server that vanishes', () => {
  it('while it is built is replaced', async () => {
    const site = await openSettledSite({ minReady: 0 });
    site.double().afflictNext({ kind: 'vanish', afterMs: 10 * SECOND });
    site.resize(2);
    await site.until(() => site.isSettled(), 3 * MINUTE);
    expect(await site.events('launch-failed')).toMatchObject([{ reason: 'server-gone' }]);
    expect(site.double().count(CREATE)).toBe(3);
    expect(site.double().count(DELETE)).toBeLessThanOrEqual(1);
  });

  it('when it is ready is replaced at the next look, in use after five minutes, and a held one stays', async () => {
    const { site, nodes } = await aMixedSite();
    const ids = new Set(nodes.map(({ serverId }) => String(serverId)));
    site.double().afflict(({ id }) => ids.has(id), { kind: 'vanish' });
    await site.run(3 * MINUTE);
    const statesOf = async (): Promise<readonly (string | undefined)[]> => {
      const states = new Map((await site.nodes()).map(({ id, state }) => [id, state]));
      return nodes.map(({ id }) => states.get(id));
    };
    expect(await statesOf()).toEqual([undefined, 'used', 'hold']);
    await site.run(5 * MINUTE);
    expect(await statesOf()).toEqual([undefined, undefined, 'hold']);
    expect(await site.events('retired')).toMatchObject([{ reason: 'server-gone' }, { reason: 'server-gone' }]);
  });

  it('as a template makes the build begin anew, without a count', async () => {
    const site = await openSite({ minReady: 0 });
    site.double().afflictNext({ kind: 'vanish', afterMs: 15 * SECOND });
    await site.until(() => site.isSettled());
    expect(await site.events('build-failed')).toMatchObject([{ reason: 'server-gone' }]);
    expect((await site.store.readPool()).failures).toEqual([]);
  });

  it('only because its cell is down is not given up', async () => {
    const { site, nodes } = await aMixedSite();
    site.double().afflict(() => true, { kind: 'cell-down', forMs: 10 * MINUTE });
    await site.run(9 * MINUTE);
    expect(await site.events('retired')).toEqual([]);
    expect((await site.nodes()).map(({ id }) => id)).toEqual(expect.arrayContaining(nodes.map(({ id }) => id)));
    expect([site.double().count(CREATE), site.double().count(DELETE)]).toEqual([0, 0]);
  });
});
