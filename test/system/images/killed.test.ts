/** A process that builds is killed with `kill -9`: nobody takes what it left for an image, and it can all be removed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BuildOrder } from '../../../src/images/disk-images.ts';
import {
  createWorkshop,
  forever,
  hurriedClock,
  pidsOf,
  until,
  VERSION,
  type Workshop,
} from '../../unit/images/workshop.ts';
import { describeImage, haveSameContent, needQemuImg, REAL, REAL_PROGRAMS } from './real-images.ts';

const STEM = `ubuntu-${VERSION}`;
const FORMATS = ['qcow2', 'raw', 'vhd', 'vmdk'];
const FINAL = FORMATS.map((format) => `${STEM}.${format}`);

let shop: Workshop;
beforeAll(needQemuImg);
beforeEach(() => {
  shop = createWorkshop({ programs: REAL_PROGRAMS, clock: hurriedClock() });
});
afterEach(() => {
  expect(pidsOf(shop.root)).toEqual([]);
  shop.remove();
});

interface BuildProcess {
  /** Its exit code; null: it was killed. */
  readonly ended: Promise<number | null>;
  readonly isOver: () => boolean;
  /** Resolves when it has ended. */
  kill(): Promise<unknown>;
}

function startProcess(order: BuildOrder, programs = REAL_PROGRAMS): BuildProcess {
  const script = fileURLToPath(new URL('build-process.mjs', import.meta.url));
  const input = JSON.stringify({ settings: shop.settings, order, programs });
  const child = spawn(process.execPath, [script, input], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const kill = (): Promise<unknown> => {
    child.kill('SIGKILL');
    return ended;
  };
  return { ended, isOver: () => child.exitCode !== null, kill };
}

const working = (name: string): string => join(shop.directory, `.${STEM}`, name);

/** Names of the images that others may take for complete. */
const published = (): string[] => shop.names().filter((name) => FINAL.includes(name));

/** Whether the image is whole: the disk in it is the one that was asked for, with what the stand-in writes to it. */
function isWhole(name: string, reference: string): boolean {
  const path = join(shop.directory, name);
  return haveSameContent({ path, format: describeImage(path).format }, { path: reference, format: 'raw' });
}

/**
 * Looks at the directory in every turn of the event loop until the process has ended or `isTime`, and each time at the
 * images that are new in it. Returns the names that were seen.
 */
async function watch(child: BuildProcess, reference: string, isTime: () => boolean): Promise<Set<string>> {
  const seen = new Set<string>();
  while (!child.isOver() && !isTime()) {
    for (const name of published()) {
      if (!seen.has(name)) expect([name, isWhole(name, reference)]).toEqual([name, true]);
      seen.add(name);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return seen;
}

/** What the raw image of the stand-in is like. */
async function makeReference(): Promise<string> {
  const order = shop.order({ formats: ['raw'], envVars: REAL }, { version: 1 });
  await shop.images.build(order, forever);
  return `${shop.images.pathOf(order)}.raw`;
}

describe('a build whose process is killed', () => {
  /** A program that is killed with it, or goes on and on. */
  const stages: [string, Record<string, string>, () => boolean][] = [
    ['begins', {}, () => existsSync(working('process'))],
    ['runs the builder program', { FAKE_BUILDER_SLEEP: '1000' }, () => readLog().includes('sleeping')],
    ['has the first file', {}, () => existsSync(working(FINAL[0] ?? ''))],
    ['begins to convert', {}, () => existsSync(working(`${STEM}.vhd`))],
    ['converts the last one', {}, () => existsSync(working(`${STEM}.vmdk`))],
    ['publishes', {}, () => published().length > 0],
    ['is complete', {}, () => published().length === FINAL.length],
  ];
  const readLog = (): string => (existsSync(join(shop.root, 'logs', `${STEM}.log`)) ? shop.log() : '');

  it.each(stages)(
    'while it %s leaves only whole images, and its removal leaves nothing',
    async (_stage, env, isTime) => {
      const reference = await makeReference();
      const child = startProcess(shop.order({ formats: FORMATS, envVars: { ...REAL, ...env } }));
      await watch(child, reference, isTime);
      await child.kill();
      // The builder program may go on for a while, but it publishes nothing.
      expect(published().filter((name) => !isWhole(name, reference))).toEqual([]);
      const successor = shop.successor();
      await successor.remove(shop.order());
      expect(pidsOf(working(''))).toEqual([]);
      expect(shop.names()).toEqual([`ubuntu-1.d`, `ubuntu-1.raw`]);
      // And the next one builds it as if nothing had happened.
      await successor.build(shop.order({ formats: FORMATS, envVars: REAL }), forever);
      expect(published().filter((name) => isWhole(name, reference))).toEqual(FINAL);
    },
  );

  it('has a program that goes on, its output too, until the removal ends it', async () => {
    const text = '#!/bin/sh\ntrap "" TERM\nwhile :; do echo still here; sleep 0.01; done\n';
    const builder = shop.program('builder', text);
    const child = startProcess(shop.order({ envVars: REAL }), { ...REAL_PROGRAMS, builder });
    await until(() => existsSync(working('process')) && shop.log().includes('still here'));
    await child.kill();
    const length = shop.log().length;
    await until(() => shop.log().length > length);
    // Its child looks the same until it has become `sleep`.
    expect(pidsOf(builder)).not.toEqual([]);
    await shop.successor().remove(shop.order());
    expect(pidsOf(builder)).toEqual([]);
    expect(shop.names()).toEqual([]);
  });

  it('may have been killed in the middle of a conversion, which the removal ends', async () => {
    const text = '#!/bin/sh\n[ "$1" = convert ] && exec sleep 1234.5\nexec qemu-img "$@"\n';
    const qemuImg = shop.program('slow-qemu-img', text);
    const child = startProcess(shop.order({ formats: ['vmdk'], envVars: REAL }), { ...REAL_PROGRAMS, qemuImg });
    await until(() => pidsOf('sleep 1234.5').length > 0);
    await child.kill();
    expect(pidsOf('sleep 1234.5')).toHaveLength(1);
    await shop.successor().remove(shop.order());
    expect(pidsOf('sleep 1234.5')).toEqual([]);
    expect(shop.names()).toEqual([]);
  });
});

it('the images of a build that nobody disturbs appear whole', async () => {
  const reference = await makeReference();
  const child = startProcess(shop.order({ formats: FORMATS, envVars: REAL }));
  const seen = await watch(child, reference, () => false);
  expect(await child.ended).toBe(0);
  expect(seen.size).toBeGreaterThan(0);
  expect(published()).toEqual(FINAL);
  expect(readdirSync(shop.directory)).not.toContain(`.${STEM}`);
  expect(readFileSync(join(shop.root, 'logs', `${STEM}.log`), 'utf8')).toContain('complete: ');
});
