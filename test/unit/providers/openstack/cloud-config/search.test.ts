import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, describe } from 'vitest';
import { readFirst, readTextIfThere } from '../../../../../src/providers/openstack/cloud-config/clouds-file.ts';
import { searchPath } from '../../../../../src/providers/openstack/cloud-config/search-path.ts';
import { accessOf, accessTo, cloudA, CLOUDS, LOGIN, passwordOf, type Given } from './clouds.ts';

const HERE = { env: {}, home: '/home/ann', cwd: '/run' };

function regionOf(given: Given): string | null {
  return accessOf({ keys: { cloud: 'a' }, ...given }).region;
}

/** A file whose cloud `a` is in a region of that name. */
const inRegion = (name: string): string => cloudA(LOGIN, `region_name: ${name}`);

// Compared with openstacksdk 0.101 and 4 (August 2026): what it finds in these places, and in which order.
describe('clouds.yaml', () => {
  it('is looked for here, at the user and at the site, in three forms each', () => {
    expect(searchPath('clouds', HERE)).toEqual(
      ['/run', '/home/ann/.config/openstack', '/etc/xdg/openstack', '/etc/openstack'].flatMap((directory) =>
        ['yaml', 'yml', 'json'].map((suffix) => `${directory}/clouds.${suffix}`),
      ),
    );
  });

  it.each([
    ['OS_CLIENT_CONFIG_FILE', '/srv/any.name', { OS_CLIENT_CONFIG_FILE: '/srv/any.name' }],
    ['OS_CLIENT_CONFIG_FILE from here', '/run/x.yaml', { OS_CLIENT_CONFIG_FILE: 'x.yaml' }],
    ['OS_CLIENT_CONFIG_FILE from home', '/home/ann/x.yaml', { OS_CLIENT_CONFIG_FILE: '~/x.yaml' }],
    ['the current directory', '/run/clouds.yml', {}],
    ['XDG_CONFIG_HOME', '/xdg/openstack/clouds.yaml', { XDG_CONFIG_HOME: '/xdg' }],
    ['the real home under snap', '/snap/.config/openstack/clouds.yaml', { SNAP_REAL_HOME: '/snap' }],
    ['XDG_CONFIG_DIRS', '/site/openstack/clouds.yaml', { XDG_CONFIG_DIRS: '/other:/site' }],
    ['/etc', '/etc/openstack/clouds.json', {}],
  ])('is found by %s', (_name, path, env) => {
    expect(regionOf({ files: { [path]: inRegion('R1') }, env })).toBe('R1');
  });

  it('counts alone: the first one found hides the others', () => {
    const files = {
      '/etc/openstack/clouds.yaml': inRegion('site'),
      '/home/ann/.config/openstack/clouds.yaml': inRegion('user'),
      '/run/clouds.json': inRegion('json'),
      '/run/clouds.yaml': inRegion('here'),
      '/srv/named.yaml': inRegion('named'),
    };

    expect(regionOf({ files })).toBe('here');
    expect(regionOf({ files, env: { OS_CLIENT_CONFIG_FILE: '/srv/named.yaml' } })).toBe('named');
    expect(regionOf({ files, env: { OS_CLIENT_CONFIG_FILE: '/srv/gone.yaml' } })).toBe('here');
  });

  it('may be JSON, indented with tabs', () => {
    const auth = { auth_url: 'http://k/', username: 'u', password: 'p/\u00e4"', project_id: '7' };
    const json = JSON.stringify({ clouds: { a: { auth } } }, null, '\t');
    const access = accessOf({ keys: { cloud: 'a' }, files: { '/run/clouds.json': json } });

    expect(passwordOf(access)).toMatchObject({ password: 'p/ä"', scope: { project: { id: '7' } } });
    expect(access.source).toBe('cloud a in /run/clouds.json');
  });

  it('may write keys with dashes, and use anchors and merge keys', () => {
    const access = accessOf({
      keys: { cloud: 'a' },
      files: {
        [CLOUDS]: [
          'base: &base { region-name: R1, auth: &auth { auth-url: "http://k/", username: u, password: p } }',
          'clouds: { a: { <<: *base, auth: { <<: *auth, project-id: x } } }',
        ].join('\n'),
      },
    });

    expect(access).toMatchObject({ region: 'R1', authUrl: 'http://k/' });
    expect(passwordOf(access).scope.project).toEqual({ id: 'x', name: null });
  });

  it('may write ids and passwords that look like numbers', () => {
    const digits = '12345678901234567890123456789012';
    const auth = passwordOf(
      accessTo([`auth: { auth_url: "http://k/", username: 12, password: 0471, project_id: ${digits} }`]),
    );

    expect(auth).toMatchObject({ user: { name: '12' }, password: '0471', scope: { project: { id: digits } } });
  });
});

describe('secure.yaml', () => {
  const open = cloudA('region_name: R1', 'auth: { auth_url: "http://k/", username: u, project_name: pr }');
  const secure = 'clouds: { a: { auth: { password: s, username: su } } }';

  it('lies over clouds.yaml key by key, wherever it is', () => {
    const files = { [CLOUDS]: open, '/home/ann/.config/openstack/secure.yaml': secure };
    const access = accessOf({ keys: { cloud: 'a' }, files });

    expect(access).toMatchObject({ source: `cloud a in ${CLOUDS}`, region: 'R1', authUrl: 'http://k/' });
    expect(passwordOf(access)).toMatchObject({ password: 's', user: { name: 'su' } });
  });

  it('is named by OS_CLIENT_SECURE_FILE first', () => {
    const files = {
      [CLOUDS]: open,
      '/run/secure.yaml': secure,
      '/srv/s': 'clouds: { a: { auth: { password: named }, region_name: R2 } }',
    };
    const access = accessOf({ keys: { cloud: 'a' }, files, env: { OS_CLIENT_SECURE_FILE: '/srv/s' } });

    expect(access.region).toBe('R2');
    expect(passwordOf(access)).toMatchObject({ password: 'named', user: { name: 'u' } });
  });

  it('is enough alone', () => {
    const access = accessOf({ keys: { cloud: 'a' }, files: { '/run/secure.yaml': cloudA(LOGIN) } });

    expect(access.source).toBe('cloud a in /run/secure.yaml');
  });
});

describe('on the disk', () => {
  function aDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'nodepool-clouds-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    return directory;
  }

  it('the first file that is there is read', () => {
    const directory = aDirectory();
    const paths = ['none.yaml', 'one.yaml', 'two.yaml'].map((name) => join(directory, name));
    writeFileSync(paths[1]!, 'clouds: { one: {} }');
    writeFileSync(paths[2]!, 'clouds: { two: {} }');

    expect(readFirst(paths, readTextIfThere)).toEqual({ path: paths[1], settings: { clouds: { one: {} } } });
    expect(readFirst(paths.slice(0, 1), readTextIfThere)).toBeNull();
  });

  it('a directory in its place is refused, and not passed over', () => {
    const path = join(aDirectory(), 'clouds.yaml');
    mkdirSync(path);

    expect(() => readFirst([path], readTextIfThere)).toThrow(`${path}: is a directory; name a file in it`);
  });
});
