import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRateMeter } from '../../../src/cli/upload-rate.ts';
import { aConfig, aLabel, anImageFile, aProvider, aProviderImage, imagesNamed } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const GIB = 1024 ** 3;
const trusty = aProviderImage({ name: 'trusty', source: { kind: 'diskimage', diskimage: 'dib-trusty' } });
const centos = aProviderImage({ name: 'centos', source: { kind: 'diskimage', diskimage: 'dib-centos' } });
const paused = { ...trusty, pause: true };
const config = aConfig({
  providers: [
    aProvider({ name: 'cloud', images: new Map([['trusty', trusty], ...imagesNamed('ubuntu')]) }),
    aProvider({ name: 'rax', images: new Map([['trusty', trusty]]) }),
    aProvider({ name: 'hp', images: new Map([['trusty', paused]]) }),
    aProvider({
      name: 'spare',
      images: new Map([
        ['trusty', trusty],
        ['centos', centos],
      ]),
    }),
  ],
  labels: [aLabel({ image: 'trusty', providers: ['cloud', 'rax', 'hp'] })],
});

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool({ config });
  await pool.startDaemon();
});
afterEach(() => pool.close());

/** Sleeps of a command that waits in vain for more than a second. */
const IDLE = Array.from({ length: 4 }, () => () => undefined);

function sent(id: number, progressBytes: number): Promise<boolean> {
  return pool.store.patch('image', id, {}, { progressBytes });
}

function ready(id: number): Promise<boolean> {
  return pool.store.moveImage({ id, from: 'building', to: 'ready', by: 'launch', patch: { progressBytes: null } });
}

/** Runs a command, with one step of the rest of the world at each of its sleeps. All are taken. */
async function run(args: readonly string[], steps: (() => unknown)[], options = {}) {
  const left = [...steps];
  const result = await pool.run(args, { ...options, onSleep: () => left.shift()?.() });
  expect(left).toEqual([]);
  return result;
}

