import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Config, FakeCloudConfig, ProviderConfig, ProviderImageConfig } from '../../../src/config/types.ts';
import { aDirectory, BARE_SYSTEM, checkFixture, checkText, FIXTURES, good, sentences } from './files.ts';

const QUIET_FAKE: FakeCloudConfig = {
  bootTimeMs: 100,
  sshDelayMs: 0,
  apiDelayMs: 0,
  listingLagMs: 0,
  deleteTimeMs: 0,
  quota: null,
  failCreates: 0,
  failBoots: 0,
  failSsh: 0,
  failScripts: 0,
  failUploads: 0,
  down: false,
};

describe('what a minimal file leaves out', () => {
  const config = good(checkFixture('minimal.yaml'));

  it('has the classic defaults at the top level', () => {
    expect(config).toMatchObject({
      path: `${FIXTURES}minimal.yaml`,
      scriptDir: null,
      elementsDir: null,
      imagesDir: null,
      buildLogDir: null,
      imageFailureShare: 0.5,
      imageCanary: false,
      cron: { imageUpdate: '14 2 * * *', cleanup: '* * * * *', check: '*/15 * * * *' },
      zmqPublishers: [],
      gearmanServers: [],
      requests: { ttlMs: 14_400_000, maxTtlMs: 604_800_000 },
      api: { host: '127.0.0.1', port: 8005, rateLimit: 100 },
      eventRetentionMs: 14 * 24 * 3600 * 1000,
    });
  });

  it('has the classic defaults in a label', () => {
    expect(config.labels.get('small')).toEqual({
      name: 'small',
      image: 'ubuntu',
      minReady: 2,
      subnodes: 0,
      readyScript: null,
      providers: ['cloud'],
    });
  });

  it('has the classic defaults in a provider, and a finite time limit for calls', () => {
    expect(config.providers.get('cloud')).toEqual({
      name: 'cloud',
      driver: 'openstack',
      maxServers: 10,
      regionName: null,
      rateMs: 1000,
      apiTimeoutMs: 60_000,
      bootTimeoutMs: 60_000,
      launchTimeoutMs: 3_600_000,
      keypair: null,
      pool: null,
      floatingIps: true,
      securityGroups: [],
      networks: [],
      ipv6Preferred: false,
      availabilityZones: [],
      templateHostname: 'template-{image.name}-{timestamp}',
      imageType: 'qcow2',
      cleanFloatingIps: false,
      images: expect.any(Map) as ProviderConfig['images'],
      credentials: {
        cloud: null,
        username: null,
        password: null,
        authUrl: null,
        projectId: null,
        projectName: null,
        serviceType: null,
        serviceName: null,
      },
      fake: QUIET_FAKE,
    } satisfies ProviderConfig);
  });

  it('has the classic defaults in the images of both kinds', () => {
    const rest = {
      minRamMb: 1024,
      nameFilter: null,
      username: 'jenkins',
      userHome: '/home/jenkins',
      privateKey: '/var/lib/jenkins/.ssh/id_rsa',
      configDrive: null,
      keyName: null,
      userData: null,
      volumeGb: null,
      meta: {},
      pause: false,
    };

    expect(config.providers.get('cloud')?.images.get('ubuntu')).toEqual({
      ...rest,
      name: 'ubuntu',
      source: { kind: 'snapshot', baseImage: 'Ubuntu', setup: 'prepare.sh' },
    });
    expect(config.providers.get('diskless')?.images.get('debian')).toEqual({
      ...rest,
      name: 'debian',
      source: { kind: 'diskimage', diskimage: 'debian' },
    });
  });

  it('has the classic defaults in targets and disk images', () => {
    expect(config.targets.get('zuul')).toEqual({
      name: 'zuul',
      hostname: '{label.name}-{provider.name}-{node_id}',
      subnodeHostname: '{label.name}-{provider.name}-{node_id}-{subnode_id}',
      rateMs: 1000,
      assignViaGearman: false,
      jenkins: null,
    });
    expect(config.diskimages.get('debian')).toEqual({
      name: 'debian',
      elements: [],
      release: '',
      envVars: {},
      formats: ['qcow2'],
      rebuildAgeMs: null,
      buildTimeoutMs: 28_800_000,
      dibCmd: 'disk-image-create',
      qemuImgOptions: 'compat=0.10',
      pause: false,
    });
  });

  it('may be everything, as long as the file is a map', () => {
    expect(good(checkText('{}')).providers.size).toBe(0);
    expect(good(checkFixture('empty-keys.yaml')).labels.size).toBe(0);
  });
});

