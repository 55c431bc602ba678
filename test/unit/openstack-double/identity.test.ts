import { describe, expect, it } from 'vitest';
import { PASSWORD } from '../../../tools/openstack-double/index.ts';
import { connect, passwordAuth, type Answer, type Client } from './client.ts';

const TOKENS = '/identity/v3/auth/tokens';
const DOMAIN = { name: 'Default' };

const ask = ({ send }: Client, auth: unknown): Promise<Answer> => send('POST', TOKENS, { body: { auth } });
const methodsOf = async (client: Client, auth: unknown): Promise<unknown> => {
  const { status, body } = await ask(client, auth);
  return status === 201 ? (body as { token: { methods: unknown } }).token.methods : status;
};

describe('tokens', () => {
  it('are given for a password, for a token, and for an application credential by name or id', async () => {
    const client = await connect();
    const [project] = client.double.projects;
    const { identity, scope } = (passwordAuth('nodepool') as { auth: { identity: object; scope: object } }).auth;
    expect(await methodsOf(client, { identity, scope })).toEqual(['password']);
    expect(await methodsOf(client, { identity, scope: { project: { id: project?.id } } })).toEqual(['password']);
    const login = await ask(client, { identity, scope });
    const token = { methods: ['token'], token: { id: login.headers.get('x-subject-token') } };
    expect(await methodsOf(client, { identity: token, scope })).toEqual(['token']);
    const { id, name, secret } = project?.credential ?? {};
    const user = { name: 'nodepool', domain: DOMAIN };
    for (const credential of [
      { id, secret },
      { name, secret, user },
    ]) {
      const identityOf = { methods: ['application_credential'], application_credential: credential };
      expect(await methodsOf(client, { identity: identityOf })).toEqual(['application_credential']);
    }
  });

  it.each([
    ['another password', { name: 'nodepool', domain: DOMAIN, password: 'wrong' }, undefined, 401],
    ['another domain', { name: 'nodepool', domain: { name: 'other' }, password: PASSWORD }, undefined, 401],
    ['no domain', { name: 'nodepool', password: PASSWORD }, undefined, 400],
    ['an unknown project', undefined, { project: { name: 'other', domain: DOMAIN } }, 401],
    ['a project without its domain', undefined, { project: { name: 'nodepool' } }, 400],
    ['a scope that is none', undefined, 'nodepool', 400],
  ])('are refused for %s', async (_, user, scope, status) => {
    const client = await connect();
    const known = { name: 'nodepool', domain: DOMAIN, password: PASSWORD };
    const identity = { methods: ['password'], password: { user: user ?? known } };
    expect((await ask(client, { identity, ...(scope === undefined ? {} : { scope }) })).status).toBe(status);
  });

  it.each([
    ['', 'Expecting to find valid JSON in request body.'],
    ['{}', 'Expecting to find auth in request body.'],
    ['{"auth": {}}', "'identity' is a required property"],
    ['{"auth": {"identity": {"methods": ["password"]}}}', 'Expecting to find password in identity.'],
    ['{"auth": {"identity": {"methods": ["other"]}}}', 'Expecting to find other in identity.'],
  ])('are refused for the body %s', async (body, message) => {
    const { send } = await connect();
    const answer = await send('POST', TOKENS, { body });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 400, title: 'Bad Request' } } });
    expect(answer.text).toContain(message);
  });

  it('are refused for an application credential that wants a scope', async () => {
    const client = await connect();
    const { id, secret } = client.double.projects[0]?.credential ?? {};
    const identity = { methods: ['application_credential'], application_credential: { id, secret } };
    const scope = { project: { name: 'nodepool', domain: DOMAIN } };
    expect(await ask(client, { identity, scope })).toMatchObject({ status: 401 });
  });

  it('are good until their time is over, and a token got for one no longer', async () => {
    const client = await connect({ behaviour: { tokenMs: 60_000 } });
    await client.clock.advance(40_000);
    const first = await ask(client, (passwordAuth('nodepool') as { auth: unknown }).auth);
    const token = first.headers.get('x-subject-token') ?? '';
    await client.clock.advance(40_000);
    const second = await ask(client, { identity: { methods: ['token'], token: { id: token } } });
    expect(second.body).toMatchObject({
      token: { expires_at: (first.body as { token: { expires_at: string } }).token.expires_at },
    });
    await client.clock.advance(19_999);
    const headers = { 'X-Auth-Token': token };
    expect((await client.send('GET', '/image/v2/images', { headers })).status).toBe(200);
    await client.clock.advance(1);
    expect((await client.send('GET', '/image/v2/images', { headers })).status).toBe(401);
  });

  it('end at once when the double expires them', async () => {
    const client = await connect();
    client.double.expireTokens();
    expect((await client.send('GET', '/compute/v2.1/limits')).status).toBe(401);
    await client.login();
    expect((await client.send('GET', '/compute/v2.1/limits')).status).toBe(200);
  });

  it('come with a catalogue that names the services of each region', async () => {
    const client = await connect({ regions: ['RegionOne', 'RegionTwo'], hasProjectInUrl: true });
    const { body } = await client.send('GET', '/identity/v3/auth/catalog');
    const { catalog } = body as { catalog: { type: string; endpoints: { region: string; url: string }[] }[] };
    expect(catalog.map(({ type }) => type)).toEqual(['identity', 'compute', 'image', 'network']);
    const compute = catalog.find(({ type }) => type === 'compute')?.endpoints ?? [];
    const [project] = client.double.projects;
    expect([...new Set(compute.map(({ region, url }) => `${region} ${url.replace(client.double.url, '')}`))]).toEqual([
      `RegionOne /compute/v2.1/${project?.id}`,
      `RegionTwo /regions/RegionTwo/compute/v2.1/${project?.id}`,
    ]);
  });
});

describe('without a valid token', () => {
  it.each(['/compute/v2.1/servers/detail', '/image/v2/images', '/network/v2.0/networks', '/identity/v3/auth/projects'])(
    '%s is refused',
    async (path) => {
      const { send } = await connect();
      expect(await send('GET', path, { headers: { 'X-Auth-Token': 'wrong' } })).toMatchObject({ status: 401 });
    },
  );

  it.each([
    ['/identity/', 300],
    ['/identity/v3', 200],
    ['/compute/', 200],
    ['/compute/v2.1/', 200],
    ['/image/', 300],
    ['/network/', 200],
  ])('%s tells its versions', async (path, status) => {
    const { send } = await connect();
    expect(await send('GET', path, { headers: { 'X-Auth-Token': '' } })).toMatchObject({ status });
  });
});

it('keeps regions, and the projects in them, apart', async () => {
  const client = await connect({
    regions: ['RegionOne', 'RegionTwo'],
    projects: [{ name: 'nodepool' }, { name: 'other' }],
    networks: [{ name: 'shared', cidr: '198.51.100.0/24', isShared: true }],
  });
  const id = await client.createServer();
  expect((await client.server(id)).status).toBe(200);
  expect((await client.send('GET', `/regions/RegionTwo/compute/v2.1/servers/${id}`)).status).toBe(404);
  await client.login('other');
  expect(await client.server(id)).toMatchObject({
    status: 404,
    body: { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } },
  });
  expect((await client.send('GET', '/compute/v2.1/servers/detail')).body).toEqual({ servers: [] });
  const [project] = client.double.projects;
  const foreign = await client.send('GET', `/compute/v2.1/${project?.id}/servers/detail`);
  expect(foreign).toMatchObject({ status: 400 });
});
