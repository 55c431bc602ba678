import { describe, expect, it } from 'vitest';
import { serverId } from '../../../../src/lib/ids.ts';
import type { ApiRequest } from '../../../../src/providers/openstack/session.ts';
import { METADATA, novaServer, refused, routed, signal, stubCloud, TAGS, type StubOptions } from './stub-cloud.ts';

const LIST = 'GET compute /servers/detail';
const FLOATING = 'GET network /floatingips';
const listed = (servers: object[], options?: StubOptions) =>
  stubCloud({ [LIST]: { servers } }, options).cloud.listServers(signal);
const next = (marker: string) => [{ rel: 'next', href: `http://127.0.0.1:8774/v2.1/servers/detail?marker=${marker}` }];

describe('a listed server', () => {
  it('has what Nova says of it', async () => {
    const fault = { message: 'No valid host\nwas found.', code: 500 };
    const [server] = await listed([novaServer({ status: 'ERROR', fault })]);
    expect(server).toEqual({
      id: 'server-1',
      name: 'devstack-7',
      status: 'error',
      ip: '10.0.0.5',
      ipPrivate: '10.0.0.5',
      tags: TAGS,
      wantsFloatingIp: false,
      fault: 'No valid host was found.',
      size: { cores: 4, ramMb: 8192 },
    });
  });

  it.each([
    ['ACTIVE', null, 'active'],
    ['ACTIVE', 'image_uploading', 'active'],
    ['MIGRATING', 'migrating', 'active'],
    ['BUILD', 'spawning', 'building'],
    ['ACTIVE', 'deleting', 'deleting'],
    ['ERROR', 'deleting', 'deleting'],
    ['BUILD', 'soft-deleting', 'deleting'],
    ['SOFT_DELETED', null, 'deleting'],
    ['DELETED', null, 'deleting'],
    ['SHUTOFF', null, 'unknown'],
    ['REBOOT', 'rebooting', 'unknown'],
    ['ANYTHING', null, 'unknown'],
  ])('that is %s with task %s is %s', async (status, task, expected) => {
    const [server] = await listed([novaServer({ status, 'OS-EXT-STS:task_state': task })]);
    expect(server?.status).toBe(expected);
  });

  it('of a cell that is down is there, with nothing but its id', async () => {
    const [server] = await listed([{ id: 'server-9', status: 'UNKNOWN', tenant_id: 'x', links: [] }]);
    expect(server).toMatchObject({ id: 'server-9', status: 'unknown', tags: null, ip: null, size: null });
  });

  it('has its size from the flavors where listings are too old to have it', async () => {
    const stub = stubCloud(
      { [LIST]: { servers: [novaServer({ flavor: { id: 'flavor-1' } })] } },
      { microversions: [] },
    );
    expect((await stub.cloud.listServers(signal))[0]?.size).toEqual({ cores: 4, ramMb: 8192 });
    expect(stub.sent(LIST)[0]?.microversion).toBeUndefined();
    stub.routes[LIST] = { servers: [novaServer({ flavor: { id: 'removed' } })] };
    expect((await stub.cloud.listServers(signal))[0]?.size).toBeNull();
  });
});