describe('values', () => {
  it('turn from seconds into milliseconds, fractions included', () => {
    const config = good(
      checkText(`
event-retention: 0.5
providers:
  - { name: a, max-servers: 1, rate: 0.001, api-timeout: 2.5, boot-timeout: 1, launch-timeout: 1.0, fake: { boot-time: 1.5, api-delay: 0.02 } }
targets: [{ name: zuul, rate: 1 }]`),
    );

    expect(config.eventRetentionMs).toBe(12 * 3600 * 1000);
    expect(config.providers.get('a')).toMatchObject({
      rateMs: 1,
      apiTimeoutMs: 2500,
      bootTimeoutMs: 1000,
      launchTimeoutMs: 1000,
      fake: { ...QUIET_FAKE, bootTimeMs: 1500, apiDelayMs: 20 },
    });
    expect(config.targets.get('zuul')?.rateMs).toBe(1000);
  });

  it.each([
    ['requests: {}', 14_400],
    ['requests: { max-ttl: 14400 }', 14_400],
    ['requests: { max-ttl: 3600 }', 3600],
    ['requests: { ttl: 3600, max-ttl: 3600 }', 3600],
    ['requests: { ttl: 604800 }', 604_800],
  ])('leave no lease longer than max-ttl, said or unsaid: %s', (yaml, seconds) => {
    expect(good(checkText(yaml)).requests.ttlMs).toBe(seconds * 1000);
  });

  it('that are meant as texts count as they are written', () => {
    const config = good(checkFixture('loose-texts.yaml'));

    expect(config.providers.get('cloud')?.images.get('ubuntu')?.meta).toEqual({
      xenapi_use_agent: 'false',
      mode: '0644',
      quoted: 'yes',
      letter: 'y',
    });
    const environment = { MODE: '0644', TIME: '01:30', DATE: '2015-06-01', EMPTY: '' };
    expect(config.diskimages.get('ubuntu')).toMatchObject({
      release: '12.10',
      envVars: { ...environment, DEBUG: 'yes' },
    });
    expect(config.diskimages.get('fedora')).toMatchObject({ release: '21', envVars: { ...environment, DEBUG: 'off' } });
  });

  it('come in by anchors, aliases and merge keys', () => {
    const config = good(checkFixture('merge-keys.yaml'));

    expect([...config.labels.values()].map(({ providers }) => providers)).toEqual([
      ['cloud-a', 'cloud-b'],
      ['cloud-a', 'cloud-b'],
    ]);
    expect(config.providers.get('cloud-b')).toMatchObject({ maxServers: 20, rateMs: 500 });
    expect(config.providers.get('cloud-b')?.images.has('ubuntu')).toBe(true);
  });

  it('that are relative paths start at the directory of the file', () => {
    const config = good(checkText('script-dir: scripts\nelements-dir: ../elements\nimages-dir: /opt/images\n'));
    const directory = dirname(config.path);

    expect(config.scriptDir).toBe(join(directory, 'scripts'));
    expect(config.elementsDir).toBe(join(dirname(directory), 'elements'));
    expect(config.imagesDir).toBe('/opt/images');
  });

  it('name networks in three ways', () => {
    const config = good(
      checkText(
        'providers: [{ name: a, max-servers: 1, networks: [{ net-id: x }, { net-label: y, public: yes }, { name: z }] }]',
      ),
    );

    expect(config.providers.get('a')?.networks).toEqual([
      { id: 'x', name: null, isPublic: false },
      { id: null, name: 'y', isPublic: true },
      { id: null, name: 'z', isPublic: false },
    ]);
  });

  it('say what nodes boot with', () => {
    const of = (more: string): ProviderImageConfig | undefined => {
      const image = `{ name: b, min-ram: 1, base-image: c, setup: d, ${more} }`;
      return good(checkText(`providers: [{ name: a, max-servers: 1, images: [${image}] }]`))
        .providers.get('a')
        ?.images.get('b');
    };

    expect(of('key-name: nodes, user-data: "#cloud-config"')).toMatchObject({
      keyName: 'nodes',
      userData: '#cloud-config',
    });
    expect(of('boot-from-volume: true, volume-size: 40')?.volumeGb).toBe(40);
    expect(of('volume-size: 40')?.volumeGb).toBeNull();
  });

  it('say what servers are attached to', () => {
    const config = good(
      checkText('providers: [{ name: a, max-servers: 1, floating-ips: false, security-groups: [default, nodes] }]'),
    );

    expect(config.providers.get('a')).toMatchObject({ floatingIps: false, securityGroups: ['default', 'nodes'] });
  });

  it.each([
    ['is as long as clouds take', 49_149, []],
    [
      'is longer',
      49_150,
      [
        'FILE:1:108: providers[0].images[0].user-data: is 49150 bytes long, but clouds take at most 49149 (64 KB in base64); shorten it',
      ],
    ],
  ])('may hold user data that %s', (_name, size, problems) => {
    const image = `{ name: b, min-ram: 1, base-image: c, setup: d, user-data: ${'ä'.repeat(size / 2)}${'a'.repeat(size % 2)} }`;

    expect(sentences(checkText(`providers: [{ name: a, max-servers: 1, images: [${image}] }]`).problems)).toEqual(
      problems,
    );
  });

  it.each([
    ['nothing', '', 'openstack'],
    ['driver: openstack', 'driver: openstack', 'openstack'],
    ['driver: fake', 'driver: fake', 'fake'],
    ['the address fake', 'auth-url: fake', 'fake'],
    ['another address', 'auth-url: https://fake.example.org', 'openstack'],
  ])('choose the driver: %s', (_name, setting, driver) => {
    const config = good(checkText(`providers: [{ name: a, max-servers: 1, ${setting} }]`));

    expect(config.providers.get('a')?.driver).toBe(driver);
  });

  it('cannot be changed, in maps neither', () => {
    const config = good(checkFixture('minimal.yaml'));
    const labels = config.labels as Map<string, unknown>;
    const provider = config.providers.get('cloud') as { maxServers: number };

    expect(() => labels.set('other', {})).toThrow(TypeError);
    expect(() => labels.delete('small')).toThrow(TypeError);
    expect(() => {
      provider.maxServers = 1;
    }).toThrow(TypeError);
  });
});

