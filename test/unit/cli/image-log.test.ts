import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aConfig, aProvider, aProviderImage, imagesNamed } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const trusty = aProviderImage({ name: 'trusty', source: { kind: 'diskimage', diskimage: 'dib-trusty' } });
const config = aConfig({
  providers: [
    aProvider({ name: 'cloud', images: new Map([['trusty', trusty], ...imagesNamed('ubuntu', 'debian')]) }),
    aProvider({ name: 'rax', images: new Map([['trusty', trusty], ...imagesNamed('ubuntu')]) }),
  ],
  labels: [],
});

const NOW = Date.UTC(2026, 0, 15, 12);

let directory: string;
let pool: CliPool;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-cli-'));
  mkdirSync(join(directory, 'logs'));
  pool = await openCliPool({ config: { ...config, imagesDir: directory } });
});
afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true });
});

function pathOf(name: string): string {
  return join(directory, 'logs', `${name}.log`);
}

function write(name: string, text: string): void {
  writeFileSync(pathOf(name), text);
}

/** A build whose program was started some seconds ago, here or elsewhere. */
async function begin(version: number, host = 'builder1'): Promise<number> {
  const id = await pool.diskImage({ version, files: null });
  await pool.store.patch('disk-image', id, {}, { host, startedAt: NOW - 60_000 });
  return id;
}

function end(id: number, to: 'ready' | 'delete'): Promise<boolean> {
  return pool.store.moveDiskImage({ id, from: 'building', to, by: to === 'ready' ? 'launch' : 'operator' });
}

describe('image-log', () => {
  it('prints the log of the newest build of a disk image, as it is', async () => {
    write('dib-trusty-100', 'old\n');
    write('dib-trusty-200', 'new: grün\n\u001b[31mred\u001b[0m');
    write('dib-trusty-x-300', 'of another image\n');
    await pool.diskImage({ version: 100 });
    await pool.diskImage({ version: 200 });
    const run = await pool.run(['image-log', 'dib-trusty']);
    expect(run).toEqual({ code: 0, stdout: 'new: grün\n\u001b[31mred\u001b[0m', stderr: '' });
  });

  it('finds the newest one also when its row is gone, as after a failure', async () => {
    write('dib-trusty-100', 'good\n');
    write('dib-trusty-200', 'failed\n');
    await pool.diskImage({ version: 100 });
    expect((await pool.run(['image-log', 'dib-trusty'])).stdout).toBe('failed\n');
    expect((await pool.run(['image-log', 'dib-trusty', '--build', '100'])).stdout).toBe('good\n');
  });

  it('knows the disk image behind an image, with and without a provider', async () => {
    write('dib-trusty-100', 'log\n');
    expect((await pool.run(['image-log', 'trusty'])).stdout).toBe('log\n');
    expect((await pool.run(['image-log', 'trusty', 'rax'])).stdout).toBe('log\n');
  });

  it('prints the log of a snapshot, of the one provider that has it or of the one that is named', async () => {
    write('debian@cloud-100', 'debian\n');
    write('ubuntu@rax-100', 'ubuntu\n');
    expect((await pool.run(['image-log', 'debian'])).stdout).toBe('debian\n');
    expect((await pool.run(['image-log', 'ubuntu', 'rax'])).stdout).toBe('ubuntu\n');
    expect(await pool.run(['image-log', 'ubuntu'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'nodepool: there are logs of image ubuntu at cloud and image ubuntu at rax; say which one, with its provider\n',
    });
  });

  it('finds those of disk images that left the configuration', async () => {
    write('dib-old-100', 'old\n');
    expect((await pool.run(['image-log', 'dib-old'])).stdout).toBe('old\n');
  });

  it('prints the last lines only with -n, however long the lines are', async () => {
    const long = 'x'.repeat(100_000);
    write('dib-trusty-100', `first\n${long}\nlast\n`);
    const last = async (count: number) => (await pool.run(['image-log', 'dib-trusty', '-n', String(count)])).stdout;
    expect([await last(0), await last(1)]).toEqual(['', 'last\n']);
    expect(await last(2)).toBe(`${long}\nlast\n`);
    expect(await last(7)).toBe(`first\n${long}\nlast\n`);
    write('dib-trusty-100', 'one\ntwo\nunfinished');
    expect(await last(2)).toBe('two\nunfinished');
  });

  it('says on which host a log is that is not on this machine', async () => {
    await begin(100, 'builder7');
    const { code, stderr } = await pool.run(['image-log', 'dib-trusty']);
    expect([code, stderr]).toEqual([
      1,
      `nodepool: the log of build 100 of disk image dib-trusty is not on this machine; look on host builder7 for ${pathOf('dib-trusty-100')}\n`,
    ]);
    expect((await pool.run(['image-log', 'dib-trusty', '-f'])).stderr).toBe(stderr);
  });

  it.each([
    [['dib-trsty'], 'there is no image dib-trsty (did you mean dib-trusty?)'],
    [['ubuntu', 'raxx'], 'there is no provider raxx (did you mean rax?)'],
    [['debian', 'rax'], 'provider rax has no image debian (there are: trusty, ubuntu)'],
    [['dib-trusty'], 'there was no build of disk image dib-trusty yet, or none whose log is kept in /'],
    [['dib-trusty', '--build', '7'], 'there is no log of build 7 of disk image dib-trusty here: /'],
  ])('%j is one sentence', async (args, sentence) => {
    const { code, stderr } = await pool.run(['image-log', ...args]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^nodepool: [^\n]+\n$/)]);
    expect(stderr).toContain(sentence);
  });

  it('of a build that has not begun says so', async () => {
    await pool.diskImage({ version: 100, files: null });
    expect((await pool.run(['image-log', 'dib-trusty'])).stderr).toBe(
      'nodepool: build 100 of disk image dib-trusty has not begun; there is no log of it yet\n',
    );
  });

  it('is in build-log-dir when the configuration has one', async () => {
    const elsewhere = await openCliPool({ config: { ...config, buildLogDir: join(directory, 'logs') } });
    write('dib-trusty-100', 'log\n');
    expect((await elsewhere.run(['image-log', 'dib-trusty'])).stdout).toBe('log\n');
    await elsewhere.close();
  });

  it.each([
    [['-n', 'few'], "option '-n, --lines <n>' argument 'few' is invalid. It is a whole number."],
    [['--build', '-1'], "option '--build <version>' argument '-1' is invalid. It is a whole number."],
  ])('%j is wrong usage', async (options, sentence) => {
    expect(await pool.run(['image-log', 'dib-trusty', ...options])).toMatchObject({
      code: 2,
      stderr: `nodepool: ${sentence}\n`,
    });
  });
});

