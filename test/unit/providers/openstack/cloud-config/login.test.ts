import { describe, expect, it } from 'vitest';
import type { CredentialsConfig } from '../../../../../src/config/types.ts';
import { accessOf, accessTo, cloudA, CLOUDS, passwordOf } from './clouds.ts';

const DEFAULT = { id: 'default', name: null };

/** Settings of a cloud in two lines: at its top, and in its `auth`. */
function loginOf(top: readonly string[], auth: string): ReturnType<typeof passwordOf> {
  return passwordOf(accessTo([...top, `auth: { auth_url: "http://k/", username: u, password: p, ${auth} }`]));
}

// What counts of what is given twice is compared with openstacksdk 4 (August 2026).
describe('the login with a password', () => {
  it.each(['', 'auth_type: password', 'auth_type: v3password'])('is that of the cloud (%s)', (type) => {
    expect(loginOf([type], 'project_name: pr, user_domain_id: ud, project_domain_name: pd')).toEqual({
      kind: 'password',
      user: { id: null, name: 'u' },
      userDomain: { id: 'ud', name: null },
      password: 'p',
      scope: { project: { id: null, name: 'pr' }, domain: { id: null, name: 'pd' } },
    });
  });

  it.each<[string, readonly string[], string, { id: string | null; name: string | null }]>([
    ['the top before auth', ['project_name: top'], 'project_name: in', { id: null, name: 'top' }],
    ['a project before a tenant at the top', ['tenant_name: top'], 'project_name: in', { id: null, name: 'in' }],
    ['the tenant names', [], 'tenant_name: t, tenant-id: ti', { id: 'ti', name: 't' }],
  ])('takes for the project %s', (_name, top, auth, project) => {
    expect(loginOf(top, auth).scope.project).toEqual(project);
  });

  it('takes for the user what is in auth before what is at the top', () => {
    const auth = loginOf(['username: top', 'password: top', 'user_id: ui'], 'project_id: x');

    expect(auth).toMatchObject({ user: { id: 'ui', name: 'u' }, password: 'p' });
  });

  it('may stand at the top alone, and call the user user_name', () => {
    const settings = ['auth_url: http://top/', 'user_name: u', 'password: p', 'project_id: x'];

    expect(accessTo(settings)).toMatchObject({ authUrl: 'http://top/', auth: { user: { name: 'u' } } });
  });

  it.each<[string, readonly string[], string, object, object]>([
    ['are given for both', [], 'domain_name: D', { id: null, name: 'D' }, { id: null, name: 'D' }],
    ['are given for one', ['user_domain_name: UD'], '', { id: null, name: 'UD' }, DEFAULT],
    ['are given twice', ['domain_id: DI'], 'user_domain_name: UD', { id: 'DI', name: 'UD' }, { id: 'DI', name: null }],
    ['are defaults', ['default_domain_name: DN'], '', { id: null, name: 'DN' }, { id: null, name: 'DN' }],
    [
      'are the default of the command line',
      ['default_domain: dd'],
      '',
      { id: 'dd', name: null },
      { id: 'dd', name: null },
    ],
    ['are left out, as before there were any', [], '', DEFAULT, DEFAULT],
  ])('has domains that %s', (_name, top, auth, userDomain, domain) => {
    expect(loginOf(top, `project_name: x, ${auth}`)).toMatchObject({ userDomain, scope: { domain } });
  });

  it('keeps braces in a password', () => {
    expect(
      passwordOf(
        accessTo([
          'region_name: R',
          'auth: { auth_url: "http://{region_name}/", username: u, password: "{region_name}", project_id: x }',
        ]),
      ),
    ).toMatchObject({ password: '{region_name}' });
  });
});

describe('the login with a token', () => {
  it.each(['token', 'v3token'])('is that of the cloud (%s)', (type) => {
    expect(
      accessTo([`auth_type: ${type}`, 'auth: { auth_url: "http://k/", auth_token: t, project_id: x }']).auth,
    ).toEqual({
      kind: 'token',
      token: 't',
      scope: { project: { id: 'x', name: null }, domain: DEFAULT },
    });
  });

  it('takes the one at the top, which may come from outside', () => {
    const settings = ['auth_type: token', 'token: top', 'auth: { auth_url: "http://k/", token: in, project_id: x }'];

    expect(accessTo(settings).auth).toMatchObject({ token: 'top' });
  });
});

