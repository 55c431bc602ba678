import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isNodepoolError } from '../../../../src/lib/errors.ts';
import { startCloudDouble, tokenReply, unauthorized } from './cloud-double.ts';
import type { Reply } from './http-double.ts';
import { failureOf, get, openSession, PASSWORD, post } from './session-under-test.ts';

const signal = new AbortController().signal;
const SERVERS = '/compute/v2.1/p1/servers';

async function withCloud(options: Parameters<typeof openSession>[1] = {}) {
  const cloud = await startCloudDouble();
  cloud.serve('GET', SERVERS, () => ({ json: { servers: [] } }));
  cloud.serve('POST', SERVERS, () => ({ status: 202, json: { server: { id: 's1' } } }));
  return { cloud, ...openSession(cloud.url, options) };
}

describe('logging in', () => {
  it('sends nothing before the first call, and then logs in once for all that come', async () => {
    const { cloud, session } = await withCloud();
    expect(cloud.http.received).toEqual([]);

    const answers = await Promise.all(Array.from({ length: 50 }, () => session.send(get())));

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(cloud.logins).toBe(1);
    expect(cloud.http.received[0]?.headers['content-type']).toBe('application/json');
    expect(cloud.http.received[0]?.body).toEqual({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'zoe', domain: { name: 'Default' }, password: PASSWORD } },
        },
        scope: { project: { name: 'pool', domain: { name: 'Default' } } },
      },
    });
    expect(cloud.http.connections).toBeLessThanOrEqual(33);
  });

  it('gives the names of domains that nobody named as the one that Keystone has from the start', async () => {
    const nobody = { id: null, name: null };
    const { cloud, session } = await withCloud({
      access: {
        auth: {
          kind: 'password',
          user: { id: 'u1', name: 'zoe' },
          userDomain: nobody,
          password: PASSWORD,
          scope: { project: { id: null, name: 'pool' }, domain: nobody },
        },
      },
    });
    await session.project(signal);
    expect(cloud.http.received[0]?.body).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user: { id: 'u1', password: PASSWORD } } },
        scope: { project: { name: 'pool', domain: { id: 'default' } } },
      },
    });
  });

  it.each([
    [
      'a token and the project it is for',
      {
        kind: 'token',
        token: 'given-token',
        scope: { project: { id: 'p1', name: null }, domain: { id: null, name: null } },
      } as const,
      { identity: { methods: ['token'], token: { id: 'given-token' } }, scope: { project: { id: 'p1' } } },
    ],
    [
      'an application credential by its id, which has a project of its own',
      {
        kind: 'application-credential',
        credential: { id: 'ac1', name: 'ci' },
        user: { id: null, name: null },
        userDomain: { id: null, name: null },
        secret: 'application-secret',
      } as const,
      {
        identity: {
          methods: ['application_credential'],
          application_credential: { id: 'ac1', secret: 'application-secret' },
        },
      },
    ],
    [
      'an application credential by its name among those of a user',
      {
        kind: 'application-credential',
        credential: { id: null, name: 'ci' },
        user: { id: null, name: 'zoe' },
        userDomain: { id: null, name: 'Staff' },
        secret: 'application-secret',
      } as const,
      {
        identity: {
          methods: ['application_credential'],
          application_credential: {
            name: 'ci',
            secret: 'application-secret',
            user: { name: 'zoe', domain: { name: 'Staff' } },
          },
        },
      },
    ],
  ])('logs in with %s', async (_, auth, expected) => {
    const { cloud, session } = await withCloud({ access: { auth } });
    expect(await session.project(signal)).toEqual({ id: 'p1', name: 'pool' });
    expect(cloud.http.received[0]?.body).toEqual({ auth: expected });
  });

  it('leaves an account alone for 30 s after a wrong password, with the same error for all', async () => {
    const { cloud, session, clock } = await withCloud();
    cloud.onLogin = () => unauthorized;
    const errors = await Promise.all(Array.from({ length: 20 }, () => failureOf(session.send(get()))));
    await clock.advance(29_999);
    errors.push(await failureOf(session.send(get())));

    expect(cloud.logins).toBe(1);
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({
      code: 'auth',
      message:
        `cloud test in clouds.yaml: ${cloud.url} does not accept the password of user zoe: check it, its domain and the ` +
        'project; it said 401, The request you have made requires authentication. (req-keystone)',
    });

    await clock.advance(1);
    cloud.onLogin = null;
    expect((await session.send(get())).status).toBe(200);
    expect(cloud.logins).toBe(2);
  });

  it('tries again at once after Keystone was down', async () => {
    const { cloud, session } = await withCloud();
    cloud.onLogin = () => ({ status: 503, text: '<h1>503 Service Unavailable</h1>No server is available.' });
    expect(await failureOf(session.send(get()))).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /^logging in to cloud test in clouds.yaml at http:\/\/127.* failed with 503: 503 Service Unavailable No server is available. \(req-.*\)$/,
      ) as string,
    });
    cloud.onLogin = null;
    expect((await session.send(get())).status).toBe(200);
    expect(cloud.logins).toBe(2);
  });

  it('passes on how long a busy Keystone wants to be left alone, and calls it no refusal', async () => {
    const { cloud, session } = await withCloud();
    cloud.onLogin = () => ({ status: 429, headers: { 'retry-after': '20' } });
    expect(await failureOf(session.send(get()))).toMatchObject({ code: 'throttled', retryAfterMs: 20_000 });
    cloud.onLogin = null;
    expect((await session.send(get())).status).toBe(200);
  });

  it('says what to set when the login is for no project', async () => {
    const { cloud, session } = await withCloud();
    cloud.onLogin = () => ({
      status: 201,
      headers: { 'x-subject-token': 't' },
      json: { token: { expires_at: '2040-01-01T00:00:00Z' } },
    });
    expect(await failureOf(session.send(get()))).toMatchObject({
      code: 'auth',
      message: 'cloud test in clouds.yaml: the login is for no project; set project_name or project_id',
    });
  });

  it.each([
    ['no token', {}, { token: { expires_at: '2040-01-01T00:00:00Z', project: { id: 'p1' } } }],
    ['no end of its life', { 'x-subject-token': 't' }, { token: { project: { id: 'p1' } } }],
    ['nothing', { 'x-subject-token': 't' }, undefined],
  ])('is not taken for done when the answer has %s', async (_, headers, json) => {
    const { cloud, session } = await withCloud();
    cloud.onLogin = () => ({ status: 201, headers, json });
    expect(await failureOf(session.send(get()))).toMatchObject({
      code: 'unavailable',
      message: 'cloud test in clouds.yaml: the identity service took the login but sent no usable token',
    });
  });

  it('goes on for others when one who waits leaves', async () => {
    const { cloud, session } = await withCloud();
    const leaver = new AbortController();
    let letIn: () => void = () => undefined;
    const isLetIn = new Promise<void>((resolve) => (letIn = resolve));
    cloud.onLogin = async () => {
      await isLetIn;
      cloud.valid.add('t');
      return tokenReply('t', cloud.url, 3600);
    };
    const leaving = failureOf(session.send(get('/servers', { signal: leaver.signal })));
    const staying = session.send(get());
    leaver.abort();
    expect(await leaving).toMatchObject({ code: 'aborted' });
    letIn();
    expect((await staying).status).toBe(200);
    expect(cloud.logins).toBe(1);
  });
});

