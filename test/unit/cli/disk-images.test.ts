import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aConfig, anImageFile, aProvider, aProviderImage, imagesNamed } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const trusty = aProviderImage({ name: 'trusty', source: { kind: 'diskimage', diskimage: 'dib-trusty' } });
const config = aConfig({
  providers: [
    aProvider({ name: 'cloud', images: new Map([...imagesNamed('ubuntu'), ['trusty', trusty]]) }),
    aProvider({ name: 'rax', images: new Map([...imagesNamed('ubuntu')]) }),
  ],
  labels: [],
});

let stateDir: string;
let pool: CliPool;

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'nodepool-cli-'));
  pool = await openCliPool({ config, stateDir });
});
afterEach(async () => {
  await pool.close();
  rmSync(stateDir, { recursive: true });
});

/** Sleeps of a command that waits in vain for more than a second. */
const IDLE = Array.from({ length: 4 }, () => () => undefined);

async function diskImage(id: number) {
  return (await pool.store.readPool()).diskImages.find((candidate) => candidate.id === id) ?? null;
}

/** The daemon starts the program. */
async function begin(id: number): Promise<void> {
  const patch = { startedAt: Date.UTC(2026, 0, 15, 12), host: 'builder1' };
  await pool.store.patch('disk-image', id, { state: 'building' }, patch);
}

function finish(id: number): Promise<boolean> {
  return pool.store.moveDiskImage({
    id,
    from: 'building',
    to: 'ready',
    by: 'launch',
    patch: { files: [anImageFile()] },
  });
}

describe('image-build', () => {
  it('asks the daemon, also for a disk image that no label uses', async () => {
    await pool.startDaemon();
    const asked: unknown[] = [];
    const { code, stdout } = await pool.run(['image-build', 'dib-trusty'], {
      onSleep: () =>
        pool.answer(async (args) => {
          asked.push(args);
          return { id: await pool.diskImage({ files: null }), isNew: true };
        }),
    });
    expect([code, stdout]).toEqual([0, 'Disk image 1, dib-trusty, is being built.\n']);
    expect(asked).toEqual([{ image: 'dib-trusty' }]);
  });

  it('says when a build is under way already', async () => {
    await pool.startDaemon();
    const id = await pool.diskImage({ files: null });
    const { stdout } = await pool.run(['image-build', 'dib-trusty'], {
      onSleep: () => pool.answer(() => ({ id, isNew: false })),
    });
    expect(stdout).toBe('Disk image 1, dib-trusty, is being built already.\n');
  });

  it('hands on what the daemon says against it', async () => {
    await pool.startDaemon();
    const onSleep = () => pool.answer(() => 'the daemon runs with --no-images');
    expect(await pool.run(['image-build', 'dib-trusty'], { onSleep })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: the daemon runs with --no-images\n',
    });
  });

  it('with --wait ends when it is ready, and tells little on the way into a file', async () => {
    await pool.startDaemon();
    const steps = [
      () => pool.answer(async () => ({ id: await pool.diskImage({ files: null }), isNew: true })),
      ...IDLE,
      () => begin(1),
      ...IDLE,
      () => finish(1),
    ];
    const { code, stdout, stderr } = await pool.run(['image-build', 'dib-trusty', '--wait'], {
      onSleep: () => steps.shift()?.(),
    });
    expect([code, stdout]).toEqual([
      0,
      'Disk image 1, dib-trusty, is being built.\nDisk image 1, dib-trusty, is ready.\n',
    ]);
    expect(stderr).toBe(
      'waiting for a daemon to build disk image dib-trusty\nbuilding disk image dib-trusty on host builder1\n',
    );
  });

  it('with --wait shows the last line of the log on a terminal, cut to its width and harmless', async () => {
    await pool.startDaemon();
    const id = await pool.diskImage({ files: null, version: 1700000000 });
    await begin(id);
    mkdirSync(join(stateDir, 'build-logs'));
    const line = 'Unpacking \u001b[31mlinux-image\u001b[0m (6.1.0-28) over something with a very long name ...';
    writeFileSync(join(stateDir, 'build-logs/dib-trusty-1700000000.log'), `first\n10 %\r20 %\r${line}\n\n`);
    const steps = [() => pool.answer(() => ({ id, isNew: false })), ...IDLE, ...IDLE, () => finish(id)];
    const { stderr } = await pool.run(['image-build', 'dib-trusty', '--wait'], {
      isTerminal: true,
      onSleep: () => steps.shift()?.(),
    });
    const shown = stderr.split('\r\u001b[K');
    expect(shown).toContain('building disk image dib-trusty on host builder1: Unpacking linux-image... (1 s)');
    expect(Math.max(...shown.map(({ length }) => length))).toBe(79);
  });

  it('with --wait fails when the build fails, with the reason and the end of the log', async () => {
    await pool.startDaemon();
    const detail = 'disk-image-create ended with exit code 1\nE: \u001b[31mno mirror\nfailed\n';
    const event = { kind: 'build-failed', reason: 'build-failed', detail };
    const steps = [
      () => pool.answer(async () => ({ id: await pool.diskImage({ files: null }), isNew: true })),
      () => pool.store.moveDiskImage({ id: 1, from: 'building', to: 'delete', by: 'launch', event }),
    ];
    const { code, stderr } = await pool.run(['image-build', 'dib-trusty', '--wait'], {
      onSleep: () => steps.shift()?.(),
    });
    expect([code, stderr]).toEqual([
      1,
      'nodepool: the build of disk image dib-trusty, build 1, failed: the disk image could not be built ' +
        '(disk-image-create ended with exit code 1)\n    E:  [31mno mirror\n    failed\n',
    ]);
  });

  it.each([
    ['dib-trsty', 'there is no disk image dib-trsty (did you mean dib-trusty?)'],
    [
      'trusty',
      'trusty is not a disk image but an image at providers, which is made of disk image dib-trusty; say "nodepool image-build dib-trusty"',
    ],
    ['ubuntu', 'ubuntu is not a disk image but a snapshot at cloud, rax; say "nodepool image-update all ubuntu"'],
  ])('of %s is refused', async (name, sentence) => {
    await pool.startDaemon();
    expect(await pool.run(['image-build', name])).toEqual({ code: 1, stdout: '', stderr: `nodepool: ${sentence}\n` });
    expect((await pool.store.readPool()).intents).toEqual([]);
  });
});

