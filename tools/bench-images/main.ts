/**
 * `npm run bench:images [-- PAIRS]`: uploads one file to the OpenStack rig with our driver and with the ordinary OpenStack
 * client, in turns, each in a process of its own, and prints how fast they are and what memory ours takes. The file is raw,
 * of 4 GiB, of which 512 MiB are random data, in eight blocks at even distances; the rest are holes. Speeds are those of
 * whole processes, login included; a pair is worth something only within itself.
 */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findRig, isRigUp } from '../../test/support/rig.ts';
import type { Cost } from './upload-process.ts';

const execute = promisify(execFile);

const MB = 1024 * 1024;
const FILE_BYTES = 4096 * MB;
const BLOCKS = 8;
const BLOCK_BYTES = 64 * MB;
/** The file's data, the copy at the rig with its holes filled, and the one of a deletion that is still under way. */
const SPACE_BYTES = 10 * 1024 * MB;
/** Tests of the pool use another one. */
const CLOUD = 'rig-other';
const WANTED = { ratio: 0.7, additionalMb: 100 };

interface Run {
  readonly ms: number;
  readonly additionalMb: number;
}

// It stands beside the repository, in whose root npm runs this.
process.env['NODEPOOL_RIG'] ??= resolve('../shared/rig');
const rig = await findRig();
if (!(await isRigUp(rig))) throw new Error(`the OpenStack rig does not run: start it with ${rig.scripts}/openstack-up`);
const env = { ...process.env, OS_CLIENT_CONFIG_FILE: join(rig.state, 'clouds.yaml') };

function checkSpace(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize >= SPACE_BYTES) return;
  throw new Error(`${path} has no room: the bench needs ${SPACE_BYTES / MB / 1024} GiB free for a while`);
}

function writeSparseFile(path: string): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let n = 0; n < BLOCKS; n += 1) writeSync(file, randomFillSync(block), 0, BLOCK_BYTES, (n * FILE_BYTES) / BLOCKS);
  ftruncateSync(file, FILE_BYTES);
  closeSync(file);
}

async function askOpenStack(...args: readonly string[]): Promise<string> {
  const { stdout } = await execute('openstack', ['--os-cloud', CLOUD, ...args], { env });
  return stdout.trim();
}

/** Runs one upload, which answers the id of its image, and deletes the image. */
async function measure(upload: () => Promise<{ id: string; additionalBytes: number }>): Promise<Run> {
  const startedAt = performance.now();
  const { id, additionalBytes } = await upload();
  const ms = performance.now() - startedAt;
  const size = Number(await askOpenStack('image', 'show', id, '-f', 'value', '-c', 'size'));
  if (size !== FILE_BYTES) throw new Error(`image ${id} has ${size} bytes and not ${FILE_BYTES}`);
  await askOpenStack('image', 'delete', id);
  return { ms, additionalMb: additionalBytes / MB };
}

function uploadWithDriver(file: string): Promise<Run> {
  return measure(async () => {
    const { stdout } = await execute(process.execPath, [join(import.meta.dirname, 'upload-process.js'), file, CLOUD], {
      env,
    });
    return JSON.parse(stdout) as Cost;
  });
}

function uploadWithClient(file: string): Promise<Run> {
  const formats = ['--disk-format', 'raw', '--container-format', 'bare', '--min-disk', '4'];
  const create = ['image', 'create', '--file', file, ...formats, '-f', 'value', '-c', 'id', 'bench-images'];
  return measure(async () => ({ id: await askOpenStack(...create), additionalBytes: 0 }));
}

const speed = ({ ms }: Run): string =>
  `${(FILE_BYTES / MB / (ms / 1000)).toFixed(0).padStart(5)} MiB/s (${(ms / 1000).toFixed(1)} s)`;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return ((sorted[middle] ?? 0) + (sorted[sorted.length - 1 - middle] ?? 0)) / 2;
}

const pairs = Number(process.argv[2] ?? 3);
const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-images-'));
try {
  for (const path of [directory, rig.state]) checkSpace(path);
  const file = join(directory, 'sparse.raw');
  writeSparseFile(file);
  const ratios: number[] = [];
  let additionalMb = 0;
  for (let pair = 1; pair <= pairs; pair += 1) {
    // Who comes first alternates: the second finds the rig's disk in another state.
    const first = pair % 2 === 1 ? await uploadWithDriver(file) : null;
    const client = await uploadWithClient(file);
    const driver = first ?? (await uploadWithDriver(file));
    const ratio = client.ms / driver.ms;
    ratios.push(ratio);
    additionalMb = Math.max(additionalMb, driver.additionalMb);
    const memory = `${driver.additionalMb.toFixed(0)} MiB of additional memory`;
    const line = `pair ${pair}: driver ${speed(driver)}, ${memory}; client ${speed(client)}; ratio ${ratio.toFixed(2)}`;
    process.stdout.write(`${line}\n`);
  }
  const summary = `median ratio ${median(ratios).toFixed(2)} (wanted: at least ${WANTED.ratio})`;
  process.stdout.write(
    `${summary}, memory ${additionalMb.toFixed(0)} MiB (wanted: less than ${WANTED.additionalMb})\n`,
  );
} finally {
  rmSync(directory, { recursive: true });
}
