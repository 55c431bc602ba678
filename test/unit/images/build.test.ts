import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import {
  createWorkshop,
  forever,
  hurriedClock,
  isRunning,
  standIn,
  until,
  VERSION,
  type Workshop,
} from './workshop.ts';

const STEM = `ubuntu-${VERSION}`;

let shop: Workshop;
beforeEach(() => {
  shop = createWorkshop();
});
afterEach(() => {
  expect(shop.warnings).toEqual([]);
  shop.remove();
});

/** Another place, of which `deps` are different. */
function reopen(...deps: Parameters<typeof createWorkshop>): void {
  shop.remove();
  shop = createWorkshop(...deps);
}

describe('a build', () => {
  it('has all formats under their names, and says what they are', async () => {
    const formats = ['vhd', 'raw', 'qcow2', 'vmdk'];
    const files = await shop.images.build(shop.order({ formats, envVars: { FAKE_BUILDER_SIZE: '10M' } }), forever);
    expect(shop.names()).toEqual(['d', 'qcow2', 'raw', 'vhd', 'vmdk'].map((format) => `${STEM}.${format}`));
    const expected = formats.map((format) => {
      const content = readFileSync(join(shop.directory, `${STEM}.${format}`));
      const digest = (algorithm: string): string => createHash(algorithm).update(content).digest('hex');
      return {
        format,
        bytes: content.length,
        allocatedBytes: expect.any(Number) as number,
        virtualBytes: 10 * 1024 * 1024,
        sha256: digest('sha256'),
        sha512: digest('sha512'),
        md5: digest('md5'),
      };
    });
    expect(files).toEqual(expected);
    expect(await shop.images.inspect(shop.order(), forever)).toEqual(expect.arrayContaining(expected));
    expect(shop.images.pathOf(shop.order())).toBe(join(shop.directory, STEM));
  });

  it('has a log with the programs, what they print and how they end', async () => {
    await shop.images.build(shop.order({ formats: ['qcow2', 'vhd'] }), forever);
    const output = join(shop.directory, `.${STEM}`, STEM);
    const lines = shop
      .log()
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/after \d+ s$/gm, 'after SECONDS')
      .trimEnd()
      .split('\n');
    expect(lines).toEqual([
      expect.stringMatching(
        `^\\[nodepool\\] TIME runs \\S+/disk-image-create -x -t qcow2 --no-tmpfs --qemu-img-options compat=0.10 -o ${output} ubuntu-minimal vm$`,
      ),
      'fake disk-image-create: image ubuntu, release trusty, formats qcow2, elements ubuntu-minimal vm',
      `making ${output}.qcow2`,
      'Build completed successfully',
      '[nodepool] TIME ended with exit code 0 after SECONDS',
      expect.stringMatching(
        `^\\[nodepool\\] TIME runs \\S+/qemu-img convert -f qcow2 -O vpc ${output}.qcow2 ${output}.vhd$`,
      ),
      '[nodepool] TIME ended with exit code 0 after SECONDS',
      expect.stringMatching(/^\[nodepool\] TIME complete: qcow2 \(\d+ bytes\), vhd \(\d+ bytes\)$/),
    ]);
  });

  it('keeps no file of a format that it was only converted from', async () => {
    const files = await shop.images.build(shop.order({ formats: ['vmdk'] }), forever);
    expect(files.map(({ format }) => format)).toEqual(['vmdk']);
    expect(shop.names()).toEqual([`${STEM}.d`, `${STEM}.vmdk`]);
  });

  it('takes formats that only the builder program knows as they are', async () => {
    const files = await shop.images.build(shop.order({ formats: ['tar'] }), forever);
    expect(files).toMatchObject([{ format: 'tar', virtualBytes: null }]);
  });

  it('runs the program of its configuration, in the environment of its configuration', async () => {
    reopen({ programs: { builder: null, qemuImg: '/nowhere/qemu-img' } });
    const text = '#!/bin/sh\necho "$DIB_IMAGE_NAME $MINE"\ncat\necho image >"$DIB_IMAGE_FILENAME.tar"\n';
    const dibCmd = shop.program('builder', text);
    await shop.images.build(shop.order({ dibCmd, formats: ['tar'], envVars: { MINE: 'value' } }), forever);
    // Nor is there any input that it could wait for.
    expect(shop.log()).toMatch(/^ubuntu value\n\[nodepool\]/m);
  });

  it('throws away what a build of the same version before it has left', async () => {
    mkdirSync(join(shop.directory, `.${STEM}`));
    writeFileSync(join(shop.directory, `.${STEM}`, 'left'), '');
    writeFileSync(join(shop.directory, `${STEM}.raw`), 'incomplete set');
    await shop.images.build(shop.order(), forever);
    expect(shop.names()).toEqual([`${STEM}.d`, `${STEM}.qcow2`]);
  });

  it('may have slashes and blanks in its name', async () => {
    const order = shop.order({}, { image: 'debian/12 small' });
    await shop.images.build(order, forever);
    expect(shop.names()).toEqual([`debian_12 small-${VERSION}.d`, `debian_12 small-${VERSION}.qcow2`]);
    await shop.images.remove(order);
    expect(shop.names()).toEqual([]);
  });

  it('goes on without a log when that cannot be written, and says so once', async () => {
    writeFileSync(join(shop.root, 'logs'), 'a file where a directory should be');
    const files = await shop.images.build(shop.order({ formats: ['qcow2', 'raw', 'vmdk'] }), forever);
    expect(files).toHaveLength(3);
    expect(shop.warnings.splice(0)).toEqual([
      { message: 'the log of a build cannot be written', error: expect.stringContaining('logs') as string },
    ]);
  });
});

