import { describe, expect, it } from 'vitest';
import { connect, type Answer, type Client } from './client.ts';

const LIST = '/compute/v2.1/servers/detail';
const LIFE = { bootMs: 20_000, addressMs: 8000, deleteMs: 5000 };

interface Listed {
  readonly servers: readonly { readonly id: string; readonly status: string }[];
  readonly servers_links?: readonly [{ readonly rel: string; readonly href: string }];
}

async function list(client: Client, query = '', version?: string): Promise<Listed> {
  const { body } = await client.send('GET', LIST + query, version === undefined ? {} : { version });
  return body as Listed;
}

const idsIn = ({ servers }: Listed): readonly string[] => servers.map(({ id }) => id);

async function stateOf(client: Client, id: string): Promise<readonly unknown[]> {
  const { server } = (await client.server(id)).body as { server: Record<string, unknown> };
  return [server.status, server['OS-EXT-STS:task_state'], Object.keys(server.addresses as object).length];
}

describe('the life of a server', () => {
  it('goes through BUILD, with an address before it is ACTIVE, and ends a while after its deletion', async () => {
    const client = await connect({ behaviour: LIFE });
    const id = await client.createServer();
    expect(await stateOf(client, id)).toEqual(['BUILD', 'spawning', 0]);
    await client.clock.advance(8000);
    expect(await stateOf(client, id)).toEqual(['BUILD', 'spawning', 1]);
    await client.clock.advance(12_000);
    expect(await stateOf(client, id)).toEqual(['ACTIVE', null, 1]);
    expect((await client.send('DELETE', `/compute/v2.1/servers/${id}`)).status).toBe(204);
    expect(await stateOf(client, id)).toEqual(['ACTIVE', 'deleting', 1]);
    await client.clock.advance(4999);
    expect((await client.server(id)).status).toBe(200);
    expect(client.double.ports()).toHaveLength(1);
    await client.clock.advance(1);
    expect((await client.server(id)).status).toBe(404);
    expect(client.double.ports()).toEqual([]);
    expect((await client.send('DELETE', `/compute/v2.1/servers/${id}`)).status).toBe(404);
  });

  it('takes as long as is drawn for it', async () => {
    const client = await connect({ behaviour: { bootMs: 1000, bootSpreadMs: 500 } });
    for (let n = 0; n < 20; n += 1) await client.createServer();
    const times = client.double.servers().map(({ createdAt, activeAt }) => activeAt - createdAt);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1000);
    expect(Math.max(...times)).toBeLessThanOrEqual(1500);
    expect(new Set(times).size).toBeGreaterThan(10);
  });

  it('is reached at its address while it is up', async () => {
    const client = await connect({ behaviour: LIFE, addresses: (n) => [`127.2.0.${n}`] });
    const id = await client.createServer();
    expect(client.double.reach('127.2.0.1')).toBeNull();
    await client.clock.advance(20_000);
    expect(client.double.reach('127.2.0.1')).toMatchObject({ id });
    await client.send('DELETE', `/compute/v2.1/servers/${id}`);
    expect(client.double.reach('127.2.0.1')).toBeNull();
  });
});

const LATER = ['locked', 'locked_reason', 'description', 'tags'];
const HOSTNAME = 'OS-EXT-SRV-ATTR:hostname';

