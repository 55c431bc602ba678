import { describe, expect, it } from 'vitest';
import { accessOf, accessTo, cloudA, CLOUDS, LOGIN, refusalOf, type Given } from './clouds.ts';

const A = `cloud a in ${CLOUDS}`;
const SECRET = 'hunter2';
const auth = (...keys: readonly string[]): string => `auth: { ${keys.join(', ')} }`;
const URL_KEY = 'auth_url: "http://k/"';
const USER = `username: u, password: ${SECRET}`;

describe('a cloud that cannot be used is refused in one sentence:', () => {
  it.each<[string, readonly string[], string]>([
    ['no address', [auth(USER, 'project_id: x')], `${A} has no auth_url; add it to its auth`],
    [
      'an address that is none',
      [auth('auth_url: k.example:5000/v3', USER, 'project_id: x')],
      `${A}: auth_url is not an address that begins with http:// or https://; correct it`,
    ],
    [
      'an address of no region',
      [auth('auth_url: "https://{region_name}.example/"', USER, 'project_id: x')],
      `${A}: auth_url has the region in it but none is chosen; set region-name at the provider`,
    ],
    ['no password', [auth(URL_KEY, 'username: u', 'project_id: x')], `${A} has no password; add it to its auth`],
    ['no user', [auth(URL_KEY, `password: ${SECRET}`, 'project_id: x')], `${A} has no username; add it to its auth`],
    ['no project', [auth(URL_KEY, USER, 'domain_name: d')], `${A} has no project_name; add it to its auth`],
    ['no token', ['auth_type: token', auth(URL_KEY, 'project_id: x')], `${A} has no token; add it to its auth`],
    [
      'no secret',
      ['auth_type: v3applicationcredential', auth(URL_KEY, 'application_credential_id: x')],
      `${A} has no application_credential_secret; add it to its auth`,
    ],
    [
      'a method that is not named',
      [auth(URL_KEY, 'application_credential_id: x', `application_credential_secret: ${SECRET}`)],
      `${A}: auth_type is password but an application credential is given; make it v3applicationcredential`,
    ],
    [
      'another method',
      ['auth_type: v3oidcpassword', LOGIN],
      `${A}: auth_type is "v3oidcpassword", which is not supported; choose one of password, v3password, token, v3token, v3applicationcredential`,
    ],
    [
      'a profile that is not there',
      ['profile: rackspace', LOGIN],
      `${A}: profile "rackspace" is not in a clouds-public.yaml, and those that come with openstacksdk are not known here; copy its settings into the cloud`,
    ],
    ['regions in no list', ['regions: R1', LOGIN], `${A}: regions must be a list; put it in [ ]`],
    [
      'a region of another form',
      ['regions: [{ name: R1, value: {} }]', LOGIN],
      `${A}: regions has an entry that is neither a name nor a map of name and values; correct it`,
    ],
    [
      'an unknown interface',
      ['interface: published', LOGIN],
      `${A}: interface must be one of public, internal, admin; correct it`,
    ],
    [
      'an address of a service that is none',
      ['compute_endpoint: nova', LOGIN],
      `${A}: compute_endpoint is not an address that begins with http:// or https://; correct it`,
    ],
    ['networks in no list', ['networks: wan', LOGIN], `${A}: networks must be a list; put it in [ ]`],
    [
      'a network without a name',
      ['networks: [{ nat_destination: true }]', LOGIN],
      `${A}: networks has an entry without a name; give it one`,
    ],
    [
      'two networks for floating IPs',
      ['networks: [{ name: n, nat_destination: true }, { name: m, nat_destination: true }]', LOGIN],
      `${A}: networks has nat_destination at n and m; leave it at one`,
    ],
    [
      'networks said in two ways',
      ['networks: [{ name: n }]', 'external_network: m', LOGIN],
      `${A}: external_network does not go together with networks; make it an entry there`,
    ],
  ])('%s', (_name, settings, sentence) => {
    const refusal = refusalOf(() => accessTo(settings));

    expect(refusal).toBe(`config: ${sentence}`);
    expect(refusal).not.toContain(SECRET);
  });

  it('a region that it does not have', () => {
    const refusals = ['r2', 'elsewhere'].map((region) =>
      refusalOf(() => accessTo([LOGIN, 'regions: [R1, R2]'], { region })),
    );

    expect(refusals).toEqual([
      `config: ${A} has no region "r2", which region-name of the provider asks for; did you mean "R2"?`,
      `config: ${A} has no region "elsewhere", which region-name of the provider asks for; known are R1, R2`,
    ]);
  });
});