describe('a build that fails', () => {
  const LOG = `/logs/${STEM}.log`;

  /** Nothing of it is left but its log, which ends with the reason. */
  async function failure(...order: Parameters<Workshop['order']>): Promise<{ code: string; message: string }> {
    const error = await shop.images.build(shop.order(...order), forever).then(
      () => expect.fail('it was built'),
      (reason: Error & { code: string }) => reason,
    );
    expect(shop.names()).toEqual([]);
    expect(shop.log()).toMatch(/^\[nodepool\] \S+ failed: .*\n$/m);
    expect(shop.log().trimEnd().endsWith(error.message)).toBe(true);
    return { code: error.code, message: error.message.replaceAll(shop.root, '') };
  }

  it('with a non-zero exit code', async () => {
    expect(await failure({ envVars: { FAKE_BUILDER_EXIT: '3' } })).toEqual({
      code: 'command-failed',
      message: `disk-image-create (disk image ubuntu) ended with exit code 3; its log is ${LOG}`,
    });
    expect(shop.log()).toContain('told to fail by FAKE_BUILDER_EXIT\n');
  });

  it('as the stand-in of the original did', async () => {
    expect(await failure({ envVars: { SHOULD_FAIL: 'true' } })).toMatchObject({
      message: `disk-image-create (disk image ubuntu) ended with exit code 127; its log is ${LOG}`,
    });
  });

  it.each([
    ['TERM', 'was killed by SIGTERM'],
    ['KILL', 'was killed by SIGKILL, as the kernel does when memory is short'],
  ])('killed by SIG%s', async (signal, how) => {
    expect(await failure({ envVars: { FAKE_BUILDER_KILL: signal } })).toEqual({
      code: 'command-failed',
      message: `disk-image-create (disk image ubuntu) ${how}; its log is ${LOG}`,
    });
  });

  it('for lack of the program', async () => {
    reopen({ programs: { builder: null, qemuImg: 'qemu-img' } });
    expect(await failure({ dibCmd: 'no-such-program' })).toEqual({
      code: 'config',
      message:
        'there is no program no-such-program to build disk image ubuntu: install diskimage-builder, set dib-cmd to what builds it, or start this daemon with --no-builder',
    });
  });

  it('on a program that is not executable', async () => {
    reopen({ programs: { builder: null, qemuImg: 'qemu-img' } });
    const dibCmd = shop.program('builder', '#!/bin/sh\n', 0o644);
    expect(await failure({ dibCmd })).toEqual({
      code: 'config',
      message:
        'the program /builder that builds disk image ubuntu is not executable: correct its permissions, or set dib-cmd',
    });
  });

  it('before anything runs when there is no qemu-img', async () => {
    reopen({ programs: { builder: standIn('disk-image-create'), qemuImg: '/nowhere/qemu-img' } });
    expect(await failure()).toEqual({
      code: 'config',
      message: 'there is no program /nowhere/qemu-img, which disk images need: install qemu-utils',
    });
    expect(shop.log()).not.toContain('disk-image-create');
  });

  it('before anything runs when qemu-img is not executable', async () => {
    const qemuImg = import.meta.filename;
    reopen({ programs: { builder: standIn('disk-image-create'), qemuImg } });
    expect(await failure()).toEqual({
      code: 'config',
      message: `there is no right to run ${qemuImg}, which disk images need: install qemu-utils`,
    });
  });

  it('without an output file', async () => {
    const output = `/images/.${STEM}/${STEM}`;
    expect(await failure({ formats: ['qcow2', 'raw'], envVars: { FAKE_BUILDER_NO_OUTPUT: '1' } })).toEqual({
      code: 'command-failed',
      message: `disk-image-create (disk image ubuntu) ended well but made no file ${output}.qcow2 or ${output}.raw; its log is ${LOG}`,
    });
  });

  it('with an empty output file', async () => {
    expect(await failure({ envVars: { FAKE_BUILDER_EMPTY_OUTPUT: '1' } })).toEqual({
      code: 'command-failed',
      message: `${STEM}.qcow2 is empty; its log is ${LOG}`,
    });
  });

  it('with an output file that is something else', async () => {
    expect(await failure({ formats: ['raw'], envVars: { FAKE_BUILDER_WRONG_OUTPUT: '1' } })).toEqual({
      code: 'command-failed',
      message: `${STEM}.raw is not a usable raw image: it is qcow2; its log is ${LOG}`,
    });
  });

  it('on a format that nobody can make', async () => {
    reopen({ programs: { builder: null, qemuImg: standIn('qemu-img') } });
    const text = '#!/bin/sh\nprintf "nodepool placeholder image\\nqcow2\\n1\\n" >"$DIB_IMAGE_FILENAME.qcow2"\n';
    expect(await failure({ dibCmd: shop.program('builder', text), formats: ['qcow2', 'squashfs'] })).toEqual({
      code: 'command-failed',
      message:
        `builder made no squashfs of disk image ubuntu, and qemu-img does not know that format: ` +
        `take it out of formats and of the providers' image-type; its log is ${LOG}`,
    });
  });

  it('on a conversion from nothing', async () => {
    reopen({ programs: { builder: null, qemuImg: standIn('qemu-img') } });
    const dibCmd = shop.program('builder', '#!/bin/sh\necho archive >"$DIB_IMAGE_FILENAME.tar"\n');
    expect(await failure({ dibCmd, formats: ['tar', 'vmdk'] })).toEqual({
      code: 'command-failed',
      message:
        `builder made no vmdk of disk image ubuntu, and there is neither qcow2 nor raw to convert from: ` +
        `take it out of formats and of the providers' image-type; its log is ${LOG}`,
    });
  });

  it.each([
    ['the first one', null, 2 ** 30 - 2 ** 20, '1023 MiB', '1024 MiB'],
    ['one like the one before', 100 * 2 ** 30, 119 * 2 ** 30, '119.0 GiB', '120.0 GiB'],
  ])('at once when there is no room for %s', async (_which, previousBytes, free, shownFree, needed) => {
    reopen({ freeBytes: async () => free });
    expect(await failure({}, { previousBytes })).toEqual({
      code: 'no-space',
      message:
        `${shownFree} are free in /images and a build of ubuntu needs ${needed}: ` +
        `delete what is not needed there, or move images-dir to a larger disk`,
    });
    expect(shop.log()).not.toContain('disk-image-create');
  });

  it('not when there is just enough room', async () => {
    reopen({ freeBytes: async () => 2 ** 30 });
    await shop.images.build(shop.order(), forever);
    expect(shop.names()).toHaveLength(2);
  });

  it('with what the program says when its own disk is full', async () => {
    reopen({ programs: { builder: null, qemuImg: standIn('qemu-img') } });
    const text = '#!/bin/sh\necho "tar: /tmp/dib: Cannot write: No space left on device"\nexit 2\n';
    expect(await failure({ dibCmd: shop.program('builder', text) })).toEqual({
      code: 'no-space',
      message: `builder (disk image ubuntu) ended with exit code 2 because the disk is full: make room; its log is ${LOG}`,
    });
    // What an earlier build in the same log said is no reason.
    const other = shop.program('builder', '#!/bin/sh\nexit 2\n');
    expect(await failure({ dibCmd: other })).toMatchObject({ code: 'command-failed' });
  });
});