describe('disk images', () => {
  const config = good(checkFixture('disk-image-settings.yaml'));

  it('are made in the formats that providers want and those that are named, each once', () => {
    const formats = [...config.diskimages.values()].map((diskimage) => [diskimage.name, diskimage.formats]);

    expect(formats).toEqual([
      ['ubuntu', ['qcow2', 'raw', 'tgz', 'vhd']],
      ['debian', ['vhd']],
      ['of-no-use', []],
    ]);
  });

  it('have settings of their own', () => {
    expect(config.diskimages.get('ubuntu')).toMatchObject({
      rebuildAgeMs: 30 * 86_400_000,
      buildTimeoutMs: 500,
      qemuImgOptions: 'compat=1.1,lazy_refcounts=on',
      pause: true,
    });
    expect(config.diskimages.get('debian')).toMatchObject({ rebuildAgeMs: null, pause: false });
  });

  it('are built by a program in PATH, or by one whose path may start at the directory of the file', () => {
    expect(config.diskimages.get('ubuntu')?.dibCmd).toBe(`${FIXTURES}bin/disk-image-create`);
    expect(config.diskimages.get('debian')?.dibCmd).toBe('my-builder');
  });

  it('have their place, their logs, and rules for new ones', () => {
    expect(config).toMatchObject({
      imagesDir: `${FIXTURES}images`,
      buildLogDir: join(FIXTURES, '../logs'),
      imageFailureShare: 0.25,
      imageCanary: true,
    });
  });

  it('are paused, and refused by the fake cloud, provider by provider', () => {
    const { images, fake } = config.providers.get('plain')!;

    expect([...images.values()].map(({ name, pause }) => [name, pause])).toEqual([
      ['ubuntu', true],
      ['ubuntu-large', false],
    ]);
    expect(fake).toEqual({ ...QUIET_FAKE, failUploads: 0.5 });
    expect(config.providers.get('again')?.fake.failUploads).toBe(0);
  });

  const UPLOADED = `providers: [{ name: a, max-servers: 1, images: [{ name: b, min-ram: 1, diskimage: c }] }]
diskimages: [{ name: c }]`;

  it('are warned of when there is no place to build them, except in a rehearsal', () => {
    expect(sentences(checkText(UPLOADED).warnings)).toEqual([
      'FILE:1:1: images-dir: is missing, so disk images are not built; name a directory for them',
    ]);
    expect(checkText(UPLOADED, { fake: true }).warnings).toEqual([]);
  });

  it('are not warned of when there is a place, or when no provider has one', () => {
    expect(checkText(`images-dir: images\n${UPLOADED}`).warnings).toEqual([]);
    expect(checkText('diskimages: [{ name: c }]').warnings).toEqual([]);
  });
});

