import { describe, expect, it } from 'vitest';
import { accessOf, accessTo, cloudA, CLOUDS, LOGIN, passwordOf, refusalOf, type Given } from './clouds.ts';

const VARIABLES = {
  OS_AUTH_URL: 'https://e.example/v3',
  OS_USERNAME: 'eu',
  OS_PASSWORD: 'ep',
  OS_PROJECT_NAME: 'epr',
  OS_USER_DOMAIN_NAME: 'ED',
  OS_PROJECT_DOMAIN_ID: 'edi',
  OS_REGION_NAME: 'ER',
};
const ONE = { [CLOUDS]: cloudA(LOGIN) };
const TWO = { [CLOUDS]: `${cloudA(LOGIN)}  b:\n    ${LOGIN}\n` };
const FROM_A = `cloud a in ${CLOUDS}`;
const FROM_B = `cloud b in ${CLOUDS}`;

function sourceOf(given: Given): string {
  return accessOf(given).source;
}

// Compared with openstacksdk 0.101 and 4 (August 2026).
describe('which cloud a provider is at', () => {
  it.each<[string, Given, string]>([
    ['its key cloud', { keys: { cloud: 'b' }, files: TWO, env: { ...VARIABLES, OS_CLOUD: 'a' } }, FROM_B],
    ['OS_CLOUD', { files: TWO, env: { ...VARIABLES, OS_CLOUD: 'a' } }, FROM_A],
    ['the OS_* variables', { files: TWO, env: VARIABLES }, 'cloud envvars in the environment'],
    ['the only cloud of the file', { files: ONE }, FROM_A],
  ])('is said by %s', (_name, given, source) => {
    expect(sourceOf(given)).toBe(source);
  });

  it('is not said by a file with two', () => {
    expect(refusalOf(() => accessOf({ files: TWO }))).toBe(
      'config: this provider says nothing of its cloud; name one of clouds.yaml with the key cloud, or give auth-url, username, password and project-name',
    );
  });

  it('is said by its own keys when they say where it is, and no file is read then', () => {
    const keys = { authUrl: 'https://own.example/v3', username: 'u', password: 'p', projectName: 'pr' };

    expect(sourceOf({ keys, files: { [CLOUDS]: 'broken: [' }, env: VARIABLES })).toBe('the cloud of this provider');
  });
});

describe('the OS_* variables', () => {
  it('make a cloud, each a key of it', () => {
    const access = accessOf({
      env: {
        ...VARIABLES,
        OS_CACERT: '~/ca.pem',
        OS_INTERFACE: 'internal',
        OS_COMPUTE_ENDPOINT_OVERRIDE: 'http://nova.example/',
        OS_PROJECT_ID: '',
      },
    });

    expect(access).toMatchObject({ authUrl: 'https://e.example/v3', region: 'ER', interface: 'internal' });
    expect(access.auth).toEqual({
      kind: 'password',
      user: { id: null, name: 'eu' },
      userDomain: { id: null, name: 'ED' },
      password: 'ep',
      scope: { project: { id: null, name: 'epr' }, domain: { id: 'edi', name: null } },
    });
    expect(access.tls.caFile).toBe('/home/ann/ca.pem');
    expect(access.services.compute.endpoint).toBe('http://nova.example/');
  });

  it('make the cloud envvars, or that of OS_CLOUD_NAME', () => {
    // OS_CLOUD names the cloud for others; it is no profile of this one.
    const env = { ...VARIABLES, OS_CLOUD: 'a' };

    expect(sourceOf({ keys: { cloud: 'envvars' }, env })).toBe('cloud envvars in the environment');
    expect(sourceOf({ keys: { cloud: 'mine' }, env: { ...VARIABLES, OS_CLOUD_NAME: 'mine' } })).toBe(
      'cloud mine in the environment',
    );
  });

  it('must not make one that the file has too', () => {
    const refusal = refusalOf(() => accessOf({ files: ONE, env: { ...VARIABLES, OS_CLOUD_NAME: 'a' } }));

    expect(refusal).toBe(
      `config: ${FROM_A} has the name of the one that the OS_* variables of the environment make; give that another with OS_CLOUD_NAME`,
    );
  });

  it.each([
    ['select', { OS_REGION_NAME: 'R', OS_CLOUD_NAME: 'a', OS_CLIENT_SECURE_FILE: '/none' }],
    ['belong to test tools', { OS_TEST_PATH: 'x', OS_STDOUT_CAPTURE: '1', OS_LOG_CAPTURE: '1' }],
    ['are empty', { OS_USERNAME: '' }],
  ])('make none when they only %s', (_name, env) => {
    expect(accessOf({ files: ONE, env })).toMatchObject({ source: FROM_A, region: null });
  });
});

