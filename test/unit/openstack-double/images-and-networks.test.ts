import { describe, expect, it } from 'vitest';
import { connect, type Answer, type Client } from './client.ts';

const IMAGES = '/image/v2/images';
const FLOATING_IPS = '/network/v2.0/floatingips';

async function save(client: Client, id: string, metadata: object = {}): Promise<string> {
  const body = { createImage: { name: 'saved', metadata } };
  const answer = await client.send('POST', `/compute/v2.1/servers/${id}/action`, { body, version: '2.45' });
  return (answer.body as { image_id: string }).image_id;
}

async function namesOf(client: Client, query: string): Promise<readonly string[]> {
  const { body } = await client.send('GET', `${IMAGES}${query}`);
  return (body as { images: { name: string }[] }).images.map(({ name }) => name);
}

describe('images', () => {
  it('are paged as long as pages are full, newest first', async () => {
    const client = await connect({ images: ['a', 'b', 'c'].map((name) => ({ name })), behaviour: { imagePage: 2 } });
    const first = (await client.send('GET', `${IMAGES}?visibility=public`)).body as { next: string; first: string };
    expect(first).toMatchObject({ images: [{ name: 'c' }, { name: 'b' }], first: '/v2/images?visibility=public' });
    const second = (await client.send('GET', `/image${first.next}`)).body as object;
    expect(second).toMatchObject({ images: [{ name: 'a' }] });
    expect(second).not.toHaveProperty('next');
    expect((await client.send('GET', `${IMAGES}?limit=x`)).status).toBe(400);
    expect((await client.send('GET', `${IMAGES}?marker=x`)).status).toBe(400);
  });

  it('are found by attributes and by properties', async () => {
    const client = await connect({
      images: [{ name: 'public' }, { name: 'own', project: 'nodepool', properties: { colour: 'red' } }],
    });
    const [project] = client.double.projects;
    expect(await namesOf(client, '?colour=red')).toEqual(['own']);
    expect(await namesOf(client, '?colour=blue')).toEqual([]);
    expect(await namesOf(client, `?owner=${project?.id}`)).toEqual(['own']);
    expect(await namesOf(client, '?visibility=public')).toEqual(['public']);
    expect(await namesOf(client, '?name=in:own,public&sort=name:asc')).toEqual(['own', 'public']);
    expect((await client.send('GET', `${IMAGES}?visibility=bogus`)).status).toBe(400);
    expect((await client.send('GET', `${IMAGES}?sort=bogus`)).status).toBe(400);
  });

  it('saved of a server are its project’s alone, and take over the properties of its own image', async () => {
    const client = await connect({
      projects: [{ name: 'nodepool' }, { name: 'other' }],
      images: [{ name: 'base', properties: { colour: 'red', shape: 'round' } }],
      behaviour: { imageMs: 1000 },
    });
    const server = await client.createServer();
    const id = await save(client, server, { shape: 'square' });
    const queued = { status: 'queued', size: null, disk_format: null, visibility: 'private', min_disk: 1 };
    expect((await client.send('GET', `${IMAGES}/${id}`)).body).toMatchObject(queued);
    await client.clock.advance(200);
    expect((await client.send('GET', `${IMAGES}/${id}`)).body).toMatchObject({ status: 'saving' });
    await client.clock.advance(800);
    expect((await client.send('GET', `${IMAGES}/${id}`)).body).toMatchObject({
      ...{ status: 'active', size: 65_536, image_type: 'snapshot', image_state: 'available' },
      ...{ instance_uuid: server, base_image_ref: await client.imageId('base'), colour: 'red', shape: 'square' },
    });
    await client.login('other');
    expect((await client.send('GET', `${IMAGES}/${id}`)).status).toBe(404);
    expect((await client.send('DELETE', `${IMAGES}/${id}`)).status).toBe(404);
  });

  it('are given up with a server that is deleted before they are done', async () => {
    const client = await connect({ behaviour: { imageMs: 1000 } });
    const server = await client.createServer();
    const id = await save(client, server);
    await client.send('DELETE', `/compute/v2.1/servers/${server}`);
    expect((await client.send('GET', `${IMAGES}/${id}`)).status).toBe(404);
  });

  it('are deleted by their owner, once, and boot nothing then', async () => {
    const client = await connect();
    const id = await save(client, await client.createServer());
    expect((await client.send('DELETE', `${IMAGES}/${id}`)).status).toBe(204);
    const again = await client.send('DELETE', `${IMAGES}/${id}`);
    expect(again).toMatchObject({ status: 404, body: undefined });
    expect(again.text).toContain(`Failed to find image ${id} to delete`);
    await expect(client.createServer({ imageRef: id })).rejects.toThrow('Can not find requested image');
    const base = await client.imageId('base-image');
    expect((await client.send('DELETE', `${IMAGES}/${base}`)).text).toContain('You do not own this image');
  });

  it('can be stuck, be killed, or vanish', async () => {
    const client = await connect({ behaviour: { imageMs: 1000 } });
    for (const kind of ['stuck', 'killed', 'vanish'] as const) client.double.afflictNextImage({ kind });
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) ids.push(await save(client, await client.createServer()));
    await client.clock.advance(1000);
    const statusOf = (id: string) => client.double.images().find((image) => image.id === id)?.status;
    expect(ids.map(statusOf)).toEqual(['queued', 'killed', undefined, 'active']);
    await expect(client.createServer({ imageRef: ids[0] })).rejects.toThrow('is not active.');
  });

  it('change by JSON patches, but into public ones', async () => {
    const client = await connect({ images: [{ name: 'own', project: 'nodepool' }] });
    const path = `${IMAGES}/${await client.imageId()}`;
    const headers = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
    const patch = (changes: unknown, own = headers): Promise<Answer> =>
      client.send('PATCH', path, { body: changes, headers: own });
    const shared = [{ op: 'replace', path: '/visibility', value: 'shared' }];
    expect((await patch(shared, { 'Content-Type': 'application/json' })).status).toBe(415);
    expect((await patch(shared)).body).toMatchObject({ visibility: 'shared' });
    expect((await patch([{ op: 'replace', path: '/visibility', value: 'public' }])).status).toBe(403);
    expect((await patch([{ op: 'add', path: '/colour', value: 'red' }])).body).toMatchObject({ colour: 'red' });
    expect((await patch([{ op: 'remove', path: '/colour' }])).body).not.toHaveProperty('colour');
    expect((await patch([{ op: 'replace', path: '/id', value: 'a' }])).status).toBe(403);
  });
});

