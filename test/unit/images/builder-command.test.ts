import { describe, expect, it } from 'vitest';
import { builderArguments, builderEnvironment } from '../../../src/images/builder-command.ts';
import type { BuildOrder } from '../../../src/images/disk-images.ts';
import { aDiskimageConfig } from '../../support/builders.ts';

const output = '/srv/images/.ubuntu-1600000000/ubuntu-1600000000';
const anOrder = (overrides: Partial<BuildOrder> = {}): BuildOrder => ({
  image: 'ubuntu',
  version: 1_600_000_000,
  config: aDiskimageConfig(),
  elementsDir: null,
  scriptDir: null,
  previousBytes: null,
  ...overrides,
});

describe('the command line of the builder program', () => {
  it('is that of the original', () => {
    expect(builderArguments(anOrder(), { asked: ['qcow2', 'raw'], output })).toEqual(
      ['-x', '-t', 'qcow2,raw', '--no-tmpfs', '--qemu-img-options', 'compat=0.10', '-o', output].concat([
        'ubuntu-minimal',
        'vm',
      ]),
    );
  });

  it('has options for qcow2 only when that is asked for', () => {
    const args = builderArguments(anOrder(), { asked: ['raw'], output });
    expect(args).toEqual(['-x', '-t', 'raw', '--no-tmpfs', '-o', output, 'ubuntu-minimal', 'vm']);
  });

  it('takes an entry with blanks as several elements', () => {
    const config = aDiskimageConfig({ elements: ['vm ubuntu ', 'base'], qemuImgOptions: '' });
    const args = builderArguments(anOrder({ config }), { asked: ['qcow2'], output });
    expect(args).toEqual(['-x', '-t', 'qcow2', '--no-tmpfs', '-o', output, 'vm', 'ubuntu', 'base']);
  });
});

describe('the environment of the builder program', () => {
  const env = { PATH: '/usr/bin', DIB_RELEASE: 'of the daemon', HTTP_PROXY: 'http://proxy' };

  it('is that of the daemon and what the original added', () => {
    const order = anOrder({ elementsDir: '/etc/nodepool/elements', scriptDir: '/etc/nodepool/scripts' });
    expect(builderEnvironment(order, { env, output })).toEqual({
      PATH: '/usr/bin',
      HTTP_PROXY: 'http://proxy',
      DIB_RELEASE: 'trusty',
      DIB_IMAGE_NAME: 'ubuntu',
      DIB_IMAGE_FILENAME: output,
      ELEMENTS_PATH: '/etc/nodepool/elements',
      NODEPOOL_SCRIPTDIR: '/etc/nodepool/scripts',
    });
  });

  it('has nothing about directories that are not configured', () => {
    const names = Object.keys(builderEnvironment(anOrder(), { env: {}, output }));
    expect(names).toEqual(['DIB_RELEASE', 'DIB_IMAGE_NAME', 'DIB_IMAGE_FILENAME']);
  });

  it('is overridden by env-vars', () => {
    const config = aDiskimageConfig({ envVars: { DIB_RELEASE: 'xenial', PATH: '/opt/bin', TMPDIR: '/big' } });
    const built = builderEnvironment(anOrder({ config }), { env, output });
    expect(built).toMatchObject({ DIB_RELEASE: 'xenial', PATH: '/opt/bin', TMPDIR: '/big', DIB_IMAGE_NAME: 'ubuntu' });
  });

  it('lacks what unlocks the SSH keys of the daemon', () => {
    const built = builderEnvironment(anOrder(), { env: { NODEPOOL_SSH_PASSPHRASE: 'secret' }, output });
    expect(JSON.stringify(built)).not.toContain('secret');
  });
});
