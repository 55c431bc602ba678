import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createWorkshop, forever, VERSION, type Workshop } from '../../unit/images/workshop.ts';
import { describeImage, haveSameContent, needQemuImg, REAL, REAL_PROGRAMS } from './real-images.ts';

const STEM = `ubuntu-${VERSION}`;
const MIB = 1024 * 1024;

let shop: Workshop;
beforeAll(needQemuImg);
beforeEach(() => {
  shop = createWorkshop({ programs: REAL_PROGRAMS });
});
afterEach(() => shop.remove());

const path = (format: string): string => join(shop.directory, `${STEM}.${format}`);

describe('the images of a build', () => {
  it.each([
    ['the builder program makes what it can', ['qcow2', 'raw', 'vhd', 'vmdk']],
    ['everything is converted from qcow2', ['vhd', 'vmdk', 'qcow2']],
    ['everything is converted from raw', ['vhd', 'vmdk', 'raw']],
    ['the source is not among them', ['vhd', 'vmdk']],
  ])('have the formats that their names say and the same content when %s', async (_how, formats) => {
    const files = await shop.images.build(shop.order({ formats, envVars: REAL }), forever);
    const disks = files.map(({ format, bytes, allocatedBytes, virtualBytes }) => {
      const { format: found, 'virtual-size': size } = describeImage(path(format));
      const { size: onDisk, blocks } = statSync(path(format));
      expect([bytes, allocatedBytes, virtualBytes]).toEqual([onDisk, blocks * 512, size]);
      return { path: path(format), format: found };
    });
    const names: Record<string, string> = { vhd: 'vpc' };
    expect(disks.map(({ format }) => format)).toEqual(formats.map((format) => names[format] ?? format));
    const [first, ...others] = disks;
    expect(others.filter((disk) => !haveSameContent(first ?? disk, disk))).toEqual([]);
    expect(shop.names()).toEqual([`${STEM}.d`, ...formats.map((format) => `${STEM}.${format}`)].sort());
    expect(await shop.images.inspect(shop.order(), forever)).toEqual(expect.arrayContaining([...files]));
  });

  it('hold what the builder program put into them', async () => {
    await shop.images.build(shop.order({ formats: ['raw'], envVars: REAL }), forever);
    const content = readFileSync(path('raw'));
    expect(content.subarray(4096, 4096 + 29).toString()).toBe('image ubuntu, release trusty\n');
    expect(content.length).toBe(64 * MIB);
  });

  it('are sparse, and their sizes say so', async () => {
    const envVars = { ...REAL, FAKE_BUILDER_SIZE: '128M' };
    const [raw, vhd] = await shop.images.build(shop.order({ formats: ['raw', 'vhd'], envVars }), forever);
    expect(raw).toMatchObject({ bytes: 128 * MIB, virtualBytes: 128 * MIB });
    expect(raw?.allocatedBytes).toBeLessThan(MIB);
    expect(vhd?.bytes).toBeLessThan(4 * MIB);
    // VHD counts in cylinders: the disk may be a little larger, and never smaller.
    expect(vhd?.virtualBytes).toBeGreaterThanOrEqual(128 * MIB);
    expect(vhd?.virtualBytes).toBeLessThan(129 * MIB);
  });

  it.each([
    ['compat=0.10', '0.10'],
    ['compat=1.1', '1.1'],
  ])('have the compatibility level of qemu-img-options: %s', async (qemuImgOptions, compat) => {
    const expected = { 'format-specific': { data: { compat } } };
    const order = (dibCmd: string) => shop.order({ formats: ['qcow2'], qemuImgOptions, dibCmd, envVars: REAL });
    await shop.images.build(order(''), forever);
    expect(describeImage(path('qcow2'))).toMatchObject(expected);
    // Also when the builder program made none of its own.
    shop.remove();
    shop = createWorkshop({ programs: { builder: null, qemuImg: 'qemu-img' } });
    const raw = shop.program('builder', '#!/bin/sh\nqemu-img create -q -f raw "$DIB_IMAGE_FILENAME.raw" 1M\n');
    await shop.images.build({ ...order(raw), config: { ...order(raw).config, formats: ['qcow2', 'raw'] } }, forever);
    expect(describeImage(path('qcow2'))).toMatchObject(expected);
  });
});