describe('obsolete keys', () => {
  it('give one warning each, which names the replacement', () => {
    expect(sentences(checkFixture('obsolete-keys.yaml').warnings)).toEqual([
      'FILE:1:1: dburi: is obsolete: it belongs into secure.conf, as dburi in the section database',
      'FILE:2:1: zookeeper-servers: is obsolete: it has no effect; remove it, everything is kept in the database',
      'FILE:7:5: providers[0].nodepool-id: is obsolete: it has no effect; remove it, the database identifies the installation',
      'FILE:13:9: providers[0].images[0].reset: is obsolete: it has no effect; remove it (the first of 2)',
      'FILE:22:7: targets[0].jenkins.url: is obsolete: it belongs into secure.conf, as url in the section of the target (the first of 2)',
      'FILE:23:7: targets[0].jenkins.user: is obsolete: it belongs into secure.conf, as user in the section of the target (the first of 2)',
      'FILE:24:7: targets[0].jenkins.apikey: is obsolete: it belongs into secure.conf, as apikey in the section of the target (the first of 2)',
      'FILE:25:7: targets[0].jenkins.credentials-id: is obsolete: it belongs into secure.conf, as credentials in the section of the target',
      'FILE:26:11: targets[1].name: its Jenkins is not told with which credentials to log in to nodes; give their id as credentials in secure.conf',
    ]);
  });

  it('for secrets are used', () => {
    const config = good(checkFixture('obsolete-keys.yaml'));

    expect(config.database).toMatchObject({ host: 'localhost', password: 'hunter2' });
    expect(config.targets.get('jenkins01')?.jenkins).toEqual({
      url: 'https://jenkins01.example.org/',
      user: 'one',
      apikey: 'hunter2',
      credentialsId: 'abcd',
      testJob: null,
    });
  });

  it('for secrets give way to secure.conf', () => {
    const config = good(checkFixture('obsolete-keys.yaml', { securePath: join(FIXTURES, 'secure-full.conf') }));

    expect(config.database).toMatchObject({ host: 'db.example.org', password: 'p@ss%(word)s' });
    expect(config.targets.get('jenkins01')?.jenkins).toEqual({
      url: 'https://secure01.example.org/',
      user: 'secure',
      apikey: 'k=e:y',
      credentialsId: '1234',
      testJob: null,
    });
    expect(config.targets.get('jenkins02')?.jenkins).toEqual({
      url: 'https://secure02.example.org/',
      user: 'secure',
      apikey: 'key',
      credentialsId: null,
      testJob: 'accept',
    });
  });
});

