import { describe, expect, it } from 'vitest';
import { startCloudDouble } from './cloud-double.ts';
import type { Reply } from './http-double.ts';
import { failureOf, get, openSession } from './session-under-test.ts';

const signal = new AbortController().signal;
const LOGIN = '/identity/v3/auth/tokens';

function versions(...ids: readonly string[]): Reply {
  const values = ids.map((id) => ({
    id,
    status: 'stable',
    links: [{ rel: 'self', href: `http://only-inside.example.org:5000/identity/${id.replace(/\..*/, '')}/` }],
  }));
  return { status: 300, json: { versions: { values } } };
}

/** A cloud that answers `reply` at `root`, and a session for its identity service at `path`. */
async function withRoot(path: string, reply: Reply, root = '/identity/') {
  const cloud = await startCloudDouble();
  cloud.http.on('GET', root, () => reply);
  return { cloud, ...openSession(cloud.url, { access: { authUrl: `${cloud.url}${path}` } }) };
}

describe('the address of the identity service', () => {
  it.each(['/identity', '/identity/', '/identity/v2.0', '/identity/v2.0/'])(
    'may be %s: version 3 is asked for, at the host that was given, once',
    async (path) => {
      const { cloud, session } = await withRoot(path, versions('v2.0', 'v3.14'));
      cloud.serve('GET', '/compute/v2.1/p1/servers', () => ({ json: {} }));
      await session.send(get());
      cloud.valid.clear();
      await session.send(get());
      expect(cloud.logins).toBe(2);
      expect(cloud.http.received.slice(0, 2).map((one) => `${one.method} ${one.path}`)).toEqual([
        'GET /identity/',
        `POST ${LOGIN}`,
      ]);
      expect(cloud.http.count('GET', '/identity/')).toBe(1);
    },
  );

  it.each(['/identity/v3', '/identity/v3/'])('may be %s, which leaves nothing to ask', async (path) => {
    const { cloud, session } = await withRoot(path, { status: 404 });
    await session.project(signal);
    expect(cloud.http.received.map((one) => one.path)).toEqual([LOGIN]);
  });

  it('may be the root of the host, answered with 200 and one version', async () => {
    const document = {
      json: { version: { id: 'v3.8', links: [{ rel: 'self', href: 'https://example.org/identity/v3' }] } },
    };
    const { session } = await withRoot('', document, '/');
    expect(await session.project(signal)).toEqual({ id: 'p1', name: 'pool' });
  });

  it('stays below what was given, where a proxy has put Keystone without its knowledge', async () => {
    const { session } = await withRoot('/identity', {
      status: 300,
      json: { versions: { values: [{ id: 'v3.14', links: [{ rel: 'self', href: 'http://10.0.0.5:5000/v3/' }] }] } },
    });
    expect(await session.project(signal)).toEqual({ id: 'p1', name: 'pool' });
  });

  it('is refused in one sentence when the cloud has version 2 only', async () => {
    const { cloud, session } = await withRoot('/identity/v2.0', versions('v2.0'));
    expect(await failureOf(session.project(signal))).toMatchObject({
      code: 'auth',
      message:
        `cloud test in clouds.yaml: the identity service at ${cloud.url}/identity/ offers only v2.0, but version 3 is ` +
        "needed: ask the cloud's operator for its address, which ends in /v3, and set it as auth_url",
    });
    // Nobody is asked again at once: nothing will have changed.
    await failureOf(session.project(signal));
    expect(cloud.http.received).toHaveLength(1);
  });

  it.each<[string, Reply]>([
    ['404', { status: 404, text: 'Not Found' }],
    ['a redirection', { status: 301, headers: { location: 'https://elsewhere.example.org/' } }],
    ['another document', { json: { hello: 'world' } }],
    ['a page', { text: '<html>Welcome</html>' }],
  ])('is refused in one sentence when it answers with %s', async (_, reply) => {
    const { cloud, session, during } = await withRoot('/identity', reply);
    expect(await during(failureOf(session.project(signal)))).toMatchObject({
      code: 'auth',
      message: expect.stringContaining(
        `the identity service at ${cloud.url}/identity/ does not say which versions it offers, but version 3 is needed`,
      ) as string,
    });
  });

  it('is asked for again after the identity service was down', async () => {
    const { cloud, session, during } = await withRoot('/identity', { status: 503 });
    expect(await during(failureOf(session.project(signal)))).toMatchObject({ code: 'unavailable' });
    expect(cloud.http.count('GET', '/identity/')).toBe(3);
    cloud.http.on('GET', '/identity/', () => versions('v3.14'));
    expect(await session.project(signal)).toEqual({ id: 'p1', name: 'pool' });
  });

  it.each([404, 300])('is said to be wrong when a login below it ends with %i', async (status) => {
    const { cloud, session } = await withRoot('/elsewhere/v3', {});
    cloud.http.on('POST', '/elsewhere/v3/auth/tokens', () => ({ status }));
    expect(await failureOf(session.project(signal))).toMatchObject({
      code: 'auth',
      message: expect.stringContaining(
        `there is no identity service of version 3 at ${cloud.url}/elsewhere/v3: check auth_url`,
      ) as string,
    });
  });

  it.each(['', 'keystone.example.org:5000', 'ftp://example.org/'])('is refused at once when it is "%s"', (authUrl) => {
    expect(() => openSession('', { access: { authUrl } })).toThrow(
      'cloud test in clouds.yaml: auth_url is not an address that begins with http:// or https://',
    );
  });

  it('shows no password that somebody wrote into it', async () => {
    const cloud = await startCloudDouble();
    const authUrl = cloud.url.replace('http://', 'http://zoe:hidden-in-address@');
    const { session, lines } = openSession('', { access: { authUrl } });
    const error = await failureOf(session.project(signal));
    expect(`${String(error)} ${JSON.stringify(lines)}`).not.toContain('hidden-in-address');
  });
});
