/** Every way in which a build can fail, with the real qemu-img and real full disks. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DiskimageConfig } from '../../../src/config/types.ts';
import { freeBytesOf } from '../../../src/images/free-space.ts';
import { createWorkshop, forever, until, VERSION, type Workshop } from '../../unit/images/workshop.ts';
import { createSmallDisk, needQemuImg, REAL, REAL_PROGRAMS } from './real-images.ts';

const STEM = `ubuntu-${VERSION}`;

beforeAll(needQemuImg);

/** The error of a build, of which nothing but the log may be left. */
async function failure(shop: Workshop, ...order: Parameters<Workshop['order']>) {
  const error = await shop.images.build(shop.order(...order), forever).then(
    () => expect.fail('it was built'),
    (reason: Error & { code: string }) => reason,
  );
  expect(shop.names()).toEqual([]);
  return { code: error.code, message: error.message.replaceAll(shop.root, '') };
}

describe('a build fails', () => {
  let shop: Workshop;
  beforeEach(() => {
    shop = createWorkshop({ programs: REAL_PROGRAMS });
  });
  afterEach(() => shop.remove());
  const LOG = `its log is /logs/${STEM}.log`;

  /** Of a build by a program of this text. */
  async function failureOf(text: string, config: Partial<DiskimageConfig> = {}) {
    shop.remove();
    shop = createWorkshop({ programs: { builder: null, qemuImg: 'qemu-img' } });
    return failure(shop, { ...config, dibCmd: shop.program('builder', `#!/bin/sh\n${text}\n`) });
  }

  it.each([
    [{ FAKE_BUILDER_EXIT: '1' }, 'disk-image-create (disk image ubuntu) ended with exit code 1'],
    [{ FAKE_BUILDER_KILL: 'SEGV' }, 'disk-image-create (disk image ubuntu) was killed by SIGSEGV'],
    [{ FAKE_BUILDER_EMPTY_OUTPUT: '1' }, `${STEM}.qcow2 is empty`],
  ])('on a program that does this: %j', async (what, message) => {
    const expected = { code: 'command-failed', message: `${message}; ${LOG}` };
    expect(await failure(shop, { envVars: { ...REAL, ...what } })).toEqual(expected);
  });

  it.each([
    ['qcow2', 'qemu-img says: qemu-img: Could not open', 'Image is not in qcow2 format'],
    ['raw', 'it is qcow2', ''],
  ])('on output that is no %s', async (format, ...parts) => {
    const envVars = { ...REAL, FAKE_BUILDER_WRONG_OUTPUT: '1' };
    const { code, message } = await failure(shop, { formats: [format], envVars });
    expect(code).toBe('command-failed');
    for (const part of [`${STEM}.${format} is not a usable ${format} image: `, ...parts])
      expect(message).toContain(part);
  });

  it('on a qcow2 of which the end is missing', async () => {
    const text =
      'qemu-img create -q -f qcow2 "$DIB_IMAGE_FILENAME.new" 16M && ' +
      'head -c 70000 "$DIB_IMAGE_FILENAME.new" >"$DIB_IMAGE_FILENAME.qcow2"';
    const { code, message } = await failureOf(text);
    expect(code).toBe('command-failed');
    expect(message).toContain(`${STEM}.qcow2 is not a usable qcow2 image: qemu-img check says: `);
  });

  it('on a vhd of which the end is missing', async () => {
    const text =
      'qemu-img create -q -f raw "$DIB_IMAGE_FILENAME.raw" 16M && ' +
      'qemu-img convert -f raw -O vpc "$DIB_IMAGE_FILENAME.raw" "$DIB_IMAGE_FILENAME.new" && ' +
      'head -c 1000 "$DIB_IMAGE_FILENAME.new" >"$DIB_IMAGE_FILENAME.vhd"';
    const { message } = await failureOf(text, { formats: ['raw', 'vhd'] });
    expect(message).toContain(`${STEM}.vhd is not a usable vhd image: qemu-img says: `);
    expect(message).toContain('truncated');
  });

  it('on a qcow2 that needs another file', async () => {
    const text =
      'cd "$(dirname "$DIB_IMAGE_FILENAME")" && qemu-img create -q -f raw base 1M && ' +
      'qemu-img create -q -f qcow2 -b base -F raw "$DIB_IMAGE_FILENAME.qcow2"';
    expect(await failureOf(text)).toMatchObject({
      message: `${STEM}.qcow2 is not a usable qcow2 image: it needs another file, base, to be complete; ${LOG}`,
    });
  });

  it('on a conversion that fails', async () => {
    const order = { formats: ['raw', 'qcow2'], qemuImgOptions: 'no_such_option=1' };
    const text = 'qemu-img create -q -f raw "$DIB_IMAGE_FILENAME.raw" 1M';
    expect(await failureOf(text, order)).toEqual({
      code: 'command-failed',
      message: `qemu-img (disk image ubuntu, raw to qcow2) ended with exit code 1; ${LOG}`,
    });
    expect(shop.log()).toContain("Invalid parameter 'no_such_option'");
  });

  it('on a conversion that is abandoned', async () => {
    shop.remove();
    const stop = new AbortController();
    shop = createWorkshop();
    const text = '#!/bin/sh\n[ "$1" = convert ] && touch "$0.converts" && exec sleep 1000\nexec qemu-img "$@"\n';
    const qemuImg = shop.program('slow-qemu-img', text);
    const other = createWorkshop({ programs: { ...REAL_PROGRAMS, qemuImg } });
    const built = other.images.build(other.order({ formats: ['vmdk'], envVars: REAL }), stop.signal);
    const error = built.then(
      () => expect.fail('it was built'),
      (reason: Error & { code: string }) => reason.code,
    );
    await until(() => existsSync(`${qemuImg}.converts`));
    stop.abort();
    expect(await error).toBe('aborted');
    // No file has its name; what there is goes with the removal.
    expect(other.names()).toEqual([`.ubuntu-${VERSION}`]);
    await other.images.remove(other.order());
    expect(other.names()).toEqual([]);
    other.remove();
  });
});