interface FloatingIp {
  readonly id: string;
  readonly port_id: string | null;
}

describe('floating IPs', () => {
  const portOf = async (client: Client, server: string): Promise<string> => {
    const { body } = await client.send('GET', `/network/v2.0/ports?device_id=${server}`);
    return (body as { ports: { id: string }[] }).ports[0]?.id ?? 'none';
  };
  const attach = (client: Client, port: string, more: object = {}): Promise<Answer> => {
    const floatingip = { floating_network_id: client.double.networkId('public'), port_id: port, ...more };
    return client.send('POST', FLOATING_IPS, { body: { floatingip } });
  };

  it('are made on a port in one call, shown by Nova with the server, and left over when it has gone', async () => {
    const client = await connect({ floatingAddress: (n) => `127.3.0.${n}` });
    const server = await client.createServer();
    const port = await portOf(client, server);
    const made = await attach(client, port, { description: 'a description' });
    expect(made).toMatchObject({ status: 201, body: { floatingip: { port_id: port, status: 'ACTIVE' } } });
    expect(made.body).toMatchObject({ floatingip: { port_details: { device_id: server } } });
    const entries = [{ 'OS-EXT-IPS:type': 'fixed' }, { 'OS-EXT-IPS:type': 'floating', addr: '127.3.0.1' }];
    expect((await client.server(server)).body).toMatchObject({ server: { addresses: { private: entries } } });
    expect(client.double.reach('127.3.0.1')).toMatchObject({ id: server });
    await client.send('DELETE', `/compute/v2.1/servers/${server}`);
    const left = { port_id: null, port_details: null, router_id: null, status: 'DOWN', description: 'a description' };
    expect((await client.send('GET', FLOATING_IPS)).body).toMatchObject({ floatingips: [left] });
    expect(client.double.floatingIps()).toMatchObject([{ address: '127.3.0.1', serverId: null }]);
  });

  it('are refused twice on one port, without a router, above the quota and on what is not external', async () => {
    const client = await connect({
      networks: [
        { name: 'public', cidr: '10.78.0.0/16', isExternal: true },
        { name: 'private', cidr: '10.77.0.0/16', routedTo: 'public' },
        { name: 'isolated', cidr: '10.76.0.0/16' },
      ],
    });
    const on = (network: string) => ({ networks: [{ uuid: client.double.networkId(network) }] });
    const port = await portOf(client, await client.createServer(on('private')));
    const isolated = await portOf(client, await client.createServer(on('isolated')));
    expect((await attach(client, port)).status).toBe(201);
    const typeOf = async (answer: Promise<Answer>): Promise<unknown> => {
      const { status, body } = await answer;
      return [status, (body as { NeutronError: { type: string } }).NeutronError.type];
    };
    expect(await typeOf(attach(client, port))).toEqual([409, 'FloatingIPPortAlreadyAssociated']);
    expect(await typeOf(attach(client, isolated))).toEqual([404, 'ExternalGatewayForFloatingIPNotFound']);
    const privateId = client.double.networkId('private');
    expect(await typeOf(attach(client, port, { floating_network_id: privateId }))).toEqual([400, 'BadRequest']);
    expect(await typeOf(attach(client, port, { bogus: 1 }))).toEqual([400, 'HTTPBadRequest']);
    expect(await typeOf(attach(client, port, { description: 'x'.repeat(256) }))).toEqual([400, 'HTTPBadRequest']);
    client.double.setQuota({ floatingIps: 1 });
    expect(await typeOf(attach(client, port))).toEqual([409, 'OverQuota']);
    expect(client.double.floatingIps()).toHaveLength(1);
  });

  it('can be taken off a port and put on another', async () => {
    const client = await connect();
    const [one, two] = [await client.createServer(), await client.createServer()];
    const { floatingip } = (await attach(client, await portOf(client, one))).body as { floatingip: FloatingIp };
    const put = (port_id: string | null): Promise<Answer> =>
      client.send('PUT', `${FLOATING_IPS}/${floatingip.id}`, { body: { floatingip: { port_id } } });
    expect((await put(null)).body).toMatchObject({ floatingip: { port_id: null, status: 'DOWN' } });
    expect((await put(await portOf(client, two))).status).toBe(200);
    expect(client.double.floatingIps()).toMatchObject([{ serverId: two }]);
    expect((await client.send('DELETE', `${FLOATING_IPS}/${floatingip.id}`)).status).toBe(204);
    expect((await client.send('DELETE', `${FLOATING_IPS}/${floatingip.id}`)).status).toBe(404);
  });
});