describe('what is shown of a server', () => {
  const shownIn = async (version: string): Promise<Record<string, unknown>> => {
    const client = await connect();
    const { body } = await client.server(await client.createServer({ config_drive: true }), version);
    return (body as { server: Record<string, unknown> }).server;
  };

  it('is its flavor by id before 2.47, and its numbers from then on', async () => {
    expect((await shownIn('2.46')).flavor).toMatchObject({ id: expect.any(String) as unknown, links: [{}] });
    const numbers = { vcpus: 1, ram: 512, disk: 1, ephemeral: 0, swap: 0, original_name: 'm1.tiny', extra_specs: {} };
    expect((await shownIn('2.47')).flavor).toEqual(numbers);
  });

  it.each([
    ['2.1', []],
    ['2.18', ['locked']],
    ['2.47', ['locked', 'description', 'tags']],
    ['2.93', [...LATER, 'trusted_image_certificates', 'server_groups', HOSTNAME]],
  ])('has in %s the keys %j beside those of the oldest version', async (version, keys) => {
    const oldest = Object.keys(await shownIn('2.1'));
    const added = Object.keys(await shownIn(version)).filter((key) => !oldest.includes(key));
    expect(added.sort()).toEqual([...keys].sort());
  });

  it('is refused in a version that there is not', async () => {
    const { send } = await connect();
    const message = 'Version 2.94 is not supported by the API. Minimum is 2.1 and maximum is 2.93.';
    expect(await send('GET', LIST, { version: '2.94' })).toMatchObject({
      status: 406,
      body: { computeFault: { code: 406, message } },
    });
    expect((await send('GET', LIST, { version: 'x' })).status).toBe(400);
    const answer = await send('GET', LIST, { version: 'latest' });
    expect(answer.headers.get('openstack-api-version')).toBe('compute 2.93');
  });

  it('is what a cloud from before microversions shows, whatever is asked for', async () => {
    const client = await connect({ microversions: null });
    const answer = await client.server(await client.createServer(), '2.47');
    expect(answer.headers.get('openstack-api-version')).toBeNull();
    expect(answer.body).toMatchObject({ server: { flavor: { id: expect.any(String) as unknown } } });
    const { body } = await client.send('GET', '/compute/');
    expect(body).toMatchObject({ versions: [{ version: '' }, { version: '' }] });
  });
});

describe('listings', () => {
  it('are paged newest first, with a link as long as pages are full', async () => {
    const client = await connect();
    const ids = [await client.createServer(), await client.createServer(), await client.createServer()].reverse();
    client.double.configure({ computePage: 2 });
    const first = await list(client);
    expect(idsIn(first)).toEqual(ids.slice(0, 2));
    const next = `${client.double.url}${LIST}?marker=${ids[1]}`;
    expect(first.servers_links).toEqual([{ rel: 'next', href: next }]);
    const second = await list(client, `?marker=${ids[1]}`);
    expect(second).toMatchObject({ servers: [{ id: ids[2] }] });
    expect(second.servers_links).toBeUndefined();
    expect(idsIn(await list(client, '?limit=1'))).toEqual(ids.slice(0, 1));
  });

  it('go on behind a marker that has gone meanwhile, and refuse one that never was', async () => {
    const client = await connect();
    const ids = [await client.createServer(), await client.createServer()];
    await client.send('DELETE', `/compute/v2.1/servers/${ids[1]}`);
    expect(idsIn(await list(client))).toEqual([ids[0]]);
    expect(idsIn(await list(client, `?marker=${ids[1]}`))).toEqual([ids[0]]);
    expect((await client.send('GET', `${LIST}?marker=a`)).text).toContain('marker [a] not found');
    expect((await client.send('GET', `${LIST}?limit=-1`)).status).toBe(400);
  });

  it('show the cloud as it was, while a single server is shown as it is', async () => {
    const client = await connect({ behaviour: { ...LIFE, listingLagMs: 3000 } });
    const id = await client.createServer();
    await client.clock.advance(2999);
    expect(await list(client)).toEqual({ servers: [] });
    expect((await client.server(id)).status).toBe(200);
    await client.clock.advance(17_001);
    expect(await list(client)).toMatchObject({ servers: [{ id, status: 'BUILD' }] });
    await client.clock.advance(3000);
    expect(await list(client)).toMatchObject({ servers: [{ id, status: 'ACTIVE' }] });
    await client.send('DELETE', `/compute/v2.1/servers/${id}`);
    await client.clock.advance(5000);
    expect((await client.server(id)).status).toBe(404);
    expect(idsIn(await list(client))).toEqual([id]);
    await client.clock.advance(3000);
    expect(await list(client)).toEqual({ servers: [] });
  });

  it('are of one project, and filter by name, status and image', async () => {
    const client = await connect({ behaviour: LIFE });
    const id = await client.createServer({ name: 'node-1' });
    expect(idsIn(await list(client, '?name=node&status=build'))).toEqual([id]);
    expect(idsIn(await list(client, '?status=ACTIVE'))).toEqual([]);
    expect(idsIn(await list(client, '?name=other'))).toEqual([]);
    expect(idsIn(await list(client, `?image=${await client.imageId()}&unknown=1`))).toEqual([id]);
    expect((await client.send('GET', `${LIST}?all_tenants=1`)).status).toBe(403);
  });
});

