import { describe, expect, it } from 'vitest';
import { serverId } from '../../../../src/lib/ids.ts';
import type { ApiRequest } from '../../../../src/providers/openstack/session.ts';
import { keypairName } from '../../../../src/lib/keypair-name.ts';
import { novaServer, refused, routed, signal, stubCloud, TAGS, type Routes, type StubOptions } from './stub-cloud.ts';

const LIST = 'GET compute /servers/detail';
const FLOATING = 'GET network /floatingips';
const PORTS = 'GET network /ports';
const owner = { installation: TAGS.installation, record: TAGS.record };
const server = serverId('server-1');
const serverPort = {
  id: 'port-1',
  network_id: 'net-private',
  device_id: 'server-1',
  device_owner: 'compute:az1',
  fixed_ips: [{ ip_address: 'fd00::5' }, { ip_address: '10.0.0.5' }],
};
/** Ports as Neutron answers for them: by device, by id or all. */
const ports =
  (...all: (typeof serverPort)[]) =>
  ({ query }: ApiRequest) => ({
    ports: all.filter(({ id, device_id }) => (query?.device_id ?? device_id) === device_id && (query?.id ?? id) === id),
  });

describe('the list of accessories', () => {
  it('has key pairs and floating IPs with their owners, and those of others without', async () => {
    const stub = stubCloud({
      'GET compute /os-keypairs': {
        keypairs: [{ keypair: { name: keypairName(TAGS) } }, { keypair: { name: 'zoe' } }],
      },
      [FLOATING]: {
        floatingips: [
          {
            id: 'a',
            floating_ip_address: '198.51.100.7',
            description: `nodepool ${owner.installation} ${owner.record}`,
          },
          { id: 'b', floating_ip_address: '198.51.100.8', port_id: 'p', port_details: { device_id: 'server-1' } },
        ],
      },
    });
    expect(await stub.cloud.listAccessories(signal)).toEqual([
      { kind: 'keypair', id: keypairName(TAGS), name: keypairName(TAGS), serverId: null, tags: owner },
      { kind: 'keypair', id: 'zoe', name: 'zoe', serverId: null, tags: null },
      { kind: 'floating-ip', id: 'a', name: '198.51.100.7', serverId: null, tags: owner },
      { kind: 'floating-ip', id: 'b', name: '198.51.100.8', serverId: 'server-1', tags: null },
    ]);
  });

  it('leaves out a floating IP that something other than a server uses', async () => {
    const stub = stubCloud({
      [FLOATING]: { floatingips: [{ id: 'a', floating_ip_address: '198.51.100.7', port_id: 'lb' }] },
    });
    expect(await stub.cloud.listAccessories(signal)).toEqual([]);
  });

  it('has a port once its server, which was ours, is listed no more', async () => {
    const stub = stubCloud({ [LIST]: { servers: [novaServer()] }, [PORTS]: ports(serverPort) });
    expect(await stub.cloud.listAccessories(signal)).toEqual([]);
    await stub.cloud.listServers(signal);
    expect(await stub.cloud.listAccessories(signal)).toEqual([]);
    stub.routes[LIST] = { servers: [] };
    await stub.cloud.listServers(signal);
    expect(await stub.cloud.listAccessories(signal)).toMatchObject([
      { kind: 'port', id: 'port-1', name: 'fd00::5', serverId: null, tags: owner },
    ]);
  });

  it('has no port of a server that was not ours', async () => {
    const stub = stubCloud({ [LIST]: { servers: [novaServer({ metadata: {} })] }, [PORTS]: ports(serverPort) });
    await stub.cloud.listServers(signal);
    stub.routes[LIST] = { servers: [] };
    await stub.cloud.listServers(signal);
    expect(await stub.cloud.listAccessories(signal)).toEqual([]);
  });

  describe('with an unattached floating IP that nobody has marked', () => {
    const loose = { [FLOATING]: { floatingips: [{ id: 'a', floating_ip_address: '198.51.100.7', port_id: null }] } };
    const tagsOf = async (options: StubOptions, seen: object[]) => {
      const stub = stubCloud({ ...loose, [LIST]: { servers: seen } }, options);
      await stub.cloud.listServers(signal);
      return (await stub.cloud.listAccessories(signal))[0]?.tags;
    };

    it('claims it for the installation under clean-floating-ips, once that is known', async () => {
      const options = { config: { cleanFloatingIps: true } };
      expect(await tagsOf(options, [novaServer()])).toEqual({ installation: TAGS.installation, record: 'unattached' });
      expect(await tagsOf(options, [])).toBeNull();
    });

    it('claims nothing otherwise', async () => {
      expect(await tagsOf({}, [novaServer()])).toBeNull();
    });
  });
});