describe('image-log -f', () => {
  /** Runs it, with one step of the build at each of its sleeps. */
  async function followed(steps: (() => unknown)[], args: readonly string[] = []) {
    const run = await pool.run(['image-log', 'dib-trusty', '-f', ...args], { onSleep: () => steps.shift()?.() });
    expect(steps).toEqual([]);
    return run;
  }

  it('prints what comes until the build has ended, the last words included', async () => {
    const id = await begin(100);
    write('dib-trusty-100', 'one\n');
    const run = await followed([
      () => appendFileSync(pathOf('dib-trusty-100'), 'two\n'),
      () => undefined,
      async () => {
        appendFileSync(pathOf('dib-trusty-100'), 'three\n');
        await end(id, 'ready');
      },
    ]);
    expect(run).toEqual({
      code: 0,
      stdout: 'one\ntwo\nthree\n',
      stderr: 'nodepool: build 100 of disk image dib-trusty is ready\n',
    });
  });

  it('ends also when the build failed and its row has gone', async () => {
    const id = await begin(100);
    write('dib-trusty-100', 'one\ntwo\n');
    const fail = async (): Promise<void> => {
      await end(id, 'delete');
      await pool.store.removeDiskImage(id, { kind: 'removed', reason: 'gone' });
    };
    const { code, stdout, stderr } = await followed([fail], ['-n', '1']);
    expect([code, stdout, stderr]).toEqual([
      0,
      'two\n',
      'nodepool: build 100 of disk image dib-trusty has failed or was deleted\n',
    ]);
  });

  it('of a build that has ended already prints its log, and that is all', async () => {
    write('dib-trusty-100', 'one\n');
    expect(await followed([])).toEqual({ code: 0, stdout: 'one\n', stderr: '' });
  });

  it('waits for the log of a build that is about to begin', async () => {
    const id = await pool.diskImage({ version: 100, files: null });
    const { stdout, stderr } = await followed([
      () => undefined,
      () => pool.store.patch('disk-image', id, {}, { startedAt: NOW, host: 'builder1' }),
      () => write('dib-trusty-100', 'one\n'),
      () => end(id, 'ready'),
    ]);
    expect([stdout, stderr]).toEqual([
      'one\n',
      'nodepool: waiting until the build of disk image dib-trusty begins\nnodepool: build 100 of disk image dib-trusty is ready\n',
    ]);
  });

  it('stops at Ctrl-C, and says that the build goes on', async () => {
    await begin(100);
    write('dib-trusty-100', 'one\n');
    let interrupt = (): void => undefined;
    const run = await pool.run(['image-log', 'dib-trusty', '-f'], {
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => undefined;
      },
      onSleep: () => interrupt(),
    });
    expect(run).toEqual({ code: 130, stdout: 'one\n', stderr: 'nodepool: interrupted; the build goes on\n' });
  });
});