describe('listings of the network service', () => {
  it('filter by what is an attribute, pass over what is not, and select fields', async () => {
    const client = await connect();
    const names = async (query: string): Promise<unknown> =>
      (await client.send('GET', `/network/v2.0/networks${query}`)).body;
    expect(await names('?router:external=True&fields=name')).toEqual({ networks: [{ name: 'public' }] });
    expect(await names('?name=private&name=public&unknown=1&fields=name')).toEqual({
      networks: [{ name: 'public' }, { name: 'private' }],
    });
    expect(await names('?name=other')).toEqual({ networks: [] });
    expect(await names('?limit=1&fields=name')).toMatchObject({
      networks: [{ name: 'public' }],
      networks_links: [{ rel: 'next' }, { rel: 'previous' }],
    });
  });

  it('show routers with their port in the network that they join to the external one', async () => {
    const client = await connect();
    const { body } = await client.send('GET', '/network/v2.0/routers');
    const [router] = (body as { routers: { id: string; external_gateway_info: object }[] }).routers;
    expect(router?.external_gateway_info).toMatchObject({ network_id: client.double.networkId('public') });
    const ports = await client.send('GET', `/network/v2.0/ports?device_id=${router?.id}`);
    const port = { device_owner: 'network:router_interface', network_id: client.double.networkId('private') };
    expect(ports.body).toMatchObject({ ports: [port] });
  });

  it('give each server a port on each of its networks, with an address of each of their subnets', async () => {
    const client = await connect({ networks: [{ name: 'both', cidr: '10.77.0.0/16', cidr6: 'fd00:77::/64' }] });
    const server = await client.createServer();
    const addresses = [{ ip_address: '10.77.0.2' }, { ip_address: 'fd00:77::2' }];
    const ports = (await client.send('GET', `/network/v2.0/ports?device_id=${server}`)).body as object;
    expect(ports).toMatchObject({ ports: [{ device_owner: 'compute:nova', fixed_ips: addresses }] });
    const shown = [
      { version: 4, addr: '10.77.0.2' },
      { version: 6, addr: 'fd00:77::2' },
    ];
    expect((await client.server(server)).body).toMatchObject({ server: { addresses: { both: shown } } });
  });

  it('show quotas to their project alone', async () => {
    const client = await connect();
    client.double.setQuota({ floatingIps: 7 });
    const [project] = client.double.projects;
    const quotas = await client.send('GET', `/network/v2.0/quotas/${project?.id}`);
    expect(quotas.body).toMatchObject({ quota: { floatingip: 7, port: 4000 } });
    expect((await client.send('GET', '/network/v2.0/quotas/other')).status).toBe(403);
  });
});
