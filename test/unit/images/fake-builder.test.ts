/** The stand-ins that rehearsals use on machines without the real programs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programPath } from '../../support/mariadb.ts';
import { standIn } from './workshop.ts';

let root: string;
let env: Record<string, string>;

/** With nothing in PATH but what every machine has. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nodepool-stand-in-'));
  for (const name of ['cat', 'dd', 'dirname', 'mkdir', 'mv', 'rm', 'sed', 'sleep', 'tail', 'tar', 'tr'])
    symlinkSync(programPath(name) ?? name, join(root, name));
  env = { PATH: root, DIB_RELEASE: '', DIB_IMAGE_NAME: 'ubuntu', DIB_IMAGE_FILENAME: join(root, 'u-1') };
});
afterEach(() => rmSync(root, { recursive: true }));

function run(program: string, ...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(standIn(program), args, { env, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr.replaceAll(root, '') };
}

const build = (formats: string) =>
  run(
    'disk-image-create',
    '-x',
    '-t',
    formats,
    '--no-tmpfs',
    '--qemu-img-options',
    'a=b',
    '-o',
    join(root, 'u-1'),
    'vm',
  );

describe('the stand-in of disk-image-create', () => {
  it('makes a file of each format and a manifest', () => {
    expect(build('qcow2,raw,vhd,vmdk,tar')).toMatchObject({ code: 0, err: '' });
    const made = readdirSync(root).filter((name) => name.startsWith('u-1'));
    expect(made.sort()).toEqual(['u-1.d', 'u-1.qcow2', 'u-1.raw', 'u-1.tar', 'u-1.vhd', 'u-1.vmdk']);
    expect(readFileSync(join(root, 'u-1.d', 'dib-manifests', 'dib_arguments'), 'utf8')).toBe(' vm\n');
  });

  it.each(['DIB_RELEASE', 'DIB_IMAGE_NAME', 'DIB_IMAGE_FILENAME'])('refuses without %s', (name) => {
    delete env[name];
    expect(build('qcow2')).toMatchObject({ code: 1, err: expect.stringContaining(name) as string });
  });

  it.each([
    ['an option', ['--offline'], 'unknown option --offline'],
    ['a format', ['-t', 'iso'], 'does not know the format iso'],
  ])('refuses %s that it does not know', (_what, args, message) => {
    const result = run('disk-image-create', '-o', join(root, 'u-1'), ...args);
    expect(result).toMatchObject({ code: 1, err: `fake disk-image-create: ${message}\n` });
  });
});

describe('the stand-in of qemu-img', () => {
  beforeEach(() => {
    env['FAKE_BUILDER_SIZE'] = '2G';
    build('qcow2');
  });
  const file = (format: string): string => join(root, `u-1.${format}`);

  it('converts, and tells what files are', () => {
    for (const [format, name] of [
      ['raw', 'raw'],
      ['vhd', 'vpc'],
      ['vmdk', 'vmdk'],
    ] as const) {
      expect(run('qemu-img', 'convert', '-f', 'qcow2', '-O', name, file('qcow2'), file(format)).code).toBe(0);
      const { out } = run('qemu-img', 'info', '--output=json', '-f', name, file(format));
      expect(JSON.parse(out)).toEqual({ 'virtual-size': 2 ** 31, filename: file(format), format: name });
    }
    expect(run('qemu-img', 'check', '-f', 'qcow2', file('qcow2')).code).toBe(0);
  });

  it('refuses what it is not, or what it does not know', () => {
    expect(run('qemu-img', 'info', '--output=json', '-f', 'vmdk', file('qcow2'))).toEqual({
      code: 1,
      out: '',
      err: "qemu-img: Could not open '/u-1.qcow2': Image is not in vmdk format\n",
    });
    expect(run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'iso', file('qcow2'), file('iso')).err).toBe(
      "qemu-img: Unknown file format 'iso'\n",
    );
    expect(run('qemu-img', 'info', join(root, 'none')).err).toContain('No such file');
    expect(run('qemu-img', 'info', import.meta.filename).err).toContain('install qemu-utils');
  });
});