describe('renewing the token', () => {
  it('asks for one new token when 50 requests are refused with the old one', async () => {
    const { cloud, session } = await withCloud();
    await session.project(signal);
    cloud.valid.clear();

    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => session.send(n % 2 === 0 ? get() : post())));

    expect(answers.every(({ status }) => status === 200 || status === 202)).toBe(true);
    expect(cloud.logins).toBe(2);
    // Each was refused once, and sent once more.
    expect(cloud.http.count('POST', SERVERS)).toBe(50);
    expect(cloud.http.count('GET', SERVERS)).toBe(50);
  });

  it('ends with `auth` when a service refuses the new token too', async () => {
    const { cloud, session } = await withCloud();
    cloud.http.on('GET', SERVERS, () => unauthorized);
    expect(await failureOf(session.send(get()))).toMatchObject({
      code: 'auth',
      message:
        `GET /servers at the compute service (${cloud.url}) failed with 401: ` +
        'The request you have made requires authentication. (req-keystone)',
    });
    expect(cloud.http.count('GET', SERVERS)).toBe(2);
    expect(cloud.logins).toBe(2);
  });

  it('uses a token until 5 min before its end, and after that while a new one is asked for', async () => {
    const { cloud, session, clock } = await withCloud();
    await session.send(get());
    await clock.advance(3_300_000);
    await session.send(get());
    expect(cloud.logins).toBe(1);

    await clock.advance(1);
    await session.send(get());
    await expect.poll(() => cloud.valid.size, { interval: 1 }).toBe(2);
    await session.send(get());
    expect(cloud.logins).toBe(2);
    const tokens = cloud.http.received.filter(({ path }) => path === SERVERS).map((one) => one.headers['x-auth-token']);
    expect(tokens.slice(0, 3)).toEqual(['token-number-1', 'token-number-1', 'token-number-1']);
    expect(tokens).toHaveLength(4);
  });

  it('renews a token of short life when a tenth of it is left', async () => {
    const { cloud, session, clock } = await withCloud();
    cloud.tokenLifeS = 100;
    await session.send(get());
    await clock.advance(90_000);
    await session.send(get());
    expect(cloud.logins).toBe(1);
    await clock.advance(1);
    await session.send(get());
    await expect.poll(() => cloud.valid.size, { interval: 1 }).toBe(2);
  });

  it('goes on with the old token while Keystone is down, asking now and then, and not beyond its end', async () => {
    const { cloud, session, clock } = await withCloud();
    await session.send(get());
    cloud.onLogin = () => ({ status: 503 });
    await clock.advance(3_400_000);
    for (let n = 0; n < 5; n += 1) expect((await session.send(get())).status).toBe(200);
    await expect.poll(() => cloud.logins, { interval: 1 }).toBe(2);
    await clock.advance(10_000);
    await session.send(get());
    await expect.poll(() => cloud.logins, { interval: 1 }).toBe(3);

    await clock.advance(200_000);
    expect(await failureOf(session.send(get()))).toMatchObject({ code: 'unavailable' });
  });

  it('serves requests even when Keystone gives out tokens that have ended', async () => {
    const { cloud, session } = await withCloud();
    cloud.tokenLifeS = 0;
    expect((await session.send(get())).status).toBe(200);
    expect((await session.send(get())).status).toBe(200);
    expect(cloud.logins).toBe(2);
  });
});