describe('troubles', () => {
  const active = async (client: Client): Promise<string> => {
    const id = await client.createServer();
    await client.clock.advance(LIFE.bootMs);
    return id;
  };

  it('let a server fail to build, with words of its own and without addresses', async () => {
    const client = await connect({ behaviour: LIFE });
    client.double.afflictNext({ kind: 'error', fault: 'No valid host was found. ' });
    const [failing, other] = [await client.createServer(), await client.createServer()];
    await client.clock.advance(LIFE.bootMs);
    expect((await client.server(failing)).body).toMatchObject({
      server: { status: 'ERROR', fault: { code: 500, message: 'No valid host was found. ' } },
    });
    expect(await stateOf(client, other)).toEqual(['ACTIVE', null, 1]);
    expect(client.double.ports()).toHaveLength(1);
  });

  it('let a server that is up fail, at once or later', async () => {
    const client = await connect({ behaviour: LIFE });
    const [one, two] = [await active(client), await active(client)];
    client.double.afflict(one, { kind: 'error' });
    client.double.afflict(two, { kind: 'error', afterMs: 1000 });
    expect(await stateOf(client, one)).toEqual(['ERROR', null, 1]);
    expect(await stateOf(client, two)).toEqual(['ACTIVE', null, 1]);
    await client.clock.advance(1000);
    expect(await stateOf(client, two)).toEqual(['ERROR', null, 1]);
  });

  it('keep a server in BUILD, or without an address, for ever', async () => {
    const client = await connect({ behaviour: { ...LIFE, addressMs: null } });
    client.double.afflictNext({ kind: 'stuck-building' });
    client.double.afflictNext({ kind: 'no-address' }, { which: ({ name }) => name === 'lonely' });
    const [stuck, lonely] = [await client.createServer(), await client.createServer({ name: 'lonely' })];
    await client.clock.advance(3_600_000);
    expect(await stateOf(client, stuck)).toEqual(['BUILD', 'spawning', 0]);
    expect(await stateOf(client, lonely)).toEqual(['ACTIVE', null, 0]);
  });

  it('let deletions be accepted and fail as often as is said', async () => {
    const client = await connect({ behaviour: LIFE });
    const id = await active(client);
    client.double.afflict(id, { kind: 'refuses-deletion', times: 1 });
    expect((await client.send('DELETE', `/compute/v2.1/servers/${id}`)).status).toBe(204);
    expect(await stateOf(client, id)).toEqual(['ACTIVE', 'deleting', 1]);
    await client.clock.advance(LIFE.deleteMs);
    expect(await stateOf(client, id)).toEqual(['ERROR', null, 1]);
    expect((await client.server(id)).text).toContain('Failed to terminate instance');
    await client.send('DELETE', `/compute/v2.1/servers/${id}`);
    await client.clock.advance(LIFE.deleteMs);
    expect((await client.server(id)).status).toBe(404);
  });

  it('let a deletion never end', async () => {
    const client = await connect({ behaviour: LIFE });
    const id = await active(client);
    client.double.afflict(({ name }) => name === 'a-server', { kind: 'stuck-deleting' });
    await client.send('DELETE', `/compute/v2.1/servers/${id}`);
    await client.clock.advance(3_600_000);
    expect(await stateOf(client, id)).toEqual(['ACTIVE', 'deleting', 1]);
  });

  it('make a server vanish, and leave ports behind', async () => {
    const client = await connect({ behaviour: LIFE });
    const [gone, kept] = [await active(client), await active(client)];
    expect(client.double.afflict(() => true, { kind: 'leaves-ports' })).toBe(2);
    client.double.afflict(gone, { kind: 'vanish' });
    expect((await client.server(gone)).status).toBe(404);
    expect(client.double.servers().map(({ id }) => id)).toEqual([kept]);
    expect(client.double.ports().map(({ serverId }) => serverId)).toEqual([gone, kept]);
  });

  it('hide what a cell knows: from 2.69 on only the ids are listed, before nothing', async () => {
    const client = await connect({ behaviour: LIFE });
    const id = await active(client);
    client.double.afflict(id, { kind: 'cell-down', forMs: 1000 });
    expect(await list(client)).toEqual({ servers: [] });
    expect(await list(client, '?limit=5', '2.69')).toEqual({ servers: [] });
    const { servers } = await list(client, '', '2.69');
    expect(servers.map((server) => Object.keys(server))).toEqual([['id', 'status', 'tenant_id', 'created', 'links']]);
    await client.clock.advance(1000);
    expect(await list(client)).toMatchObject({ servers: [{ id, status: 'ACTIVE' }] });
  });
});

