/** What is on the disk beside running builds: reading it, removing it, sweeping it. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BuildName } from '../../../src/images/disk-images.ts';
import { MARKER } from '../../../src/images/images-directory.ts';
import { createWorkshop, forever, pidsOf, standIn, until, VERSION, type Workshop } from './workshop.ts';

const UBUNTU: BuildName = { image: 'ubuntu', version: VERSION };

let shop: Workshop;
beforeEach(() => {
  shop = createWorkshop();
});
afterEach(() => shop.remove());

function put(...names: string[]): void {
  for (const name of names) {
    const path = join(shop.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'content');
  }
}

describe('removal', () => {
  it('takes all files of the build, finished or not, and no others', async () => {
    const others = [
      'debian-1600000000.qcow2',
      'ubuntu-1600000000',
      'ubuntu-1600000000.5-17.raw',
      'ubuntu-16000000001.raw',
    ];
    put(...others, '.ubuntu-1600000001/build.json');
    put('ubuntu-1600000000.qcow2', 'ubuntu-1600000000.raw', 'ubuntu-1600000000.d/dib-manifests/one');
    put('.ubuntu-1600000000/ubuntu-1600000000.vhd', '.ubuntu-1600000000.removed/left');
    await shop.images.remove(UBUNTU);
    expect(shop.names()).toEqual(['.ubuntu-1600000001', ...others].sort());
    // What is gone is success.
    await shop.images.remove(UBUNTU);
  });

  it('takes files of the original under the names that it gave them', async () => {
    put('42.qcow2', '42.d/dib-manifests/one', '4.raw', 'ubuntu-1600000000.raw');
    await shop.images.remove(UBUNTU, ['ubuntu-1600000000', '42']);
    expect(shop.names()).toEqual(['4.raw']);
  });

  it('keeps the log', async () => {
    await shop.images.build(shop.order(), forever);
    await shop.images.remove(UBUNTU);
    expect(shop.names()).toEqual([]);
    expect(shop.log()).toContain('complete');
  });
});

describe('inspection', () => {
  it('finds nothing of a build that is not there, or not complete', async () => {
    put('.ubuntu-1600000000/ubuntu-1600000000.raw', 'ubuntu-1600000000.d/dib-manifests/one', 'ubuntu-160000000.raw');
    expect(await shop.images.inspect(UBUNTU, forever)).toEqual([]);
  });

  it('finds builds of the original under the names that it gave them, and takes them over', async () => {
    put('42.qcow2', '42.d/dib-manifests/one', '4.raw', 'ubuntu-1600000000.raw');
    for (const name of ['42.qcow2', 'ubuntu-1600000000.raw'])
      writeFileSync(join(shop.directory, name), `nodepool placeholder image\n${name.split('.')[1] ?? ''}\n4096\n`);
    const files = await shop.images.inspect(UBUNTU, forever, ['ubuntu-1600000000', '42']);
    expect(files.map(({ format }) => format).sort()).toEqual(['qcow2', 'raw']);
    expect(shop.names()).toEqual(['4.raw', 'ubuntu-1600000000.d', 'ubuntu-1600000000.qcow2', 'ubuntu-1600000000.raw']);
  });

  it('leaves out files that are no images, and says so', async () => {
    put('ubuntu-1600000000.tar', 'ubuntu-1600000000.qcow2');
    writeFileSync(join(shop.directory, 'ubuntu-1600000000.vhd'), 'nodepool placeholder image\nvpc\n4096\n');
    const files = await shop.images.inspect(UBUNTU, forever);
    expect(files).toMatchObject([
      { format: 'tar', bytes: 7, virtualBytes: null, md5: '9a0364b9e99bb480dd25e1f0284c8555' },
      { format: 'vhd', bytes: 36, virtualBytes: 4096 },
    ]);
    expect(shop.warnings).toEqual([
      {
        message: 'a file of a disk image cannot be used',
        error: expect.stringContaining('ubuntu-1600000000.qcow2 is not a usable qcow2 image') as string,
      },
    ]);
  });

  it('does not take a build for gone of which nothing can be read, as for want of a permission', async () => {
    put('ubuntu-1600000000.qcow2');
    await expect(shop.images.inspect(UBUNTU, forever)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringMatching(
        /^no file of build ubuntu-1600000000 can be used: .* not a usable qcow2/,
      ) as string,
      retryAfterMs: 600_000,
    });
    expect(shop.names()).toEqual(['ubuntu-1600000000.qcow2']);
  });

  it('needs qemu-img for formats that it knows', async () => {
    shop.remove();
    shop = createWorkshop({ programs: { builder: null, qemuImg: '/nowhere/qemu-img' } });
    put('ubuntu-1600000000.raw');
    await expect(shop.images.inspect(UBUNTU, forever)).rejects.toMatchObject({ code: 'config' });
  });

  it('can be abandoned', async () => {
    put('ubuntu-1600000000.tar');
    await expect(shop.images.inspect(UBUNTU, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('the file of an image', () => {
  it('is read from its beginning', async () => {
    put('ubuntu-1600000000.raw');
    for (const _ of [1, 2]) expect((await buffer(shop.images.open(UBUNTU, 'raw'))).toString()).toBe('content');
  });

  it('that is not there ends its stream with not-found', async () => {
    const message = `the image file ${shop.directory}/ubuntu-1600000000.raw cannot be read: no such file or directory`;
    await expect(buffer(shop.images.open(UBUNTU, 'raw'))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(message) as string,
    });
  });

  it('is not taken for gone when its directory is: none is configured, or the file system is not mounted', async () => {
    rmSync(join(shop.directory, MARKER));
    await expect(buffer(shop.images.open(UBUNTU, 'raw'))).rejects.toMatchObject({ code: 'unavailable' });
    shop.images.configure({ ...shop.settings, imagesDir: null });
    await expect(buffer(shop.images.open(UBUNTU, 'raw'))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

it('nothing can be built, read or removed without a directory', async () => {
  shop.images.configure({ ...shop.settings, imagesDir: null });
  const refusal = { code: 'config', message: shop.images.problem };
  await expect(shop.images.build(shop.order(), forever)).rejects.toMatchObject(refusal);
  await expect(shop.images.inspect(UBUNTU, forever)).rejects.toMatchObject(refusal);
  await expect(shop.images.remove(UBUNTU)).rejects.toMatchObject(refusal);
  await expect(shop.images.sweep(() => false)).rejects.toMatchObject(refusal);
  expect(() => shop.images.pathOf(UBUNTU)).toThrow(shop.images.problem ?? '');
});

describe('the sweep', () => {
  const nobody = (): boolean => false;
  const working = ({ image, version }: BuildName): void => {
    const name = `.${image.replaceAll('/', '_')}-${version}`;
    put(`${name}/half.qcow2`);
    writeFileSync(join(shop.directory, name, 'build.json'), JSON.stringify({ image, version }));
  };

  it('removes working directories of builds that nobody knows', async () => {
    working(UBUNTU);
    working({ image: 'debian', version: VERSION });
    await shop.images.sweep(({ image }) => image === 'debian');
    expect(shop.names()).toEqual([`.debian-${VERSION}`]);
  });

  it('knows builds by their true names', async () => {
    working({ image: 'a/b', version: VERSION });
    await shop.images.sweep(({ image }) => image === 'a/b');
    expect(shop.names()).toEqual([`.a_b-${VERSION}`]);
  });

  it('ends what runs in them', async () => {
    shop.remove();
    shop = createWorkshop({ programs: { builder: null, qemuImg: standIn('qemu-img') } });
    const dibCmd = shop.program('endless', '#!/bin/sh\nsleep 1000\n');
    const built = shop.images.build(shop.order({ dibCmd }), forever).catch((error: Error) => error.message);
    await until(() => pidsOf(`/bin/sh ${dibCmd}`).length > 0);
    await shop.images.sweep(nobody);
    expect(pidsOf(dibCmd)).toEqual([]);
    expect(await built).toContain('was removed while it was made');
    expect(shop.names()).toEqual([]);
  });

  it('leaves young ones alone: they may have been begun since it was asked which there are', async () => {
    const version = Math.floor(Date.now() / 1000) - 60;
    working({ image: 'ubuntu', version });
    await shop.images.sweep(nobody);
    expect(shop.names()).toEqual([`.ubuntu-${version}`]);
  });

  it('removes what a cut-off removal or beginning left', async () => {
    put(`.ubuntu-${VERSION}.removed/half.qcow2`);
    mkdirSync(join(shop.directory, `.debian-${VERSION}`));
    await shop.images.sweep(nobody);
    expect(shop.names()).toEqual([]);
  });

  it('never touches what is not ours', async () => {
    const foreign = [`.snapshot-${VERSION}/precious`, '.cache/file', `ubuntu-${VERSION}.qcow2`, `dir-${VERSION}/file`];
    put(...foreign, '.hidden-file-1600000000');
    const before = shop.names();
    await shop.images.sweep(nobody);
    expect(shop.names()).toEqual(before);
    expect(readdirSync(join(shop.directory, `.snapshot-${VERSION}`))).toEqual(['precious']);
    expect(shop.warnings).toEqual([]);
  });

  it('keeps the newest ten logs of each image, and those of known builds', async () => {
    const logs = join(shop.root, 'logs');
    mkdirSync(logs);
    const write = (name: string): void => writeFileSync(join(logs, name), '');
    for (let n = 0; n < 13; n += 1) {
      write(`ubuntu-${VERSION + n}.log`);
      write(`cloud-ubuntu-${VERSION + n}.log`);
    }
    const foreign = ['debug.log', 'daemon-20200101.log', 'ubuntu-1.log', `ubuntu-${VERSION}.log.gz`];
    foreign.forEach(write);
    await shop.images.sweep(({ image, version }) => image === 'ubuntu' && version === VERSION);
    const kept = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((n) => VERSION + n);
    const expected = [VERSION, ...kept].map((version) => `ubuntu-${version}.log`);
    const ofSnapshots = kept.map((version) => `cloud-ubuntu-${version}.log`);
    expect(readdirSync(logs).sort()).toEqual([...expected, ...ofSnapshots, ...foreign].sort());
  });
});
