/** What the tests with the real qemu-img have in common. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { needPackage } from '../../support/debian-package.ts';
import { createWorkshop, standIn, type Workshop } from '../../unit/images/workshop.ts';

export const needQemuImg = (): Promise<void> => needPackage('qemu-utils', 'qemu-img', ['qemu-img']);

/** The stand-in that builds real images, and the real qemu-img. */
export const REAL_PROGRAMS = { builder: standIn('disk-image-create'), qemuImg: 'qemu-img' };

/** Lets the stand-in make real images. */
export const REAL = { FAKE_BUILDER_PLACEHOLDERS: '' };

/** What the real qemu-img says about a file, whose format it finds out itself. */
export function describeImage(path: string): Record<string, unknown> & { format: string } {
  const out = execFileSync('qemu-img', ['info', '--output=json', path], { encoding: 'utf8' });
  return JSON.parse(out) as Record<string, unknown> & { format: string };
}

/** Whether two image files show the same disk, zeros at its end aside. */
export function haveSameContent(a: { path: string; format: string }, b: { path: string; format: string }): boolean {
  const formats = ['-f', a.format, '-F', b.format];
  return spawnSync('qemu-img', ['compare', ...formats, a.path, b.path], { stdio: 'ignore' }).status === 0;
}

/** A workshop whose images directory is a file system of its own, of that size, for full and read-only disks. */
export function createSmallDisk(size: string): Workshop & { remount(options: string): void } {
  if (userInfo().uid !== 0) throw new Error('These tests mount a small file system: run them as root.');
  const outer = createWorkshop();
  const directory = join(outer.root, 'disk');
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'nodepool-test', directory]);
  const shop = createWorkshop({ programs: REAL_PROGRAMS }, { inDirectory: directory });
  return {
    ...shop,
    remount: (options) => void execFileSync('mount', ['-o', `remount,${options}`, directory]),
    remove: () => {
      execFileSync('umount', [directory]);
      shop.remove();
      outer.remove();
    },
  };
}