describe('the listing', () => {
  it('is asked for without a limit, so that no cell is left out', async () => {
    const stub = stubCloud();
    await stub.cloud.listServers(signal);
    expect(stub.sent(LIST).map(({ query, microversion }) => ({ query, microversion }))).toEqual([
      { query: {}, microversion: '2.69' },
    ]);
  });

  it('has each server once, though pages overlap', async () => {
    const pages: Record<string, object> = {
      '': { servers: [novaServer({ id: 'a' }), novaServer({ id: 'b' })], servers_links: next('b') },
      b: { servers: [novaServer({ id: 'b' }), novaServer({ id: 'c' })], servers_links: next('c') },
      c: { servers: [] },
    };
    const stub = stubCloud({ [LIST]: ({ query }: ApiRequest) => pages[String(query?.marker ?? '')] });
    expect((await stub.cloud.listServers(signal)).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('that leads in a circle is no listing', async () => {
    const stub = stubCloud({ [LIST]: { servers: [novaServer()], servers_links: next('server-1') } });
    await expect(stub.cloud.listServers(signal)).rejects.toMatchObject({ code: 'unavailable' });
    expect(stub.sent(LIST)).toHaveLength(2);
  });

  it('that cannot be followed to its end is no listing', async () => {
    const stub = stubCloud({
      [LIST]: ({ query }: ApiRequest) =>
        query?.marker === undefined
          ? { servers: [novaServer()], servers_links: next('server-1') }
          : refused('rejected', 'marker [server-1] not found'),
    });
    await expect(stub.cloud.listServers(signal)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each([{}, { servers: null }, { servers: { id: 1 } }])('that is %j is no listing', async (body) => {
    const outcome = stubCloud({ [LIST]: body }).cloud.listServers(signal);
    await expect(outcome).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('floating IPs', () => {
  const ip = (overrides: object = {}) => ({
    id: 'ip-1',
    floating_ip_address: '198.51.100.7',
    port_id: 'port-1',
    fixed_ip_address: '10.0.0.5',
    port_details: { device_id: 'server-1' },
    description: `nodepool ${TAGS.installation} ${TAGS.record}`,
    ...overrides,
  });
  const cloudWith = (ips: object[], options?: StubOptions) =>
    stubCloud({ ...routed(), [LIST]: { servers: [novaServer()] }, [FLOATING]: { floatingips: ips } }, options);

  it('are wanted by a server on a network that a router joins with an external one', async () => {
    const [server] = await cloudWith([]).cloud.listServers(signal);
    expect(server).toMatchObject({ ip: null, ipPrivate: '10.0.0.5', wantsFloatingIp: true });
  });

  it.each<[string, StubOptions]>([
    ['the configuration says so', { config: { floatingIps: false } }],
    ['clouds.yaml says so', { access: { usesFloatingIps: false } }],
    ['the pool is inside the cloud', { access: { isPrivate: true } }],
    ['there is no network service', { hasNetwork: false }],
  ])('are not wanted, nor asked for, when %s', async (_, options) => {
    const stub = cloudWith([], options);
    expect((await stub.cloud.listServers(signal))[0]).toMatchObject({ ip: '10.0.0.5', wantsFloatingIp: false });
    expect(stub.requests.filter(({ service }) => service === 'network')).toEqual([]);
  });

  it('are not asked for where no server of ours has or lacks one', async () => {
    const stub = cloudWith([]);
    stub.routes[LIST] = { servers: [novaServer({ metadata: {} })] };
    expect((await stub.cloud.listServers(signal))[0]?.wantsFloatingIp).toBe(false);
    expect(stub.sent(FLOATING)).toEqual([]);
  });

  it('are those that Neutron knows of, whatever Nova still shows', async () => {
    const stub = cloudWith([ip()]);
    expect((await stub.cloud.listServers(signal))[0]).toMatchObject({ ip: '198.51.100.7', wantsFloatingIp: false });
    const stale = [{ addr: '198.51.100.7', 'OS-EXT-IPS:type': 'floating' }, { addr: '10.0.0.5' }];
    stub.routes[LIST] = { servers: [novaServer({ addresses: { private: stale } })] };
    stub.routes[FLOATING] = { floatingips: [] };
    expect((await stub.cloud.listServers(signal))[0]).toMatchObject({ ip: null, wantsFloatingIp: true });
  });

  it('are found by their port where Neutron does not name the server, not by an address that others may have', async () => {
    const stub = cloudWith([ip({ port_details: undefined })]);
    stub.routes[LIST] = { servers: [novaServer({ id: 'server-2' }), novaServer()] };
    const port = { id: 'port-1', network_id: 'net-private', device_id: 'server-1', device_owner: 'compute:nova' };
    const gateways = stub.routes['GET network /ports'] as (request: ApiRequest) => unknown;
    stub.routes['GET network /ports'] = (request: ApiRequest) =>
      request.query?.device_id === undefined ? { ports: [port] } : gateways(request);
    const found = await stub.cloud.listServers(signal);
    expect(found.map(({ id, ip: address }) => [id, address])).toEqual([
      ['server-2', null],
      ['server-1', '198.51.100.7'],
    ]);
  });

  it('go before their server, those that somebody else attached excepted', async () => {
    const stub = cloudWith([ip(), ip({ id: 'ip-2', floating_ip_address: '198.51.100.8', description: '' })]);
    await stub.cloud.listServers(signal);
    stub.routes['DELETE network /floatingips/ip-1'] = refused('unavailable');
    stub.routes['DELETE compute /servers/server-1'] = {};
    await stub.cloud.deleteServer(serverId('server-1'), signal);
    const deleted = stub.requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
    expect(deleted).toEqual(['/floatingips/ip-1', '/servers/server-1']);
  });
});

describe('a server that is being built', () => {
  const PORTS = 'GET network /ports';
  const port = { id: 'port-1', network_id: 'net-private', device_id: 'server-1', device_owner: 'compute:nova' };
  const building = () =>
    stubCloud({
      [LIST]: { servers: [novaServer({ status: 'BUILD', addresses: {}, metadata: METADATA })] },
      [PORTS]: { ports: [{ ...port, fixed_ips: [{ ip_address: '10.0.0.5' }] }] },
    });

  it('has the address of its port, which is read once', async () => {
    const stub = building();
    for (let round = 0; round < 3; round += 1) {
      expect((await stub.cloud.listServers(signal))[0]).toMatchObject({ status: 'building', ip: '10.0.0.5' });
      await stub.clock.advance(3000);
    }
    expect(stub.sent(PORTS)).toHaveLength(1);
  });

  it('is looked for among the ports every three seconds until it has one', async () => {
    const stub = building();
    stub.routes[PORTS] = { ports: [] };
    for (const ms of [0, 2999, 1, 0]) {
      await stub.clock.advance(ms);
      expect((await stub.cloud.listServers(signal))[0]?.ip).toBeNull();
    }
    expect(stub.sent(PORTS)).toHaveLength(2);
  });

  it('is looked for, too, after the clock was set back', async () => {
    const stub = building();
    stub.routes[PORTS] = { ports: [] };
    await stub.cloud.listServers(signal);
    stub.clock.set(stub.clock.now() - 3_600_000);
    await stub.cloud.listServers(signal);
    expect(stub.sent(PORTS)).toHaveLength(2);
  });

  it('is listed, too, when the network service does not answer', async () => {
    const stub = building();
    stub.routes[PORTS] = refused('unavailable');
    expect(await stub.cloud.listServers(signal)).toMatchObject([{ id: 'server-1', ip: null }]);
  });
});
