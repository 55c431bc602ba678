import { describe, expect, it } from 'vitest';
import type { Scope } from '../../../src/requests/tokens.ts';
import type { ApiToken } from '../../support/api-pool.ts';
import { NOW, openScene, REQUESTS, type Scene } from './scene.ts';

/** What the caller gets for each thing that can be done, in a fixed order. */
async function tryAll(scene: Scene, token: ApiToken | null, id: number): Promise<number[]> {
  const one = `${REQUESTS}/${id}`;
  const statuses = [
    (await scene.call('GET', REQUESTS, { token })).status,
    (await scene.call('GET', one, { token })).status,
    (await scene.call('HEAD', `${one}/events`, { token })).status,
    (await scene.call('HEAD', '/api/v1/events', { token })).status,
    (await scene.call('POST', `${one}/extend`, { token })).status,
    (await scene.call('DELETE', one, { token })).status,
    (await scene.call('POST', REQUESTS, { token, body: { label: 'small' } })).status,
  ];
  return statuses;
}

async function granted(scene: Scene): Promise<number> {
  await scene.ready(1);
  return (await scene.call('POST', REQUESTS, { body: { label: 'small' } })).body.id;
}

describe('a token', () => {
  it.each<{ scopes: Scope[]; statuses: number[] }>([
    { scopes: ['requests'], statuses: [200, 404, 404, 200, 404, 404, 201] },
    { scopes: ['read'], statuses: [200, 200, 200, 200, 403, 403, 403] },
    { scopes: ['requests', 'read'], statuses: [200, 200, 200, 200, 403, 403, 201] },
    { scopes: ['admin'], statuses: [200, 200, 200, 200, 200, 200, 201] },
    { scopes: [], statuses: [403, 403, 403, 403, 403, 403, 403] },
  ])('of somebody else allows what its scopes say: $scopes', async ({ scopes, statuses }) => {
    const scene = await openScene();
    const id = await granted(scene);
    const token = await scene.token(scopes);
    expect(await tryAll(scene, token, id)).toEqual(statuses);
  });

  it('allows everything with the requests that were made with it, and shows no others', async () => {
    const scene = await openScene();
    const id = await granted(scene);
    const other = await scene.token(['requests']);
    await scene.call('POST', REQUESTS, { body: { label: 'small' }, token: other });
    const { body } = await scene.call<{ requests: { id: number }[] }>('GET', REQUESTS);
    expect(body.requests.map((request) => request.id)).toEqual([id]);
    expect(await tryAll(scene, scene.user, id)).toEqual([200, 200, 200, 200, 200, 200, 201]);
  });

  it('does not tell whether a request exists that it may not see', async () => {
    const scene = await openScene();
    const id = await granted(scene);
    const token = await scene.token(['requests']);
    const foreign = await scene.call('GET', `${REQUESTS}/${id}`, { token });
    const missing = await scene.call('GET', `${REQUESTS}/${id + 1}`, { token });
    expect(foreign.text.replace(String(id), 'N')).toBe(missing.text.replace(String(id + 1), 'N'));
    expect(foreign.status).toBe(404);
  });

  it('is needed, and must be known and not have expired', async () => {
    const scene = await openScene();
    const expiring = await scene.token(['admin'], { expiresAt: NOW + 1000 });
    const unknown = { ...expiring, headers: { Authorization: `Bearer np_${'A'.repeat(43)}` } };
    expect((await scene.call('GET', REQUESTS, { token: expiring })).status).toBe(200);
    await scene.clock.advance(1000);
    for (const token of [null, unknown, expiring]) {
      const { status, headers, body } = await scene.call('GET', REQUESTS, { token });
      expect([status, body.error.code]).toEqual([401, 'unauthorized']);
      expect(headers.get('WWW-Authenticate')).toMatch(/^Bearer realm="nodepool"/);
    }
  });

  it.each(['Basic bnBfOnB3', 'Bearer', 'Bearer ', 'np_' + 'A'.repeat(43), 'Bearer a b', `Bearer ${'x'.repeat(9000)}`])(
    'in any other form than a bearer token is none: %s',
    async (header) => {
      const scene = await openScene();
      const { status } = await scene.call('GET', REQUESTS, { token: null, headers: { Authorization: header } });
      expect(status).toBe(401);
      expect(scene.lookups()).toBe(0);
    },
  );

  it('is looked up once in five seconds, and no longer works after that when it was removed', async () => {
    const scene = await openScene();
    for (let call = 0; call < 5; call++) await scene.call('GET', REQUESTS);
    expect(scene.lookups()).toBe(1);
    await scene.store.tokens.remove(scene.user.id);
    await scene.clock.advance(4999);
    expect((await scene.call('GET', REQUESTS)).status).toBe(200);
    await scene.clock.advance(1);
    expect((await scene.call('GET', REQUESTS)).status).toBe(401);
    expect(scene.lookups()).toBe(2);
  });

  it('that is unknown is looked up once a minute', async () => {
    const scene = await openScene();
    const unknown = { ...scene.user, headers: { Authorization: `Bearer np_${'A'.repeat(43)}` } };
    const attempt = async () => (await scene.call('GET', REQUESTS, { token: unknown })).status;
    expect([await attempt(), await attempt()]).toEqual([401, 401]);
    await scene.clock.advance(59_999);
    expect([await attempt(), scene.lookups()]).toEqual([401, 1]);
    await scene.clock.advance(1);
    expect([await attempt(), scene.lookups()]).toEqual([401, 2]);
  });

  it('appears in no answer and no line of the log', async () => {
    const scene = await openScene();
    const id = await granted(scene);
    const token = await scene.token(['requests', 'read']);
    await tryAll(scene, token, id);
    await tryAll(scene, scene.user, id);
    const { text } = await scene.call('GET', '/api/v1/openapi.json');
    for (const { secret } of [token, scene.user]) {
      expect([...scene.lines, text].filter((line) => line.includes(secret.slice(3)))).toEqual([]);
    }
    expect(scene.lines.length).toBeGreaterThan(5);
  });
});