const LIMIT_MS = 28_800_000;

describe('a program that does not end', () => {
  /** It writes its pid and that of a process in the background to files, and then does not end. */
  function endless(text: string, clock: Clock = hurriedClock()): string {
    reopen({ programs: { builder: null, qemuImg: standIn('qemu-img') }, clock });
    return shop.program('builder', `#!/bin/sh\n${text}\n`);
  }
  const pid = (name: string): number => Number(readFileSync(join(shop.root, name), 'utf8'));
  const isThere = (name: string): boolean => existsSync(join(shop.root, name));
  const ENDLESS = 'sleep 1000 & echo $! >"$OUT/child.new"; echo $$ >"$OUT/pid"; mv "$OUT/child.new" "$OUT/child"; wait';

  async function start(text: string, clock?: Clock) {
    const dibCmd = endless(text, clock);
    const stop = new AbortController();
    const order = shop.order({ dibCmd, buildTimeoutMs: LIMIT_MS, envVars: { OUT: shop.root } });
    const built = shop.images.build(order, stop.signal).then(
      () => expect.fail('it was built'),
      (reason: Error & { code: string }) => ({ code: reason.code, message: reason.message.replaceAll(shop.root, '') }),
    );
    await until(() => isThere('child'));
    return { built, stop, order };
  }

  const expectNothingLeft = (): void => {
    expect([pid('pid'), pid('child')].filter(isRunning)).toEqual([]);
    expect(shop.names()).toEqual([]);
  };
  /** Nothing runs; what it made is left to whoever has the build now. */
  const expectAbandoned = async (): Promise<void> => {
    expect([pid('pid'), pid('child')].filter(isRunning)).toEqual([]);
    expect(shop.names()).toEqual([`.${STEM}`]);
    await shop.images.remove(shop.order());
    expect(shop.names()).toEqual([]);
  };

  it('is ended with all it started when the build is abandoned', async () => {
    const { built, stop } = await start(ENDLESS);
    expect([pid('pid'), pid('child')].filter(isRunning)).toHaveLength(2);
    stop.abort();
    expect(await built).toEqual({ code: 'aborted', message: 'the build of disk image ubuntu was abandoned' });
    await expectAbandoned();
  });

  it('is killed when it does not heed', async () => {
    const { built, stop } = await start(`trap '' TERM; ${ENDLESS}`);
    stop.abort();
    expect(await built).toMatchObject({ code: 'aborted' });
    await expectAbandoned();
  });

  it('is ended when its time is over', async () => {
    let expire = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      expire = resolve;
    });
    const hurried = hurriedClock();
    const sleep: Clock['sleep'] = (ms, signal) => (ms === LIMIT_MS ? over : hurried.sleep(ms, signal));
    const { built } = await start(ENDLESS, { ...hurried, sleep });
    expire();
    expect(await built).toEqual({
      code: 'command-failed',
      message: `the build of disk image ubuntu did not end within 28800 s; its log is /logs/${STEM}.log`,
    });
    expectNothingLeft();
    expect(shop.log()).toContain('was ended after');
  });

  it('is ended by the removal of the build, by another daemon too', async () => {
    const { built, order } = await start(ENDLESS);
    await shop.successor().remove(order);
    expectNothingLeft();
    expect(await built).toEqual({ code: 'aborted', message: `build ${STEM} was removed while it was made` });
  });

  it('leaves nothing running when only the program itself ended', async () => {
    const text = `trap '' TERM; ${ENDLESS.replace('wait', '')} echo image >"$DIB_IMAGE_FILENAME.tar"`;
    const dibCmd = endless(text);
    await shop.images.build(shop.order({ dibCmd, formats: ['tar'], envVars: { OUT: shop.root } }), forever);
    expect(isRunning(pid('child'))).toBe(false);
    expect(shop.names()).toEqual([`${STEM}.tar`]);
  });

  it('has its last words in the log although they come late', async () => {
    const text = `(sleep 0.05; echo last words) & echo image >"$DIB_IMAGE_FILENAME.tar"`;
    // It is given ten seconds for them, and takes no longer than it needs.
    const dibCmd = endless(text, systemClock);
    await shop.images.build(shop.order({ dibCmd, formats: ['tar'] }), forever);
    expect(shop.log()).toContain('\nlast words\n[nodepool]');
  });

  it('is not begun when the build is abandoned before', async () => {
    const dibCmd = endless('touch "$OUT/child"');
    const order = shop.order({ dibCmd, envVars: { OUT: shop.root } });
    await expect(shop.images.build(order, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    expect(isThere('child')).toBe(false);
  });
});