describe('a wrong url of a Jenkins in the obsolete place', () => {
  const YAML = "targets: [{ name: jenkins01, jenkins: { url: 'jenkins.example.org', user: a, apikey: hunter2 } }]";

  it('is a problem', () => {
    expect(sentences(checkText(YAML).problems)).toEqual([
      'FILE:1:46: targets[0].jenkins.url: is not the address of a Jenkins; write https://HOST/ or http://HOST:PORT/, with a port up to 65535',
    ]);
  });

  it('is none when secure.conf replaces it, nor in a rehearsal', () => {
    const directory = aDirectory({
      'secure.conf': '[jenkins "jenkins01"]\nurl = http://jenkins\nuser = a\napikey = b\n',
    });

    expect(sentences(checkText(YAML, { securePath: join(directory, 'secure.conf') }).problems)).toEqual([]);
    expect(sentences(checkText(YAML, { fake: true }).problems)).toEqual([]);
  });
});

describe('labels that can never get a node', () => {
  const LABEL = 'labels: [{ name: a, image: b, min-ready: 1 }]';

  it('are warned of when there is no target', () => {
    expect(sentences(checkText(LABEL).warnings)).toEqual([
      'FILE:1:1: targets: there is no target, so no node is launched; add one',
    ]);
  });

  it('are warned of also when they keep nodes by default', () => {
    expect(checkText(LABEL.replace(', min-ready: 1', '')).warnings).toHaveLength(1);
  });

  it('are not warned of when there is one, or when none is wanted', () => {
    expect(checkText(`${LABEL}\ntargets: [{ name: zuul }]`).warnings).toEqual([]);
    expect(checkText(LABEL.replace('1', '0')).warnings).toEqual([]);
  });
});

describe('a target that is assigned nodes through Gearman', () => {
  const YAML = 'targets:\n  - name: zuul\n    assign-via-gearman: true\n';

  it('is warned of when there is no Gearman server', () => {
    expect(sentences(checkText(YAML).warnings)).toEqual([
      'FILE:3:5: targets[0].assign-via-gearman: there is no Gearman server, so the nodes of this target are never handed over, and no request gets them either; add one to gearman-servers, or remove this',
    ]);
  });

  it('is not warned of when there is one, when it is not assigned any, nor in a rehearsal', () => {
    expect(checkText(`${YAML}gearman-servers: [{ host: zuul }]`).warnings).toEqual([]);
    expect(checkText(YAML.replace('true', 'false')).warnings).toEqual([]);
    expect(checkText(YAML, { fake: true }).warnings).toEqual([]);
  });
});

describe('a target whose Jenkins nobody can log in to', () => {
  const target = (jenkins: string, more = ''): string =>
    `targets:\n  - { name: jenkins01, ${more}jenkins: { ${jenkins} } }\ngearman-servers: [{ host: zuul }]\n`;
  const SECTION = '[jenkins "jenkins01"]\nurl = http://jenkins\nuser = a\napikey = b\ncredentials = c\n';
  const warningsOf = (yaml: string, secure = ''): string[] => {
    const securePath = join(aDirectory({ 'secure.conf': secure }), 'secure.conf');
    return sentences(checkText(yaml, { securePath }).warnings).filter((text) => !text.includes('obsolete'));
  };

  it('is warned of, with what becomes of its nodes meanwhile', () => {
    expect(warningsOf(target('test-job: accept'))).toEqual([
      'FILE:2:24: targets[0].jenkins: has no url, no user, no apikey, so no Jenkins gets the nodes of this target: they are granted to requests, without test-job; add a section [jenkins "jenkins01"] with url, user and apikey to secure.conf',
    ]);
    expect(warningsOf(target("url: 'http://jenkins', user: a", 'assign-via-gearman: true, '))).toEqual([
      'FILE:2:50: targets[0].jenkins: has no apikey, so no Jenkins gets the nodes of this target: they are only offered through Gearman; add a section [jenkins "jenkins01"] with url, user and apikey to secure.conf',
    ]);
  });

  it('is not warned of when secure.conf has its section, nor in a rehearsal', () => {
    expect(warningsOf(target('test-job: accept'), SECTION)).toEqual([]);
    expect(checkText(target('test-job: accept'), { fake: true }).warnings).toEqual([]);
  });

  it('is not warned of when all that is needed stands in the obsolete place', () => {
    expect(warningsOf(target("url: 'http://jenkins', user: a, apikey: b, credentials-id: c"))).toEqual([]);
  });
});