describe('deleting an accessory', () => {
  const deletion = async (routes: Routes, kind: 'port' | 'floating-ip' | 'keypair', id: string) => {
    const stub = stubCloud(routes);
    const outcome = await stub.cloud.deleteAccessory({ kind, id }, signal).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    return [outcome, stub.requests.filter(({ method }) => method === 'DELETE').length];
  };
  const GET_SERVER = 'GET compute /servers/server-1';
  const DELETE_PORT = 'DELETE network /ports/port-1';

  it('succeeds when it is gone', async () => {
    expect(await deletion({ 'DELETE compute /os-keypairs/a': refused('not-found') }, 'keypair', 'a')).toEqual([
      'done',
      1,
    ]);
    expect(await deletion({ [PORTS]: { ports: [] } }, 'port', 'port-1')).toEqual(['done', 0]);
    expect(await deletion({ [FLOATING]: { floatingips: [] } }, 'floating-ip', 'a')).toEqual(['done', 0]);
  });

  it('takes a port from no server that exists, whatever listings show', async () => {
    const routes = { [PORTS]: ports(serverPort), [DELETE_PORT]: {} };
    expect(await deletion({ ...routes, [GET_SERVER]: novaServer() }, 'port', 'port-1')).toEqual(['conflict', 0]);
    expect(await deletion({ ...routes, [GET_SERVER]: refused('unavailable') }, 'port', 'port-1')).toEqual([
      'unavailable',
      0,
    ]);
    expect(await deletion({ ...routes, [GET_SERVER]: refused('not-found') }, 'port', 'port-1')).toEqual(['done', 1]);
  });

  it('takes away no floating IP that is in use again', async () => {
    const ip = { id: 'a', floating_ip_address: '198.51.100.7', port_id: 'port-1' };
    const routes = { 'DELETE network /floatingips/a': {} };
    const used = { ...routes, [FLOATING]: { floatingips: [ip] } };
    expect(await deletion(used, 'floating-ip', 'a')).toEqual(['conflict', 0]);
    const loose = { ...routes, [FLOATING]: { floatingips: [{ ...ip, port_id: null }] } };
    expect(await deletion(loose, 'floating-ip', 'a')).toEqual(['done', 1]);
  });
});