describe('dib-image-delete', () => {
  it.each([null, [anImageFile()]])('marks a build, under way or ready, and shows it (files: %j)', async (files) => {
    await pool.startDaemon();
    const id = await pool.diskImage({ files });
    const { code, stdout, stderr } = await pool.run(['dib-image-delete', String(id)]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\| delete \| 00:00:00:00 \| operator \|/);
    expect(await diskImage(id)).toMatchObject({ state: 'delete', reason: 'operator' });
    expect((await pool.store.events.of('disk-image', id)).at(-1)).toMatchObject({
      kind: 'retired',
      reason: 'operator',
    });
  });

  it('with --force says so in the row, also in that of one which is being deleted', async () => {
    const ids = [await pool.diskImage({ version: 1 }), await pool.diskImage({ version: 2 })];
    await pool.run(['dib-image-delete', String(ids[1])]);
    for (const id of ids) {
      const { stdout } = await pool.run(['dib-image-delete', String(id), '--force']);
      expect(stdout).toMatch(/\| delete \| 00:00:00:00 \| forced \|/);
      expect(await diskImage(id)).toMatchObject({ state: 'delete', reason: 'forced' });
    }
    await pool.run(['dib-image-delete', String(ids[0])]);
    expect(await diskImage(ids[0]!)).toMatchObject({ reason: 'forced' });
  });

  it('with --wait ends when it is gone, and says meanwhile where its files are', async () => {
    await pool.startDaemon();
    const id = await pool.diskImage();
    const steps = [...IDLE, () => pool.store.removeDiskImage(id, { kind: 'removed', reason: 'deleted' })];
    const { code, stderr } = await pool.run(['dib-image-delete', String(id), '--wait'], {
      onSleep: () => steps.shift()?.(),
    });
    expect([code, stderr]).toEqual([
      0,
      'waiting until disk image 1 is gone (its files are on host builder1)\nnodepool: disk image 1 is gone\n',
    ]);
  });

  it('says when nobody is there to do it, and when there is no such disk image', async () => {
    const id = await pool.diskImage();
    const { code, stderr } = await pool.run(['dib-image-delete', String(id)]);
    expect([code, stderr]).toEqual([
      0,
      'nodepool: no daemon is running; the deletion is done as soon as one is started\n',
    ]);
    expect(await pool.run(['dib-image-delete', '7'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: there is no disk image 7\n',
    });
  });
});