describe('image-upload', () => {
  it.each([
    [['trusty'], { provider: 'all', image: 'trusty' }],
    [['all', 'trusty'], { provider: 'all', image: 'trusty' }],
    [['rax', 'trusty'], { provider: 'rax', image: 'trusty' }],
    [['spare', 'centos'], { provider: 'spare', image: 'centos' }],
  ])('%j asks the daemon for an upload, whether a label uses it or not', async (args, wanted) => {
    const build = await pool.diskImage();
    const asked: unknown[] = [];
    const { code, stdout } = await run(
      ['image-upload', ...args],
      [
        () =>
          pool.answer(async (request) => {
            asked.push(request);
            return {
              uploads: [{ provider: 'rax', id: await pool.image({ ...wanted, provider: 'rax', diskImageId: build }) }],
            };
          }),
      ],
    );
    expect([code, stdout]).toEqual([0, `Image 1, ${wanted.image} at rax, is being uploaded.\n`]);
    expect(asked).toEqual([wanted]);
  });

  it('with --wait tells every ten percent into a file, and ends when all are ready', async () => {
    const build = await pool.diskImage({ files: [anImageFile({ bytes: 4 * GIB })] });
    const begin = async (provider: string) => ({
      provider,
      id: await pool.image({ provider, image: 'trusty', diskImageId: build }),
    });
    const percents = [0.1, 0.7, 1.3, 1.9, 2, 3.5].map((share) => () => sent(1, share * GIB));
    const { code, stdout, stderr } = await run(
      ['image-upload', 'trusty', '--wait'],
      [
        () => pool.answer(async () => ({ uploads: [await begin('cloud'), await begin('rax')] })),
        ...IDLE,
        () => sent(2, 0.1 * GIB),
        ...percents,
        () => ready(1),
        () => ready(2),
      ],
    );
    expect([code, stdout]).toEqual([
      0,
      'Image 1, trusty at cloud, is being uploaded.\nImage 2, trusty at rax, is being uploaded.\n' +
        'Image 1, trusty at cloud, is ready.\nImage 2, trusty at rax, is ready.\n',
    ]);
    expect(stderr.split('\n')).toEqual([
      'waiting for the upload to 2 providers to begin',
      'uploading to 2 providers: 0 %, 0 of 2 ready',
      'uploading to 2 providers: 10 %, 0 of 2 ready',
      'uploading to 2 providers: 20 %, 0 of 2 ready',
      'uploading to 2 providers: 40 %, 0 of 2 ready',
      'uploading to 2 providers: 50 %, 1 of 2 ready',
      '',
    ]);
  });

  it('with --wait shows bytes, rate and time left on a terminal', async () => {
    const build = await pool.diskImage({ files: [anImageFile({ bytes: 4 * GIB })] });
    const id = await pool.image({ provider: 'rax', image: 'trusty', diskImageId: build });
    const { stderr } = await run(
      ['image-upload', 'rax', 'trusty', '--wait'],
      [
        () => pool.answer(() => ({ uploads: [{ provider: 'rax', id: null }] })),
        () => sent(id, 0),
        ...IDLE,
        () => sent(id, GIB),
        () => ready(id),
      ],
      { isTerminal: true },
    );
    const shown = stderr.split('\r\u001b[K');
    expect(shown).toContain('uploading to rax: 0 B of 4.0 GiB (0 %) (1 s)');
    // A GiB in five looks of a quarter of a second each.
    expect(shown).toContain('uploading to rax: 1.0 GiB of 4.0 GiB (25 %), 819 MiB/s, 00:00:00:04 left (1 s)');
  });

  it('with --wait fails when an upload fails, and says why', async () => {
    const build = await pool.diskImage();
    const event = { kind: 'build-failed', reason: 'upload-failed', detail: 'the cloud has 1 bytes of 2' };
    const { code, stdout, stderr } = await run(
      ['image-upload', 'rax', 'trusty', '--wait'],
      [
        () =>
          pool.answer(async () => {
            const id = await pool.image({ provider: 'rax', image: 'trusty', diskImageId: build });
            return { uploads: [{ provider: 'rax', id }] };
          }),
        () => pool.store.moveImage({ id: 1, from: 'building', to: 'delete', by: 'cleanup', event }),
      ],
    );
    expect([code, stdout]).toEqual([1, 'Image 1, trusty at rax, is being uploaded.\n']);
    expect(stderr).toBe(
      'nodepool: the upload of trusty to rax, image 1, failed: the cloud did not take the image (the cloud has 1 bytes of 2)\n',
    );
  });

  it.each([
    [['rax', 'trsty'], 'provider rax has no image trsty (did you mean trusty?)'],
    [['dib-trusty'], 'no provider has an image dib-trusty (it is a disk image, of which trusty is made)'],
    [['nowhere', 'trusty'], 'there is no provider nowhere (there are: cloud, rax, hp, spare)'],
    [
      ['ubuntu'],
      'image ubuntu at cloud is a snapshot, there is nothing to upload; "nodepool image-update all ubuntu" makes it anew',
    ],
  ])('%j is refused', async (args, sentence) => {
    expect(await pool.run(['image-upload', ...args])).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: ${sentence}\n`,
    });
    expect((await pool.store.readPool()).intents).toEqual([]);
  });

  it('names its arguments as the original does', async () => {
    expect((await pool.run(['image-upload', '--help'])).stdout).toMatch(
      /^Usage: nodepool image-upload \[options\] \[provider\] <image>\n/,
    );
    expect((await pool.run(['--help'])).stdout).toContain('  image-upload [options] [provider] <image> ');
  });
});

describe('image-update of a disk image', () => {
  const answer = () =>
    pool.answer(async () => {
      return { images: [], builds: [{ image: 'dib-trusty', id: await pool.diskImage({ files: null }) }] };
    });
  const built = () =>
    pool.store.moveDiskImage({
      id: 1,
      from: 'building',
      to: 'ready',
      by: 'launch',
      patch: { files: [anImageFile({ bytes: 100 })] },
    });
  const opened = (provider: string) => () => pool.image({ provider, image: 'trusty', diskImageId: 1 });

  it('tells what is being built', async () => {
    const { code, stdout } = await run(['image-update', 'all', 'trusty'], [answer]);
    expect([code, stdout]).toEqual([0, 'Disk image 1, dib-trusty, is being built.\n']);
  });

  it('with --wait waits for the build and then for its uploads, where there will be some', async () => {
    // Of an earlier build: not what is waited for.
    await pool.image({ provider: 'rax', image: 'trusty' });
    await ready(1);
    const { code, stdout, stderr } = await run(
      ['image-update', 'all', 'trusty', '--wait'],
      [answer, built, opened('cloud'), () => ready(2), opened('rax'), () => ready(3)],
    );
    expect([code, stdout]).toEqual([
      0,
      'Disk image 1, dib-trusty, is being built.\nDisk image 1, dib-trusty, is ready.\n' +
        'Image 2, trusty at cloud, is ready.\nImage 3, trusty at rax, is ready.\n',
    ]);
    expect(stderr.split('\n').filter((line) => line.startsWith('nodepool: '))).toEqual([
      'nodepool: trusty is not uploaded to hp: it is paused in the configuration',
      'nodepool: trusty is not uploaded to spare: no label in force uses it there; "nodepool image-upload spare trusty" uploads it',
    ]);
  });

  it('with --wait waits for the provider alone that was asked for, and not for one that an operator has paused', async () => {
    const { code } = await run(
      ['image-update', 'rax', 'trusty', '--wait'],
      [answer, built, opened('rax'), () => ready(1)],
    );
    expect(code).toBe(0);
    await pool.store.pauses.set({ image: 'trusty', provider: 'rax', reason: 'full' });
    const { stderr } = await run(
      ['image-update', 'rax', 'trusty', '--wait'],
      [() => pool.answer(() => ({ images: [], builds: [{ image: 'dib-trusty', id: 1 }] }))],
    );
    expect(stderr).toMatch(/^nodepool: trusty is not uploaded to rax: it is paused since 2026-\S+: full\n$/);
  });

  it('with --wait fails when the build fails, when an upload does, and when the build goes before it is uploaded', async () => {
    const args = ['image-update', 'cloud', 'trusty', '--wait'];
    const failed = { kind: 'build-failed', reason: 'build-failed', detail: 'no space' };
    const notBuilt = await run(args, [
      answer,
      () => pool.store.moveDiskImage({ id: 1, from: 'building', to: 'delete', by: 'launch', event: failed }),
    ]);
    expect([notBuilt.code, notBuilt.stderr]).toEqual([
      1,
      'nodepool: the build of disk image dib-trusty, build 1, failed: the disk image could not be built (no space)\n',
    ]);
    const build = await pool.diskImage();
    const isBuilt = () => pool.answer(() => ({ images: [], builds: [{ image: 'dib-trusty', id: build }] }));
    const refused = { kind: 'build-failed', reason: 'upload-failed', detail: 'quota' };
    const notUploaded = await run(args, [
      isBuilt,
      () => pool.image({ image: 'trusty', diskImageId: build }),
      () => pool.store.moveImage({ id: 1, from: 'building', to: 'delete', by: 'cleanup', event: refused }),
    ]);
    expect([notUploaded.code, notUploaded.stderr]).toEqual([
      1,
      'nodepool: the upload of trusty to cloud, image 1, failed: the cloud did not take the image (quota)\n',
    ]);
    await pool.store.removeImage(1, { kind: 'removed', reason: 'gone' });
    const gone = await run(args, [isBuilt, () => pool.run(['dib-image-delete', String(build)])]);
    expect([gone.code, gone.stderr]).toEqual([
      1,
      'nodepool: the upload of trusty to cloud has not begun, and its build, disk image 2, is gone: an operator asked for it\n',
    ]);
  });
});

describe('the rate of an upload', () => {
  it('is that of the last half minute, and not known before something has come', () => {
    const meter = createRateMeter();
    expect([meter.note(0, 0), meter.note(1000, 0), meter.note(2000, 4000)]).toEqual([null, null, 2000]);
    for (let second = 3; second <= 60; second += 1) meter.note(second * 1000, 4000 + (second - 2) * 100);
    expect(meter.note(61_000, 4000 + 59 * 100)).toBe(100);
  });

  it('begins anew when the upload does', () => {
    const meter = createRateMeter();
    meter.note(0, 0);
    meter.note(1000, 9000);
    expect([meter.note(2000, 100), meter.note(3000, 300)]).toEqual([null, 200]);
  });
});