describe('the region', () => {
  it.each<[string, readonly string[], string | undefined, string | null]>([
    ['is the one of the cloud', ['region_name: R1'], undefined, 'R1'],
    ['is the first of several', ['regions: [R1, R2]', 'region_name: R2'], undefined, 'R1'],
    ['is the wanted one of several', ['regions: [R1, { name: R2 }]'], 'R2', 'R2'],
    ['is the wanted one of a list with commas', ['region_name: R1, R2'], 'R2', 'R2'],
    ['is the wanted one of a list under the other key', ['region_name: [R1, R2]'], 'R2', 'R2'],
    ['is the wanted one where none is known', ['regions: []'], 'R9', 'R9'],
    ['is not said', ['region_name:'], undefined, null],
  ])('%s', (_name, settings, region, expected) => {
    expect(accessTo([LOGIN, ...settings], region === undefined ? {} : { region }).region).toBe(expected);
  });

  it('brings its own values, and no other does', () => {
    const settings = [
      LOGIN,
      'image_format: qcow2',
      'regions:',
      '- name: R1',
      '  values: { image_format: raw, auth: { project_name: regional }, compute-endpoint: "http://r1/" }',
      '- R2',
    ];
    const [first, second] = ['R1', 'R2'].map((region) => accessTo(settings, { region }));

    expect(first).toMatchObject({ imageFormat: 'raw', services: { compute: { endpoint: 'http://r1/' } } });
    expect(passwordOf(first!)).toMatchObject({ user: { name: 'u' }, scope: { project: { name: 'regional' } } });
    expect(second).toMatchObject({ imageFormat: 'qcow2', services: { compute: { endpoint: null } } });
    expect(passwordOf(second!).scope.project.name).toBe('pr');
  });
});

describe('a profile of clouds-public.yaml', () => {
  const files = {
    '/home/ann/.config/openstack/clouds-public.yaml': [
      'public-clouds:',
      '  corp:',
      '    auth: { auth_url: "https://{region_name}.corp.example/v3", user_domain_name: CD }',
      '    regions: [P1, { name: P2, values: { image_format: vhd } }]',
      '    image_format: raw',
      '    floating_ip_source: "None"',
    ].join('\n'),
  };
  const own = 'auth: { username: u, password: p, project_name: pr, project_domain_name: D }';

  it('lies under the cloud, its login key by key', () => {
    const access = accessTo([own, 'profile: corp'], { files });

    expect(access).toMatchObject({
      authUrl: 'https://P1.corp.example/v3',
      region: 'P1',
      imageFormat: 'raw',
      usesFloatingIps: false,
    });
    expect(passwordOf(access)).toMatchObject({ user: { name: 'u' }, userDomain: { name: 'CD' } });
  });

  it('gives its regions with their values', () => {
    expect(accessTo([own, 'profile: corp'], { files, region: 'P2' })).toMatchObject({
      authUrl: 'https://P2.corp.example/v3',
      imageFormat: 'vhd',
    });
  });

  it('gives way to the cloud, in regions too', () => {
    expect(accessTo([own, 'cloud: corp', 'region_name: X', 'image_format: own'], { files })).toMatchObject({
      authUrl: 'https://X.corp.example/v3',
      region: 'X',
      imageFormat: 'own',
    });
  });
});