describe('a request', () => {
  it('has its path below the endpoint, its query, its body and the headers that its service wants', async () => {
    const { cloud, session } = await withCloud();
    cloud.serve('GET', '/network/v2.0/ports', () => ({ json: { ports: [] } }));
    cloud.serve('PATCH', '/image/v2/images/i1', () => ({ json: { id: 'i1' } }));
    await session.send(get('/servers', { query: { limit: 10, marker: 'a b', name: undefined }, microversion: '2.47' }));
    await session.send(get('/ports', { service: 'network' }));
    const patch = [{ op: 'replace', path: '/visibility', value: 'shared' }];
    await session.send(get('/images/i1', { service: 'image', method: 'PATCH', body: patch }));

    const [, list, ports, image] = cloud.http.received;
    expect(list?.path).toBe(`${SERVERS}?limit=10&marker=a+b`);
    expect(list?.headers).toMatchObject({
      'x-auth-token': 'token-number-1',
      'openstack-api-version': 'compute 2.47',
      'x-openstack-nova-api-version': '2.47',
      'x-openstack-request-id': expect.stringMatching(/^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
    });
    expect(ports?.headers).not.toHaveProperty('openstack-api-version');
    expect(image?.headers['content-type']).toBe('application/openstack-images-v2.1-json-patch');
    expect(image?.body).toEqual(patch);
  });

  it('gives back status, headers and JSON, and undefined where there is none', async () => {
    const { cloud, session } = await withCloud();
    cloud.serve('DELETE', `${SERVERS}/s1`, () => ({ status: 204, headers: { 'X-Compute-Request-Id': 'req-1' } }));
    expect((await session.send(post())).body).toEqual({ server: { id: 's1' } });
    const answer = await session.send(get('/servers/s1', { method: 'DELETE' }));
    expect(answer).toMatchObject({ status: 204, body: undefined, headers: { 'x-compute-request-id': 'req-1' } });
  });

  it('is logged with both request ids and how it went', async () => {
    const { cloud, session, lines } = await withCloud();
    cloud.serve('GET', SERVERS, () => ({ json: {}, headers: { 'X-OpenStack-Request-Id': 'req-theirs' } }));
    await session.send(get('/servers', { query: { limit: 1 } }));
    expect(lines[1]).toEqual({
      message: 'sent a request',
      fields: {
        method: 'GET',
        url: `${cloud.url}${SERVERS}?limit=1`,
        status: 200,
        ms: 0,
        requestId: cloud.http.received[1]?.headers['x-openstack-request-id'],
        cloudRequestId: 'req-theirs',
      },
    });
  });
});

describe('secrets', () => {
  it('are in no log line and in no error, even when the cloud repeats them', async () => {
    const { cloud, session, lines } = await withCloud();
    const errors: unknown[] = [];
    const repeat = (text: string) => ({ status: 400, json: { badRequest: { message: text } } });
    cloud.onLogin = ({ body }) => repeat(`wrong: ${JSON.stringify(body)}`);
    errors.push(await failureOf(session.send(get())));

    const second = openSession(cloud.url);
    cloud.onLogin = null;
    cloud.serve('POST', SERVERS, ({ headers }) => repeat(`${headers['x-auth-token']} and ${PASSWORD} are wrong`));
    errors.push(await failureOf(second.session.send(post())));
    cloud.serve('POST', SERVERS, () => 'reset');
    errors.push(await failureOf(second.session.send(post())));
    await cloud.http.close();
    errors.push(await failureOf(second.session.send(post())));

    expect(errors.map((error) => isNodepoolError(error) && error.code)).toEqual([
      'auth',
      'rejected',
      'unavailable',
      'unavailable',
    ]);
    expect(String(errors[1])).toContain('*** and *** are wrong');
    const shown = inspect([...errors, ...lines, ...second.lines], { depth: Infinity, showHidden: true });
    expect(shown).toContain('sent a request');
    expect(shown).not.toContain(PASSWORD);
    expect(shown).not.toContain('token-number-');
  });
});

describe('what the cloud has', () => {
  it('tells the services that have an endpoint', async () => {
    const { cloud, session } = await withCloud();
    expect(await session.has('network', signal)).toBe(true);
    expect(await session.has('identity', signal)).toBe(false);
    expect(await session.endpoints(signal)).toEqual(
      new Map([
        ['compute', `${cloud.url}/compute/v2.1/p1`],
        ['image', `${cloud.url}/image/v2`],
        ['network', `${cloud.url}/network/v2.0`],
      ]),
    );
  });

  it('picks the highest microversion that both sides know, and asks for them once', async () => {
    const { cloud, session } = await withCloud();
    cloud.serve('GET', '/compute/v2.1/', () => ({ json: { version: { version: '2.60', min_version: '2.1' } } }));
    const picks = await Promise.all(
      [['2.47', '2.9', '2.61'], ['2.9'], ['2.61', '3.1', '1.9'], []].map((wanted) =>
        session.bestMicroversion(wanted, signal),
      ),
    );
    expect(picks).toEqual(['2.47', '2.9', null, null]);
    expect(await session.bestMicroversion(['2.60'], signal)).toBe('2.60');
    expect(cloud.http.count('GET', '/compute/v2.1/')).toBe(1);
  });

  it('asks for the microversions again after a failure, but not when the cloud hides them', async () => {
    const { cloud, session, during } = await withCloud();
    cloud.serve('GET', '/compute/v2.1/', (_, nth) => ({ status: nth <= 3 ? 500 : 404 }));
    expect(await during(failureOf(session.bestMicroversion(['2.9'], signal)))).toMatchObject({ code: 'unavailable' });
    expect(await session.bestMicroversion(['2.9'], signal)).toBeNull();
    expect(await session.bestMicroversion(['2.9'], signal)).toBeNull();
    expect(cloud.http.count('GET', '/compute/v2.1/')).toBe(4);
  });

  it('looks at the microversions again after ten minutes, when the cloud may be another one', async () => {
    const { cloud, session, clock } = await withCloud();
    cloud.serve('GET', '/compute/v2.1/', (_, nth) =>
      nth === 1 ? { status: 404 } : { json: { version: { version: '2.96', min_version: '2.1' } } },
    );
    expect(await session.bestMicroversion(['2.69'], signal)).toBeNull();
    await clock.advance(600_000);
    expect(await session.bestMicroversion(['2.69'], signal)).toBeNull();
    await clock.advance(1);
    expect(await session.bestMicroversion(['2.69'], signal)).toBe('2.69');
  });

  it('has no microversions in version 2', async () => {
    const { cloud, session } = await withCloud();
    cloud.serve('GET', '/compute/v2.1/', () => ({ json: { version: { id: 'v2.0', version: '', min_version: '' } } }));
    expect(await session.bestMicroversion(['2.1'], signal)).toBeNull();
  });
});

describe('closing a session', () => {
  it('lets requests under way end, closes their connections, and opens new ones for what comes later', async () => {
    const { cloud, session } = await withCloud();
    let answer: (reply: Reply) => void = () => undefined;
    cloud.serve('GET', SERVERS, (_, nth) => (nth === 1 ? new Promise((resolve) => (answer = resolve)) : { json: {} }));
    const underWay = session.send(get());
    await expect.poll(() => cloud.http.count('GET', SERVERS), { interval: 1 }).toBe(1);

    const closed = session.close();
    answer({ json: { servers: [] } });
    expect((await underWay).status).toBe(200);
    await closed;
    await expect.poll(() => cloud.http.open, { interval: 1 }).toBe(0);

    expect((await session.send(get())).status).toBe(200);
    expect(cloud.logins).toBe(1);
    await session.close();
    await expect.poll(() => cloud.http.open, { interval: 1 }).toBe(0);
  });
});