describe('a Jenkins that is not told how to log in to nodes', () => {
  const target = (...more: string[]): string =>
    `targets:\n  - { name: ci, jenkins: { ${["url: 'https://ci'", 'user: a', 'apikey: b', ...more].join(', ')} } }`;

  it('is warned of', () => {
    expect(sentences(checkText(target()).warnings).filter((text) => text.includes('credentials'))).toEqual([
      'FILE:2:13: targets[0].name: its Jenkins is not told with which credentials to log in to nodes; give their id as credentials in secure.conf',
    ]);
  });

  it('is not warned of when it is told', () => {
    const { warnings } = checkText(target('credentials-id: login'));
    expect(sentences(warnings).filter((text) => text.includes('with which credentials'))).toEqual([]);
  });
});

describe('a rehearsal', () => {
  const YAML = `
dburi: mysql://nodepool:secret@localhost/nodepool
zmq-publishers: [tcp://jenkins:8888]
gearman-servers: [{ host: zuul }]
script-dir: /etc/nodepool/scripts
providers:
  - { name: real, max-servers: 7, cloud: real, rate: 0.5 }
  - { name: slow, max-servers: 7, fake: { boot-time: 3 } }
targets:
  - { name: jenkins01, assign-via-gearman: true, jenkins: { url: 'https://jenkins01', user: a, apikey: b } }
`;
  const rehearse = (): Config => good(checkText(YAML, { fake: true, securePath: '/nonexistent/secure.conf' }));

  it('runs every provider on the fake cloud, as it is set there', () => {
    const { providers } = rehearse();

    expect(providers.get('real')).toMatchObject({ driver: 'fake', maxServers: 7, rateMs: 500, fake: QUIET_FAKE });
    expect(providers.get('slow')).toMatchObject({ driver: 'fake', fake: { ...QUIET_FAKE, bootTimeMs: 3000 } });
  });

  it('leaves outside services and their secrets alone', () => {
    const rehearsal = rehearse();

    expect(rehearsal.zmqPublishers).toEqual([]);
    expect(rehearsal.gearmanServers).toEqual([]);
    expect(rehearsal.targets.get('jenkins01')).toMatchObject({ assignViaGearman: false, jenkins: null });
  });

  it('goes on without the scripts where their directory does not exist', () => {
    const { config, warnings } = loadConfig({
      ...BARE_SYSTEM,
      path: join(FIXTURES, 'production/openstack-infra-2015-06.yaml'),
      fake: true,
    });

    expect(config.scriptDir).toBeNull();
    expect(warnings.map(({ message }) => message)).toContain(
      'the directory /etc/nodepool/scripts does not exist; the rehearsal goes on without scripts',
    );
  });

  it('keeps disk images, and the logs of their builds, in a directory of its own', () => {
    const directory = /^\/home\/somebody\/\.local\/state\/nodepool\/rehearsal-[0-9a-f]{8}-images$/;
    const [first, second] = ['images-dir: /opt/images', 'build-log-dir: /var/log'].map((yaml) =>
      good(checkText(yaml, { fake: true })),
    );

    expect([first?.buildLogDir, second?.buildLogDir]).toEqual([null, null]);
    expect([first?.imagesDir, second?.imagesDir]).toEqual([
      expect.stringMatching(directory),
      expect.stringMatching(directory),
    ]);
    expect(first?.imagesDir).not.toBe(second?.imagesDir);
  });

  it('has a database of its own', () => {
    const own = loadConfig({ ...BARE_SYSTEM, path: join(FIXTURES, 'minimal.yaml') }).config.database;

    expect(rehearse().database).toEqual({
      kind: 'sqlite',
      file: expect.stringMatching(
        /^\/home\/somebody\/\.local\/state\/nodepool\/rehearsal-[0-9a-f]{8}\.sqlite$/,
      ) as unknown,
      isDefault: true,
    });
    expect(own).toMatchObject({
      kind: 'sqlite',
      file: expect.stringMatching(/\/minimal-[0-9a-f]{8}\.sqlite$/) as unknown,
    });
  });
});
