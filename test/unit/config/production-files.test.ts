import { describe, expect, it } from 'vitest';
import { checkFixture, good, sentences } from './files.ts';

describe('the production configuration of June 2015', () => {
  const { problems, warnings, config } = checkFixture('production/openstack-infra-2015-06.yaml');

  it('loads unchanged; only its secrets are in an obsolete place', () => {
    expect(sentences(problems)).toEqual([]);
    expect(warnings.map(({ path }) => path)).toEqual([
      'dburi',
      'targets[0].jenkins.url',
      'targets[0].jenkins.user',
      'targets[0].jenkins.apikey',
      'targets[0].jenkins.credentials-id',
    ]);
  });

  it('means what it meant', () => {
    expect(config).toMatchObject({
      scriptDir: '/etc/nodepool/scripts',
      database: {
        kind: 'mysql',
        host: 'localhost',
        port: 3306,
        user: 'nodepool',
        password: 'secret',
        database: 'nodepool',
      },
      cron: { imageUpdate: '14 14 * * *', cleanup: '*/1 * * * *', check: '*/15 * * * *' },
      gearmanServers: [{ host: 'zuul.openstack.org', port: 4730 }],
    });
    expect(config?.labels.size).toBe(19);
    expect(config?.providers.size).toBe(10);
    expect(config?.targets.get('jenkins07')?.jenkins?.url).toBe('https://jenkins07.openstack.org/');
    expect(config?.providers.get('rax-dfw')).toMatchObject({ maxServers: 184, bootTimeoutMs: 120_000, rateMs: 1 });
    expect([...(config?.diskimages.values() ?? [])].map(({ name, formats }) => [name, formats.join(' ')])).toEqual([
      ['centos-6', 'qcow2'],
      ['ubuntu-trusty', 'qcow2 vhd'],
      ['devstack-trusty', 'qcow2'],
      ['devstack-precise', 'qcow2'],
      ['devstack-centos7-dib', 'qcow2'],
      ['devstack-fedora21-dib', 'qcow2'],
    ]);
  });
});

describe('the production configuration of May 2016', () => {
  const check = checkFixture('production/openstack-infra-2016-05.yaml');

  it('loads unchanged', () => {
    expect(sentences([...check.problems, ...check.warnings])).toEqual([]);
  });

  it('means what it meant', () => {
    const config = good(check);

    expect(config.labels.size).toBe(10);
    expect(config.providers.size).toBe(10);
    expect(config.diskimages.get('fedora-23')?.release).toBe('23');
    expect(config.diskimages.size).toBe(6);
    for (const { formats } of config.diskimages.values()) expect(formats).toEqual(['qcow2', 'vhd']);
    expect([...config.targets.values()].filter(({ assignViaGearman }) => assignViaGearman)).toHaveLength(1);
    expect(config.providers.get('rax-dfw')?.images.get('ubuntu-trusty')).toMatchObject({
      nameFilter: 'Performance',
      configDrive: true,
      meta: { vm_mode: 'hvm', xenapi_use_agent: 'false' },
      source: { kind: 'diskimage', diskimage: 'ubuntu-trusty' },
    });
  });
});
