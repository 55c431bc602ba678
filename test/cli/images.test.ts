/** The commands about images together with a daemon, as processes: a rehearsal whose builder is a stand-in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  cleanEnvironment,
  file,
  runProgram,
  startDaemon,
  type DaemonProcess,
  type Ended,
} from '../support/daemon-process.ts';
import { programPath } from '../support/mariadb.ts';
import { until } from '../support/real-pool.ts';

let directory: string;
let env: NodeJS.ProcessEnv;
let daemon: DaemonProcess | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-images-'));
  env = cleanEnvironment({ NODEPOOL_STATE_DIR: directory });
  daemon = null;
});
afterEach(async () => {
  daemon?.kill('SIGKILL');
  await daemon?.ended;
  rmSync(directory, { recursive: true });
});

/** Writes a configuration with a disk image; `variables` tell the stand-in what to do. */
function configure(variables: Readonly<Record<string, string>> = {}): string {
  const path = join(directory, 'nodepool.yaml');
  const provider = (name: string): object => ({
    name,
    driver: 'fake',
    'max-servers': 10,
    rate: 0,
    fake: { 'boot-time': 0 },
    images: [{ name: 'trusty', diskimage: 'dib-trusty', 'min-ram': 8192 }],
  });
  const config = {
    'images-dir': join(directory, 'images'),
    labels: [{ name: 'small', image: 'trusty', 'min-ready': 1, providers: [{ name: 'east' }, { name: 'west' }] }],
    providers: [provider('east'), provider('west')],
    targets: [{ name: 'zuul' }],
    diskimages: [{ name: 'dib-trusty', elements: ['vm'], release: 'trusty', 'env-vars': variables }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

function start(variables?: Readonly<Record<string, string>>): DaemonProcess {
  daemon = startDaemon(['--fake', '-c', configure(variables)], { env, cwd: directory });
  return daemon;
}

/** Without `-c`: the pool is that of the daemon that runs for this user. */
function nodepool(...args: string[]): Promise<Ended> {
  return runProgram('nodepool', args, { env, cwd: directory });
}

/** The stand-in sleeps until the answer is called, however long it is told to, and prints that meanwhile. */
function makeSleepLast(): () => void {
  const [programs, flag] = [join(directory, 'programs'), join(directory, 'awake')];
  mkdirSync(programs);
  const script = `#!/bin/sh\nuntil [ -e '${flag}' ]; do echo asleep; ${programPath('sleep')} 0.1; done\n`;
  writeFileSync(join(programs, 'sleep'), script, { mode: 0o755 });
  env['PATH'] = `${programs}:${env['PATH']}`;
  return () => writeFileSync(flag, '');
}

async function ask<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await nodepool(...args, '--output', 'json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as T;
}

/** Resolves when both providers have the image in its first version. */
async function uploaded(): Promise<void> {
  const isUploaded = ({ msg }: { msg: string }): boolean => msg === 'image ready';
  await daemon?.logged(isUploaded, 2);
}

interface Image {
  readonly id: number;
  readonly provider: string;
  readonly build: number | null;
  readonly withdrawn_at: string | null;
}

describe('with a daemon, nodepool', () => {
  it('image-update builds and uploads, image-rollback goes back, and both are seen', async () => {
    start();
    await uploaded();
    const update = await nodepool('image-update', 'all', 'trusty', '--wait');
    expect([update.code, update.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^Disk image 2, dib-trusty, is being built\.\nDisk image 2, dib-trusty, is ready\.\n(Image \d, trusty at (east|west), is ready\.\n){2}$/,
      ),
    ]);
    const rollback = await nodepool('image-rollback', 'trusty', 'west');
    expect([rollback.code, rollback.stderr]).toEqual([0, '']);
    const images = await ask<Image[]>('image-list');
    const [before, current] = images.filter(({ provider }) => provider === 'west');
    expect(rollback.stdout).toBe(
      `Image ${current?.id}, trusty at west, is withdrawn: nodes boot from image ${before?.id}.\n`,
    );
    expect(images.map(({ provider, build, withdrawn_at: at }) => [provider, build, at !== null])).toEqual([
      ['east', 1, false],
      ['east', 2, false],
      ['west', 1, false],
      ['west', 2, true],
    ]);
    expect(await ask('status')).toMatchObject({ withdrawn_images: [{ id: current?.id, reason: 'rolled-back' }] });
    const again = await nodepool('image-rollback', 'trusty', 'west');
    expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/^nodepool: there is no earlier [^\n]+\n$/)]);
  });

  it('image-upload brings back what was deleted at a provider', async () => {
    start();
    await uploaded();
    const [image] = await ask<Image[]>('image-list');
    await nodepool('image-pause', 'trusty');
    const deletion = await nodepool('image-delete', String(image?.id), '--wait');
    expect(deletion.code).toBe(0);
    const upload = await nodepool('image-upload', 'east', 'trusty', '--wait');
    expect([upload.code, upload.stdout]).toEqual([
      0,
      'Image 3, trusty at east, is being uploaded.\nImage 3, trusty at east, is ready.\n',
    ]);
  });

  it('image-pause keeps an image from being built and uploaded, until image-unpause', async () => {
    start({ SHOULD_FAIL: 'true' });
    await daemon?.logged(({ msg }) => msg === 'the build of a disk image failed');
    await nodepool('image-pause', 'dib-trusty', '--reason', 'mirror is broken');
    const { disk_images: paused } = await ask<{ disk_images: object[] }>('status');
    expect(paused).toMatchObject([
      { waits_for: expect.stringMatching(/^nodepool image-unpause \(paused since .*: mirror is broken\)$/) as string },
    ]);
    await nodepool('image-unpause', 'dib-trusty');
    const { disk_images: resting } = await ask<{ disk_images: object[] }>('status');
    expect(resting).toMatchObject([
      { waits_for: expect.stringMatching(/^its next build in .* after 1 that failed: /) as string },
    ]);
  });

  it('image-build --wait tells why a build fails, and image-log what it printed', async () => {
    start({ SHOULD_FAIL: 'true' });
    await daemon?.logged(({ msg }) => msg === 'the build of a disk image failed');
    const { code, stderr } = await nodepool('image-build', 'dib-trusty', '--wait');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nodepool: the build of disk image dib-trusty, build 2, failed: [^\n]*\b127\b/);
    expect(stderr).toContain('\n    fake disk-image-create: told to fail by SHOULD_FAIL\n');
    const log = await nodepool('image-log', 'dib-trusty', '-n', '3');
    expect([log.code, log.stdout]).toEqual([0, expect.stringContaining('told to fail by SHOULD_FAIL\n')]);
  });

  it('image-log -f follows a build to its end', async () => {
    const wake = makeSleepLast();
    start({ FAKE_BUILDER_SLEEP: '2' });
    await daemon?.logged(({ msg }) => msg === 'disk image is being built');
    let seen = 0;
    const onOutput = ({ length }: string): void => void (seen += length);
    const following = runProgram('nodepool', ['image-log', 'trusty', '-f'], { env, cwd: directory, onOutput });
    const more = async (): Promise<void> => {
      const before = seen;
      await until('it prints more', () => Promise.resolve(seen > before || null));
    };
    // What was there already, and then what has come since.
    await more();
    await more();
    wake();
    const { code, stdout, stderr } = await following;
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/(^|\n)nodepool: build \d+ of disk image dib-trusty is ready\n$/),
    ]);
    expect(stdout).toMatch(/\nsleeping for 2 s\n(.*\n)+.*complete: qcow2/);
  });

  it('dib-image-delete ends a build that is under way', async () => {
    start({ FAKE_BUILDER_SLEEP: '600' });
    await daemon?.logged(({ msg }) => msg === 'disk image is being built');
    await nodepool('image-pause', 'dib-trusty');
    const { code, stderr } = await nodepool('dib-image-delete', '1', '--wait');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/nodepool: disk image 1 is gone\n$/)]);
    expect(await ask('dib-image-list')).toEqual([]);
  });
});

describe('nodepool-builder', () => {
  it('builds and uploads beside the commands, and launches nothing', async () => {
    const program = fileURLToPath(new URL('../../bin/nodepool-builder', import.meta.url));
    const pidFile = join(directory, 'builder.pid');
    const args = [program, '--fake', '-c', configure(), '-p', pidFile, '--build-workers', '2'];
    const child = spawn(process.execPath, args, { env, cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    const [code] = (await once(child, 'close')) as [number];
    const pid = Number(readFileSync(pidFile, 'utf8'));
    try {
      expect([code, stdout]).toEqual([
        0,
        `nodepool-builder runs as process ${pid} and logs to ${join(directory, 'nodepool-builder.log')}\n`,
      ]);
      const update = await nodepool('image-update', 'all', 'trusty', '--wait');
      expect([update.code, update.stdout]).toEqual([0, expect.stringMatching(/trusty at west, is ready\.\n/)]);
      expect(await ask('node-list')).toEqual([]);
    } finally {
      process.kill(pid, 'SIGTERM');
      await file(pidFile, 'gone');
    }
    expect(existsSync(pidFile)).toBe(false);
  });
});
