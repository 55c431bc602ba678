import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Fault } from '../../../tools/openstack-double/index.ts';
import { connect, passwordAuth, type Client } from './client.ts';

const CREATE = { service: 'compute', method: 'POST', path: /^\/v2\.1\/servers$/ } as const;
const LIST = '/compute/v2.1/servers/detail';

/** The status of a create, or that it was cut off; and whether the server is there. */
async function createUnder(client: Client, fault: Fault, when: 'before' | 'after'): Promise<readonly unknown[]> {
  client.double.fault({ ...fault, match: CREATE, when });
  const server = { name: 'a', imageRef: await client.imageId(), flavorRef: await client.flavorId('m1.tiny') };
  const status = await client.send('POST', '/compute/v2.1/servers', { body: { server } }).then(
    (answer) => answer.status,
    () => 'cut off',
  );
  return [status, client.double.servers().length];
}

describe('a fault', () => {
  it.each([
    [{ kind: 'status', status: 503 }, 503],
    [{ kind: 'html' }, 502],
    [{ kind: 'not-json' }, 200],
    [{ kind: 'reset' }, 'cut off'],
  ] as const)('%j happens before or after the server is made', async (fault, status) => {
    expect(await createUnder(await connect(), fault, 'before')).toEqual([status, 0]);
    expect(await createUnder(await connect(), fault, 'after')).toEqual([status, 1]);
  });

  it('cuts off the answer to what was done', async () => {
    expect(await createUnder(await connect(), { kind: 'truncate' }, 'before')).toEqual(['cut off', 1]);
  });

  it('happens as often as is said, after as many as are let through, and then no more', async () => {
    const { double, send } = await connect();
    const match = { method: 'GET', path: /detail/ };
    const armed = double.fault({ match, kind: 'status', status: 500, skip: 1, times: 2 });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await send('GET', LIST)).status);
    expect(statuses).toEqual([200, 500, 500, 200]);
    expect(armed.hits).toBe(2);
    expect((await send('GET', '/compute/v2.1/limits')).status).toBe(200);
  });

  it('happens no more once it is disarmed', async () => {
    const { double, send } = await connect();
    const match = { service: 'compute' } as const;
    double.fault({ match, kind: 'status', status: 500, times: Infinity }).disarm();
    expect((await send('GET', LIST)).status).toBe(200);
    double.fault({ match, kind: 'status', status: 500, times: Infinity });
    expect((await send('GET', LIST)).status).toBe(500);
    double.clearFaults();
    expect((await send('GET', LIST)).status).toBe(200);
  });

  it('answers with the status, headers and body of choice', async () => {
    const { double, send } = await connect();
    const headers = { 'Retry-After': '7' };
    const body = { overLimit: { code: 413, message: 'slow down' } };
    double.fault({ match: {}, kind: 'status', status: 413, headers, body });
    const answer = await send('GET', LIST);
    expect(answer).toMatchObject({ status: 413, body });
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-/);
  });

  it('keeps a request hanging until it is let go', async () => {
    const client = await connect();
    client.double.fault({ match: CREATE, kind: 'hang', when: 'after' });
    const body = { server: { name: 'a', imageRef: await client.imageId(), flavorRef: await client.flavorId() } };
    const outcome = client.send('POST', '/compute/v2.1/servers', { body });
    // It is under way once it is counted; a request that is answered comes after it.
    while (client.double.servers().length === 0) await client.send('GET', '/compute/');
    expect(
      client.double.requests.find(({ method, route }) => method === 'POST' && route === '/v2.1/servers'),
    ).toMatchObject({ status: null });
    client.double.clearFaults();
    await expect(outcome).rejects.toThrow();
  });

  it('slows an answer down by the double’s clock', async () => {
    const client = await connect();
    client.double.fault({ match: { path: /detail/ }, kind: 'slow', delayMs: 5000 });
    const answer = client.send('GET', LIST);
    while (client.clock.nextAt() === null) await systemClock.sleep(1);
    await client.clock.advance(5000);
    expect((await answer).status).toBe(200);
    expect(client.double.requests.at(-1)).toMatchObject({ at: client.clock.now() - 5000, endedAt: client.clock.now() });
  });

  it('changes an answer', async () => {
    const client = await connect();
    await client.createServer();
    const alter = (body: unknown): unknown => {
      const { servers } = body as { servers: unknown[] };
      return { servers: [...servers, ...servers] };
    };
    client.double.fault({ match: { path: /detail/ }, kind: 'alter', alter });
    expect((await client.send('GET', LIST)).body).toMatchObject({ servers: [{}, {}] });
    expect((await client.send('GET', LIST)).body).toMatchObject({ servers: [{}] });
  });
});

describe('the log of requests', () => {
  it('counts by service, method and route, also what failed', async () => {
    const client = await connect();
    client.double.forgetRequests();
    client.double.fault({ match: CREATE, kind: 'status', status: 500 });
    await expect(client.createServer()).rejects.toThrow();
    const id = await client.createServer();
    await client.server(id);
    await client.send('GET', '/compute/v2.1/nowhere');
    expect(client.double.counts()).toEqual({
      'image GET /v2/images': 2,
      'compute GET /v2.1/flavors/detail': 2,
      'compute POST /v2.1/servers': 2,
      'compute GET /v2.1/servers/:id': 1,
      'compute GET unknown': 1,
    });
    expect(client.double.count(CREATE)).toBe(2);
    expect(client.double.count({ ...CREATE, status: 202 })).toBe(1);
    expect(client.double.count({ method: 'DELETE' })).toBe(0);
  });

  it('keeps what was asked and answered, with the ids of both sides, and no secret', async () => {
    const client = await connect();
    const headers = { 'X-Openstack-Request-Id': 'req-of-the-client' };
    const login = await client.send('POST', '/identity/v3/auth/tokens', { body: passwordAuth('nodepool'), headers });
    const answer = await client.send('GET', `${LIST}?limit=3`);
    expect(client.double.requests.at(-2)).toMatchObject({
      clientRequestId: 'req-of-the-client',
      status: 201,
      body: null,
    });
    expect(client.double.requests.at(-1)).toMatchObject({
      ...{
        service: 'compute',
        region: 'RegionOne',
        method: 'GET',
        target: '/v2.1/servers/detail?limit=3',
        status: 200,
      },
      requestId: answer.headers.get('x-openstack-request-id'),
    });
    const text = JSON.stringify(client.double.requests);
    expect(text).not.toContain('a-password-of-the-double');
    expect(text).not.toContain(login.headers.get('x-subject-token'));
  });
});

it('lists hundreds of servers on one page as in pages', async () => {
  const client = await connect();
  const [imageRef, flavorRef] = [await client.imageId(), await client.flavorId('m1.tiny')];
  const body = { server: { name: 'a', imageRef, flavorRef } };
  const create = () => client.send('POST', '/compute/v2.1/servers', { body });
  for (let n = 0; n < 6; n += 1) await Promise.all(Array.from({ length: 50 }, create));
  const list = async (query: string) => (await client.send('GET', LIST + query)).body as { servers: { id: string }[] };
  const whole = await list('');
  expect(new Set(whole.servers.map(({ id }) => id)).size).toBe(300);
  const paged: { id: string }[] = [];
  for (let marker = ''; paged.length < 300; marker = `&marker=${paged.at(-1)?.id}`) {
    paged.push(...(await list(`?limit=100${marker}`)).servers);
  }
  expect(paged.map(({ id }) => id)).toEqual(whole.servers.map(({ id }) => id));
});