describe('wrong tokens', () => {
  const wrong = (number: number) => ({ Authorization: `Bearer np_${String(number).padStart(43, 'x')}` });

  it('are refused unseen after twenty from one address in a minute, and looked at again after it', async () => {
    const scene = await openScene();
    const attempt = async (number: number) =>
      (await scene.call('GET', REQUESTS, { token: null, headers: wrong(number) })).status;
    for (let number = 0; number < 20; number++) expect(await attempt(number)).toBe(401);
    await scene.clock.advance(20_000);
    const { status, headers } = await scene.call('GET', REQUESTS, { token: null, headers: wrong(20) });
    expect([status, headers.get('Retry-After'), scene.lookups()]).toEqual([429, '40', 20]);
    await scene.clock.advance(39_999);
    expect(await attempt(21)).toBe(429);
    await scene.clock.advance(1);
    expect([await attempt(22), scene.lookups()]).toEqual([401, 21]);
  });

  it.each<{ which: string; spoil: (scene: Scene, tokens: readonly ApiToken[]) => Promise<unknown> }>([
    {
      which: 'were taken away',
      spoil: ({ store }, tokens) => Promise.all(tokens.map(({ id }) => store.tokens.remove(id))),
    },
    { which: 'have expired', spoil: ({ clock }) => clock.advance(60_000) },
  ])('that $which and come every second shut out nobody who shares the address', async ({ spoil }) => {
    const scene = await openScene();
    const tokens: ApiToken[] = [];
    for (let count = 0; count < 5; count++) tokens.push(await scene.token(['requests'], { expiresAt: NOW + 60_000 }));
    const statuses = async () => {
      const all = [];
      for (const token of tokens) all.push((await scene.call('GET', REQUESTS, { token })).status);
      return all;
    };
    expect(await statuses()).toEqual(tokens.map(() => 200));
    await spoil(scene, tokens);
    await scene.clock.advance(5000);
    for (let second = 0; second < 90; second++) {
      expect(await statuses()).toEqual(tokens.map(() => 401));
      await scene.clock.advance(1000);
    }
    expect(scene.lookups()).toBe(3 * tokens.length);
    expect((await scene.call('GET', REQUESTS)).status).toBe(200);
  });

  it('that are known to be wrong are told so, however many others came', async () => {
    const scene = await openScene();
    for (let number = 0; number < 20; number++)
      await scene.call('GET', REQUESTS, { token: null, headers: wrong(number) });
    for (const [number, status] of [
      [0, 401],
      [19, 401],
      [20, 429],
    ] as const)
      expect((await scene.call('GET', REQUESTS, { token: null, headers: wrong(number) })).status).toBe(status);
  });

  it('that cannot be tokens count for nothing', async () => {
    const scene = await openScene();
    const attempt = async (headers: Readonly<Record<string, string>>) =>
      (await scene.call('GET', REQUESTS, { token: null, headers })).status;
    for (let count = 0; count < 30; count++) expect(await attempt({ Authorization: 'Bearer changeme' })).toBe(401);
    expect([await attempt(wrong(1)), scene.lookups()]).toEqual([401, 1]);
  });

  it('do not shut out a good one that shares the address, even when it is looked up again', async () => {
    const scene = await openScene();
    await scene.call('GET', REQUESTS);
    for (let number = 0; number < 30; number++)
      await scene.call('GET', REQUESTS, { token: null, headers: wrong(number) });
    await scene.clock.advance(5000);
    expect((await scene.call('GET', REQUESTS)).status).toBe(200);
  });
});

describe('the rate of a token', () => {
  it('may be twice the limit for a moment, and the limit on average', async () => {
    const scene = await openScene({ api: { host: '127.0.0.1', port: 0, rateLimit: 2 } });
    const statuses = async (calls: number) => {
      const all = [];
      for (let call = 0; call < calls; call++) all.push((await scene.call('GET', REQUESTS)).status);
      return all;
    };
    expect(await statuses(5)).toEqual([200, 200, 200, 200, 429]);
    await scene.clock.advance(500);
    expect(await statuses(2)).toEqual([200, 429]);
    const refused = await scene.call('GET', REQUESTS);
    expect([refused.headers.get('Retry-After'), refused.body.error.code]).toEqual(['1', 'too-many-requests']);
    const other = await scene.token(['read']);
    expect((await scene.call('GET', REQUESTS, { token: other })).status).toBe(200);
    await scene.clock.advance(3_600_000);
    expect(await statuses(5)).toEqual([200, 200, 200, 200, 429]);
  });

  it('is followed when the configuration changes, and may be any', async () => {
    const scene = await openScene({ api: { host: '127.0.0.1', port: 0, rateLimit: 0.1 } });
    expect((await scene.call('GET', REQUESTS)).status).toBe(200);
    const { status, headers } = await scene.call('GET', REQUESTS);
    expect([status, headers.get('Retry-After')]).toEqual([429, '10']);
    scene.configure({ api: { host: '127.0.0.1', port: 0, rateLimit: 0 } });
    for (let call = 0; call < 300; call++) expect((await scene.call('GET', REQUESTS)).status).toBe(200);
  });
});