describe('a disk', () => {
  let disk: ReturnType<typeof createSmallDisk>;
  beforeEach(() => {
    disk = createSmallDisk('8m');
  });
  afterEach(() => disk.remove());

  /** The first look at the space, for a build like one of a megabyte before it, is passed. */
  const small = { previousBytes: 1024 * 1024 };
  const LOG = `its log is /logs/${STEM}.log`;

  it('that is too small is not begun to be filled', async () => {
    const shop = createWorkshop({ programs: REAL_PROGRAMS, freeBytes: freeBytesOf }, { inDirectory: disk.directory });
    const { code, message } = await failure(shop, { envVars: REAL });
    expect(code).toBe('no-space');
    expect(message).toMatch(/^[78] MiB are free in \S+ and a build of ubuntu needs 1024 MiB: /);
    shop.remove();
  });

  it('that the program fills fails the build, and is as empty as before', async () => {
    const before = await freeBytesOf(disk.directory);
    expect(await failure(disk, { envVars: { ...REAL, FAKE_BUILDER_FILL: '1' } }, small)).toEqual({
      code: 'no-space',
      message: `disk-image-create (disk image ubuntu) ended with exit code 1 because the disk is full: make room; ${LOG}`,
    });
    expect(await freeBytesOf(disk.directory)).toBe(before);
  });

  it('that has the log on it too says the same', async () => {
    disk.images.configure({ ...disk.settings, logDirectory: join(disk.directory, 'logs') });
    const { code } = await failure(disk, { envVars: { ...REAL, FAKE_BUILDER_FILL: '1' } }, small);
    expect(code).toBe('no-space');
    expect(readdirSync(join(disk.directory, 'logs'))).toEqual([`${STEM}.log`]);
  });

  it('that a conversion fills fails the build', async () => {
    const programs = { builder: null, qemuImg: 'qemu-img' };
    const shop = createWorkshop({ programs }, { inDirectory: disk.directory });
    const dibCmd = shop.program('builder', '#!/bin/sh\nhead -c 5M /dev/urandom >"$DIB_IMAGE_FILENAME.raw"\n');
    expect(await failure(shop, { dibCmd, formats: ['raw', 'vmdk'] }, small)).toEqual({
      code: 'no-space',
      message: `qemu-img (disk image ubuntu, raw to vmdk) ended with exit code 1 because the disk is full: make room; ${LOG}`,
    });
    expect(shop.log()).toContain('No space left on device');
    shop.remove();
  });

  it('that is read-only is no place for images', async () => {
    disk.remount('ro');
    const message = expect.stringContaining('read-only file system') as string;
    await expect(disk.images.build(disk.order({}, small), forever)).rejects.toMatchObject({ code: 'config', message });
    await expect(disk.images.remove(disk.order())).rejects.toMatchObject({ code: 'config', message });
    expect(disk.successor().problem?.replaceAll(disk.directory, 'DIRECTORY')).toBe(
      "the images directory DIRECTORY cannot be used (read-only file system, access 'DIRECTORY'): " +
        'correct that, or set images-dir to another one',
    );
  });
});
