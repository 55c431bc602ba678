/** Real production configurations, rehearsed on the fake cloud: what an operator does before rolling out a change. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Config, LabelConfig } from '../../src/config/types.ts';
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
  readonly images: readonly { image: string; state: string; waits_for: string | null }[];
  readonly failures: readonly unknown[];
  readonly errors: readonly unknown[];
}

interface Plan {
  readonly actions: readonly unknown[];
  readonly notes: readonly { about: string; text: string }[];
}

/** Asks the daemon that runs for this user: without `-c`. */
async function ask<T>(command: string): Promise<T> {
  const { code, stdout, stderr } = await runProgram('nodepool', [command, '--output', 'json'], { env, cwd: directory });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

function hasSnapshot({ providers }: Config, label: LabelConfig): boolean {
  return label.providers.some((name) => providers.get(name)?.images.get(label.image)?.source.kind === 'snapshot');
}

it.each([
  ['openstack-infra-2015-06.yaml', 12],
  ['openstack-infra-2016-05.yaml', 1],
])('%s fills every label that snapshot images serve, and says that the others wait', async (file, servedLabels) => {
  const path = fileURLToPath(new URL(`../fixtures/config/production/${file}`, import.meta.url));
  const { config } = loadConfig({ path, securePath: null, env, fake: true });
  const wanted = [...config.labels.values()].filter(({ minReady, providers }) => minReady > 0 && providers.length > 0);
  const served = wanted.filter((label) => hasSnapshot(config, label));
  const waiting = wanted.filter((label) => !hasSnapshot(config, label));
  expect(served).toHaveLength(servedLabels);
  expect(waiting.length).toBeGreaterThan(2);

  daemon = startDaemon(['--fake', '-c', path], { env, cwd: directory });
  await daemon.logged(({ msg }) => msg === 'started');
  await Promise.all(
    served.map(({ name, minReady }) =>
      daemon.logged(({ msg, label }) => msg === 'node ready' && label === name, minReady),
    ),
  );
  const status = await ask<Status>('status');
  const ready = new Map(status.labels.map((label) => [label.label, label.ready]));
  expect(served.map(({ name }) => [name, ready.get(name)])).toEqual(
    served.map(({ name, minReady }) => [name, minReady]),
  );
  expect(waiting.map(({ name }) => ready.get(name))).toEqual(waiting.map(() => 0));
  expect([status.failures, status.errors]).toEqual([[], []]);

  const plan = await ask<Plan>('plan');
  for (const { name, image } of waiting) {
    const waits = expect.stringContaining(`disk image ${image}`) as string;
    expect(status.images).toContainEqual(expect.objectContaining({ image, state: 'missing', waits_for: waits }));
    const about = expect.stringMatching(new RegExp(`^label ${name} at `)) as string;
    expect(plan.notes).toContainEqual({ about, text: waits });
  }
  expect(daemon.lines.filter(({ level }) => level === 'error')).toEqual([]);
});