describe('actions', () => {
  const act = (client: Client, id: string, body: unknown, version = '2.47'): Promise<Answer> =>
    client.send('POST', `/compute/v2.1/servers/${id}/action`, { body, version });

  it('give the last lines of the console', async () => {
    const client = await connect({ console: ({ name }) => `one\ntwo\n${name}` });
    const id = await client.createServer();
    const output = async (asked: object): Promise<unknown> =>
      (await act(client, id, { 'os-getConsoleOutput': asked })).body;
    expect(await output({})).toEqual({ output: 'one\ntwo\na-server' });
    expect(await output({ length: 2 })).toEqual({ output: 'two\na-server' });
    expect((await act(client, id, { 'os-getConsoleOutput': { length: 'x' } })).status).toBe(400);
    expect((await act(client, id, { 'os-getConsoleOutput': null })).status).toBe(400);
  });

  it('make an image of a server that is up and does nothing else', async () => {
    const client = await connect({ behaviour: { ...LIFE, imageMs: 10_000 } });
    const id = await client.createServer();
    const body = { createImage: { name: 'saved', metadata: { nodepool_record: 'image-1' } } };
    expect((await act(client, id, body)).text).toContain('while it is in vm_state building');
    await client.clock.advance(LIFE.bootMs);
    const image = (await act(client, id, body)).body as { image_id: string };
    expect((await act(client, id, body)).text).toContain('while it is in task_state image_uploading');
    expect(client.double.images().at(-1)).toMatchObject({ id: image.image_id, status: 'queued' });
    await client.clock.advance(10_000);
    const old = await act(client, id, body, '2.44');
    expect(old).toMatchObject({ status: 202, text: '' });
    expect(old.headers.get('location')).toMatch(/\/images\/[\da-f-]{36}$/);
  });

  it.each([
    [{}, 'Malformed request body'],
    [{ bogus: {} }, 'There is no such action: bogus'],
    [{ createImage: {} }, "'name' is a required property"],
    [{ createImage: { name: 'a', bogus: 1 } }, "('bogus' was unexpected)"],
    [{ createImage: { name: 'a', metadata: { a: 5 } } }, "5 is not of type 'string'"],
  ])('are refused for %j', async (body, message) => {
    const client = await connect();
    const answer = await act(client, await client.createServer(), body);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(message);
  });
});

describe('key pairs', () => {
  const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMsdn3FcWVSe2lZcX8lWHJbDV3Qmq3RIV31gbWXXicpO';
  const create = (client: Client, keypair: object, version = '2.1'): Promise<Answer> =>
    client.send('POST', '/compute/v2.1/os-keypairs', { body: { keypair }, version });

  it('have a type from 2.2 on, and other statuses', async () => {
    const client = await connect();
    const key = { public_key: PUBLIC_KEY };
    expect((await create(client, { name: 'one', ...key })).status).toBe(200);
    expect((await create(client, { name: 'two', type: 'ssh', ...key })).text).toContain("('type' was unexpected)");
    expect((await create(client, { name: 'two', type: 'ssh', ...key }, '2.2')).status).toBe(201);
    expect((await client.send('DELETE', '/compute/v2.1/os-keypairs/one')).status).toBe(202);
    expect((await client.send('DELETE', '/compute/v2.1/os-keypairs/two', { version: '2.2' })).status).toBe(204);
    expect((await client.send('DELETE', '/compute/v2.1/os-keypairs/two')).status).toBe(404);
  });

  it('are refused for a taken name, a wrong name, a wrong key and above the quota', async () => {
    const client = await connect();
    client.double.setQuota({ keypairs: 1 });
    expect((await create(client, { name: 'one', public_key: PUBLIC_KEY })).status).toBe(200);
    expect((await create(client, { name: 'one', public_key: PUBLIC_KEY })).text).toContain("'one' already exists.");
    expect((await create(client, { name: 'a:b', public_key: PUBLIC_KEY })).text).toContain('Only expected characters');
    expect((await create(client, { name: 'two', public_key: PUBLIC_KEY.slice(0, -1) })).text).toContain('fingerprint');
    expect((await create(client, { name: 'two', public_key: PUBLIC_KEY })).status).toBe(403);
    expect(client.double.keypairs().map(({ name }) => name)).toEqual(['one']);
  });
});
