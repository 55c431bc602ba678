/**
 * Real production configurations, rehearsed on the fake cloud: what an operator does before rolling out a change. Their disk
 * images are built by stand-ins that come with the program.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/types.ts';
import { cleanEnvironment, runProgram, startDaemon, type DaemonProcess } from '../support/daemon-process.ts';

let directory: string;
let env: NodeJS.ProcessEnv;
let daemon: DaemonProcess;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-rehearsal-'));
  env = cleanEnvironment({ NODEPOOL_STATE_DIR: directory });
});
afterEach(async () => {
  daemon.kill('SIGKILL');
  await daemon.ended;
  rmSync(directory, { recursive: true });
});

interface Status {
  readonly labels: readonly { label: string; ready: number }[];
  readonly images: readonly { provider: string; image: string; state: string; waits_for: string | null }[];
  readonly failures: readonly unknown[];
  readonly errors: readonly unknown[];
}

interface DiskImage {
  readonly image: string;
  readonly state: string;
  readonly formats: readonly string[];
}

/** Asks the daemon that runs for this user: without `-c`. */
async function ask<T>(command: string): Promise<T> {
  const { code, stdout, stderr } = await runProgram('nodepool', [command, '--output', 'json'], { env, cwd: directory });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** Provider images of labels in force, `PROVIDER/IMAGE`, and the disk images that they are made of. */
function imagesInUse({ labels, providers }: Config): { places: readonly string[]; diskImages: readonly string[] } {
  const places = new Set<string>();
  const diskImages = new Set<string>();
  for (const { image, minReady, providers: names } of labels.values()) {
    for (const name of minReady < 0 ? [] : names) {
      places.add(`${name}/${image}`);
      const source = providers.get(name)?.images.get(image)?.source;
      if (source?.kind === 'diskimage') diskImages.add(source.diskimage);
    }
  }
  return { places: [...places].sort(), diskImages: [...diskImages].sort() };
}

it.each([
  { file: 'openstack-infra-2015-06.yaml', labels: 15, builds: 6, images: 86 },
  { file: 'openstack-infra-2016-05.yaml', labels: 10, builds: 6, images: 56 },
])(
  '$file: every label reaches min-ready, from snapshots and from disk images',
  async ({ file, ...expected }) => {
    const path = fileURLToPath(new URL(`../fixtures/config/production/${file}`, import.meta.url));
    const { config } = loadConfig({ path, securePath: null, env, fake: true });
    const wanted = [...config.labels.values()].filter(
      ({ minReady, providers }) => minReady > 0 && providers.length > 0,
    );
    const { places, diskImages } = imagesInUse(config);
    expect({ labels: wanted.length, builds: diskImages.length, images: places.length }).toEqual(expected);

    daemon = startDaemon(['--fake', '-c', path], { env, cwd: directory });
    await Promise.all([
      daemon.logged(({ msg }) => msg === 'image ready', places.length),
      ...wanted.map(({ name, minReady }) =>
        daemon.logged(({ msg, label }) => msg === 'node ready' && label === name, minReady),
      ),
    ]);
    const status = await ask<Status>('status');
    const ready = new Map(status.labels.map((label) => [label.label, label.ready]));
    expect(wanted.map(({ name }) => [name, ready.get(name)])).toEqual(
      wanted.map(({ name, minReady }) => [name, minReady]),
    );
    const inPlace = status.images.filter(({ state }) => state === 'ready');
    expect(inPlace.map(({ provider, image }) => `${provider}/${image}`).sort()).toEqual(places);
    expect([status.failures, status.errors]).toEqual([[], []]);

    const builds = await ask<DiskImage[]>('dib-image-list');
    expect(builds.map(({ image, state, formats }) => [image, state, formats.toSorted()])).toEqual(
      diskImages.map((name) => [name, 'ready', config.diskimages.get(name)?.formats.toSorted()]),
    );
    expect(daemon.lines.filter(({ level }) => level === 'error')).toEqual([]);
  },
  600_000,
);