describe('the login with an application credential', () => {
  const loginWith = (auth: string): unknown =>
    accessTo([
      'auth_type: v3applicationcredential',
      `auth: { auth_url: "http://k/", application_credential_secret: s, ${auth} }`,
    ]).auth;

  it('needs no user when it has an id', () => {
    expect(loginWith('application_credential_id: ci')).toEqual({
      kind: 'application-credential',
      credential: { id: 'ci', name: null },
      user: { id: null, name: null },
      userDomain: { id: null, name: null },
      secret: 's',
    });
  });

  it('needs one when it has a name', () => {
    expect(loginWith('application_credential_name: cn, username: u, user_domain_id: ud')).toEqual({
      kind: 'application-credential',
      credential: { id: null, name: 'cn' },
      user: { id: null, name: 'u' },
      userDomain: { id: 'ud', name: null },
      secret: 's',
    });
  });
});

describe('the keys of a provider', () => {
  const KEYS = { authUrl: 'https://own.example/v2.0', username: 'du', password: 'dp' };
  const directly = (keys: Partial<CredentialsConfig>): ReturnType<typeof passwordOf> =>
    passwordOf(accessOf({ keys: { ...KEYS, ...keys } }));

  it('are a login of their own', () => {
    const access = accessOf({
      keys: { ...KEYS, projectName: 'pr', serviceType: 'computev2', serviceName: 'nova' },
      region: 'R1',
    });

    expect(access).toEqual({
      source: 'the cloud of this provider',
      authUrl: 'https://own.example/v2.0',
      auth: {
        kind: 'password',
        user: { id: null, name: 'du' },
        userDomain: DEFAULT,
        password: 'dp',
        scope: { project: { id: null, name: 'pr' }, domain: DEFAULT },
      },
      region: 'R1',
      interface: 'public',
      services: {
        identity: { endpoint: null, name: null, type: null },
        compute: { endpoint: null, name: 'nova', type: 'computev2' },
        image: { endpoint: null, name: null, type: null },
        network: { endpoint: null, name: null, type: null },
      },
      tls: { verify: true, caFile: null, certFile: null, keyFile: null },
      usesFloatingIps: true,
      isPrivate: false,
      forceIpv4: false,
      networks: [],
      imageFormat: null,
    });
  });

  it.each([
    ['0123456789abcdef0123456789ABCDEF', true],
    ['01234567-89ab-cdef-0123-456789abcdef', true],
    ['0123456789abcdef0123456789abcde', false],
    ['openstack-ci', false],
    ['610275', false],
  ])('take %s for the id of a project only when it looks like one', (projectId, isId) => {
    expect(directly({ projectId }).scope.project).toEqual({
      id: isId ? projectId : null,
      name: isId ? null : projectId,
    });
  });

  it('take the name where the id is none', () => {
    expect(directly({ projectId: 'ci', projectName: 'pr' }).scope.project).toEqual({ id: null, name: 'pr' });
  });

  it('lie over the cloud that the provider names, wherever that says the same', () => {
    const files = {
      [CLOUDS]: cloudA(
        'region_name: R1',
        'project_id: 0123456789abcdef0123456789abcdef',
        'compute_service_name: cloudServers',
        'auth: { auth_url: "http://k/", user_id: ui, password: p, user_domain_name: UD }',
      ),
    };
    const keys = { cloud: 'a', username: 'du', password: 'dp', projectName: 'dpr', serviceType: 'computev2' };
    const access = accessOf({ keys, files });

    expect(access).toMatchObject({
      source: `cloud a in ${CLOUDS}`,
      authUrl: 'http://k/',
      region: 'R1',
      services: { compute: { name: 'cloudServers', type: 'computev2' } },
    });
    expect(access.auth).toEqual({
      kind: 'password',
      user: { id: null, name: 'du' },
      userDomain: { id: null, name: 'UD' },
      password: 'dp',
      scope: { project: { id: null, name: 'dpr' }, domain: DEFAULT },
    });
  });

  it('leave to the cloud what they do not say', () => {
    const files = { [CLOUDS]: cloudA('project_id: x', 'auth: { auth_url: "http://k/", user_id: ui, password: p }') };
    const auth = passwordOf(accessOf({ keys: { cloud: 'a', authUrl: 'http://other/' }, files }));

    expect(auth).toMatchObject({ user: { id: 'ui', name: null }, password: 'p', scope: { project: { id: 'x' } } });
  });
});