describe('attaching a floating IP', () => {
  const POST = 'POST network /floatingips';
  const made = { floatingip: { id: 'ip-1' } };
  /** `private` with a router, and the server's port on it. */
  const cloudWith = (changes: Routes = {}, options?: StubOptions) => {
    const router = routed()[PORTS] as (request: ApiRequest) => unknown;
    const all = (request: ApiRequest) =>
      request.query?.device_id === 'router-1' ? router(request) : ports(serverPort)(request);
    return stubCloud({ ...routed(), [PORTS]: all, [POST]: made, ...changes }, options);
  };

  it('makes it with its port and its owner in one call, and takes it back with the server', async () => {
    const stub = cloudWith({ 'DELETE network /floatingips/ip-1': {}, 'DELETE compute /servers/server-1': {} });
    await stub.cloud.attachFloatingIp(server, TAGS, signal);
    expect(stub.sent(POST).map(({ body }) => body)).toEqual([
      {
        floatingip: {
          floating_network_id: 'net-public',
          port_id: 'port-1',
          fixed_ip_address: '10.0.0.5',
          description: `nodepool ${owner.installation} ${owner.record}`,
        },
      },
    ]);
    await stub.cloud.deleteServer(server, signal);
    expect(stub.sent('DELETE network /floatingips/ip-1')).toHaveLength(1);
  });

  it('succeeds when the port has one, and only then, after a conflict', async () => {
    const conflict = { [POST]: refused('conflict') };
    const attached = { floatingips: [{ id: 'ip-1', floating_ip_address: '198.51.100.7', port_id: 'port-1' }] };
    await cloudWith({ ...conflict, [FLOATING]: attached }).cloud.attachFloatingIp(server, TAGS, signal);
    const outcome = cloudWith(conflict).cloud.attachFloatingIp(server, TAGS, signal);
    await expect(outcome).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each([
    ['takes one of its own back with the server', `nodepool ${owner.installation} ${owner.record}`, 1],
    ["leaves somebody else's when the server goes", 'the way in for zoe', 0],
  ])('that the port had already %s', async (_, description, deletions) => {
    const ip = { id: 'ip-1', floating_ip_address: '198.51.100.7', port_id: 'port-1', description };
    const stub = cloudWith({
      [POST]: refused('conflict'),
      [FLOATING]: { floatingips: [ip] },
      'DELETE network /floatingips/ip-1': {},
      'DELETE compute /servers/server-1': {},
    });
    await stub.cloud.attachFloatingIp(server, TAGS, signal);
    await stub.cloud.deleteServer(server, signal);
    expect(stub.sent('DELETE network /floatingips/ip-1')).toHaveLength(deletions);
    expect(stub.sent('DELETE compute /servers/server-1')).toHaveLength(1);
  });

  it('deletes the server, too, while the network service does not answer', async () => {
    const stub = cloudWith({
      'DELETE network /floatingips/ip-1': () => new Promise(() => undefined),
      'DELETE compute /servers/server-1': {},
    });
    await stub.cloud.attachFloatingIp(server, TAGS, signal);
    void stub.cloud.deleteServer(server, signal);
    await expect.poll(() => stub.sent('DELETE compute /servers/server-1').length, { interval: 1 }).toBe(1);
  });

  it('has to wait for the port of a server that exists, and for no other', async () => {
    const GET_SERVER = 'GET compute /servers/server-1';
    for (const [answer, code] of [[novaServer(), 'conflict'] as const, [refused('not-found'), 'not-found'] as const]) {
      const stub = cloudWith({ [PORTS]: { ports: [] }, [GET_SERVER]: answer });
      await expect(stub.cloud.attachFloatingIp(server, TAGS, signal)).rejects.toMatchObject({ code });
      expect(stub.sent(POST)).toEqual([]);
    }
  });

  it('takes it from the pool that is named, or says that there is none', async () => {
    const named = cloudWith({ 'GET network /routers': { routers: [] } }, { config: { pool: 'public' } });
    await named.cloud.attachFloatingIp(server, TAGS, signal);
    expect(named.sent(POST)[0]?.body).toMatchObject({ floatingip: { floating_network_id: 'net-public' } });
    const wrong = cloudWith({}, { config: { pool: 'wrong' } });
    const message = expect.stringContaining('no network "wrong"') as unknown;
    await expect(wrong.cloud.attachFloatingIp(server, TAGS, signal)).rejects.toMatchObject({
      code: 'rejected',
      message,
    });
    const isolated = cloudWith({ 'GET network /routers': { routers: [] } });
    await expect(isolated.cloud.attachFloatingIp(server, TAGS, signal)).rejects.toMatchObject({ code: 'rejected' });
  });

  it.each([null, 'public'])(
    'leads to the network that a router joins with the external one, with pool %s',
    async (pool) => {
      const storage = {
        ...serverPort,
        id: 'port-s',
        network_id: 'net-storage',
        fixed_ips: [{ ip_address: '10.9.0.5' }],
      };
      const router = routed()[PORTS] as (request: ApiRequest) => unknown;
      const both = (request: ApiRequest) =>
        request.query?.device_id === 'router-1' ? router(request) : ports(storage, serverPort)(request);
      const stub = cloudWith({ [PORTS]: both }, { config: { pool } });
      await stub.cloud.attachFloatingIp(server, TAGS, signal);
      expect(stub.sent(POST)[0]?.body).toMatchObject({
        floatingip: { floating_network_id: 'net-public', port_id: 'port-1', fixed_ip_address: '10.0.0.5' },
      });
    },
  );

  it('leads to the network that clouds.yaml names for it', async () => {
    const access = { networks: [{ name: 'public', routesExternally: false, isNatDestination: true }] };
    const second = { ...serverPort, id: 'port-2', network_id: 'net-public' };
    const stub = cloudWith({ [PORTS]: ports(serverPort, second) }, { access, config: { pool: 'public' } });
    await stub.cloud.attachFloatingIp(server, TAGS, signal);
    expect(stub.sent(POST)[0]?.body).toMatchObject({ floatingip: { port_id: 'port-2' } });
  });
});

describe('making a key pair', () => {
  const name = keypairName(TAGS);
  const POST = 'POST compute /os-keypairs';
  const GET = `GET compute /os-keypairs/${name}`;
  const DELETE = `DELETE compute /os-keypairs/${name}`;
  const publicKey = 'ssh-rsa AAAAB3 template';

  it('names it after its owner', async () => {
    const stub = stubCloud({ [POST]: {} });
    expect(await stub.cloud.createKeypair({ publicKey, tags: TAGS }, signal)).toBe(name);
    expect(stub.requests).toHaveLength(1);
  });

  it('keeps one that has the key already, whatever its comment', async () => {
    const stub = stubCloud({ [POST]: refused('conflict'), [GET]: { keypair: { public_key: 'ssh-rsa AAAAB3 other' } } });
    expect(await stub.cloud.createKeypair({ publicKey, tags: TAGS }, signal)).toBe(name);
    expect(stub.sent(POST)).toHaveLength(1);
  });

  it('replaces one with another key', async () => {
    const stub = stubCloud({
      [POST]: (_: unknown, nth: number) => (nth === 1 ? refused('conflict') : {}),
      [GET]: { keypair: { public_key: 'ssh-rsa AAAAB4 template' } },
      [DELETE]: {},
    });
    expect(await stub.cloud.createKeypair({ publicKey, tags: TAGS }, signal)).toBe(name);
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'DELETE', 'POST']);
  });
});

describe('the console', () => {
  const POST = 'POST compute /servers/server-1/action';

  it('is what the server wrote', async () => {
    expect(await stubCloud({ [POST]: { output: 'login: ' } }).cloud.readConsole(server, signal)).toBe('login: ');
  });

  it.each(['conflict', 'rejected'] as const)('is empty when the cloud says %s', async (code) => {
    expect(await stubCloud({ [POST]: refused(code) }).cloud.readConsole(server, signal)).toBe('');
  });

  it.each(['not-found', 'unavailable'] as const)('is not taken for empty when the cloud says %s', async (code) => {
    const outcome = stubCloud({ [POST]: refused(code) }).cloud.readConsole(server, signal);
    await expect(outcome).rejects.toMatchObject({ code });
  });
});