describe('what is missing is named the way it is written', () => {
  it.each<[string, Given, string]>([
    [
      'in the environment',
      { env: { OS_USERNAME: 'u' } },
      'cloud envvars in the environment has no OS_AUTH_URL; set it',
    ],
    [
      'at the provider',
      { keys: { authUrl: 'http://k/', username: 'u', password: SECRET } },
      'the cloud of this provider has no project-name; add it, or name a cloud of clouds.yaml',
    ],
  ])('%s', (_name, given, sentence) => {
    expect(refusalOf(() => accessOf(given))).toBe(`config: ${sentence}`);
  });
});

describe('an unknown cloud is refused', () => {
  const clouds = (...names: readonly string[]): string =>
    `clouds: { ${names.map((name) => `${name}: {}`).join(', ')} }`;

  it.each<[string, string | null, string]>([
    ['with what was probably meant', clouds('vexxhost', 'rax'), `in ${CLOUDS}; did you mean "vexxhost"?`],
    ['with what there is', clouds('one', 'two'), `in ${CLOUDS}; known are one, two`],
    [
      'with ten of what there is',
      clouds(...Array.from({ length: 12 }, (_, index) => `c${index}`)),
      `in ${CLOUDS}; known are c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and more`,
    ],
    ['when the file is empty', '# nothing yet\n---\n', `in ${CLOUDS}; add it`],
    [
      'with where a file was looked for',
      null,
      'because there is no clouds.yaml at /run, /home/ann/.config/openstack, /etc/xdg/openstack, /etc/openstack; add it',
    ],
  ])('%s', (_name, text, rest) => {
    const files = text === null ? {} : { [CLOUDS]: text };

    expect(refusalOf(() => accessOf({ keys: { cloud: 'vexhost' }, files }))).toBe(
      `config: there is no cloud "vexhost" ${rest}`,
    );
  });
});

describe('a file that cannot be used is refused, with the line', () => {
  it.each([
    [
      'a bracket is open',
      `clouds:\n  a: { auth: { password: ${SECRET} }\n`,
      '2:6: a [ or { is opened here but not closed; add the ] or }, and indent all lines up to it',
    ],
    [
      'a key is given twice',
      cloudA('private: true', 'private: true'),
      '4:5: clouds.a.private: is given twice; remove one',
    ],
    ['the file is a list', '- a', '1:1: the file is not a map of keys to values; write one key per line'],
    ['clouds are a list', 'clouds: [a]', '1:9: clouds: must be a map of keys to values; change it'],
    ['a cloud is a text', `clouds:\n  a: ${SECRET}`, '2:6: clouds.a: must be a map of keys to values; change it'],
    ['auth is a text', cloudA(`auth: ${SECRET}`), '3:11: clouds.a.auth: must be a map of keys to values; change it'],
  ])('when %s', (_name, text, sentence) => {
    const refusal = refusalOf(() => accessOf({ keys: { cloud: 'a' }, files: { [CLOUDS]: text } }));

    expect(refusal).toBe(`config: ${CLOUDS}:${sentence}`);
    expect(refusal).not.toContain(SECRET);
  });

  it('also when it is not the one with the cloud', () => {
    const files = { [CLOUDS]: cloudA(LOGIN, 'profile: corp'), '/run/clouds-public.yaml': 'public-clouds: [' };

    expect(refusalOf(() => accessOf({ keys: { cloud: 'a' }, files }))).toMatch(
      /^config: \/run\/clouds-public\.yaml:1:/,
    );
  });
});
