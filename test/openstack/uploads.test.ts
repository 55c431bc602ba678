/** Images made of files at the rig's Glance, by the driver as the registry hands it out. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { cloudImageId, type CloudImageId } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createOpenStackDriver } from '../../src/providers/openstack/index.ts';
import type { UploadSpec } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import type { SupervisedCloud } from '../../src/providers/supervised.ts';
import { aConfig, aProvider } from '../support/builders.ts';
import { needPackage } from '../support/debian-package.ts';
import { readOpenStack } from '../support/rig.ts';

const MB = 1024 * 1024;
const signal = new AbortController().signal;
const tags = { installation: systemRandom.uuid(), record: 'image-1-k', attempt: 1 };

interface ShownImage {
  readonly status: string;
  readonly visibility: string;
  readonly disk_format: string;
  readonly container_format: string;
  readonly min_disk: number;
  readonly size: number;
  readonly properties: Readonly<Record<string, string>>;
}

describe('uploads to a real Glance', () => {
  const rig = inject('rig');
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-uploads-'));
  const file = join(directory, 'image.qcow2');
  const ids = new Map<CloudImageId, string>();

  const driver = createOpenStackDriver({
    ...{ clock: systemClock, random: systemRandom, log: silentLog, home: directory, cwd: directory },
    env: { OS_CLIENT_CONFIG_FILE: join(rig.state, 'clouds.yaml') },
  });
  const factories = { openstack: driver };
  const providers = createProviders({ factories, clock: systemClock, onCall: () => undefined, log: silentLog });
  const cloudOf = (name: string): SupervisedCloud => {
    const provider = providers.get(name);
    if (!provider) throw new Error(`there is no provider ${name}`);
    return provider.cloud;
  };
  const specFor = (cloud: string, changes: Partial<UploadSpec> = {}): UploadSpec => {
    const spec: UploadSpec = {
      ...{ id: cloudImageId(systemRandom.uuid()), name: 'uploaded-by-a-test', meta: { colour: 'red' }, tags },
      ...{ format: 'qcow2', minDiskGb: 1, bytes: statSync(file).size, onProgress: () => undefined },
      open: () => createReadStream(file, { highWaterMark: 256 * 1024 }),
      ...changes,
    };
    ids.set(spec.id, cloud);
    return spec;
  };

  beforeAll(async () => {
    await needPackage('qemu-utils', 'qemu-img', ['qemu-img']);
    const raw = join(directory, 'image.raw');
    writeFileSync(raw, randomBytes(8 * MB));
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, file]);
    const provider = (name: string) =>
      aProvider({ name, driver: 'openstack', credentials: { ...aProvider().credentials, cloud: name } });
    providers.configure(aConfig({ providers: [provider('rig'), provider('rig-other')] }));
  });
  afterAll(async () => {
    for (const [id, cloud] of ids) await cloudOf(cloud).deleteImage(id, signal);
    for (const name of ['rig', 'rig-other']) providers.forget(name);
    rmSync(directory, { recursive: true });
  });

  it.each(['rig', 'rig-other'])('make a private image of a qcow2 file in the project of cloud %s', async (name) => {
    const cloud = cloudOf(name);
    const told: number[] = [];
    const spec = specFor(name, { onProgress: (sent) => told.push(sent) });
    await cloud.uploadImage(spec, signal);
    const digest = { algorithm: 'sha512', value: createHash('sha512').update(readFileSync(file)).digest('hex') };
    const image = {
      id: spec.id,
      name: spec.name,
      status: 'active',
      tags,
      isSnapshot: false,
      bytes: spec.bytes,
      digest,
    };
    expect(await cloud.findImage(spec.id, signal)).toEqual(image);
    expect((await cloud.listImages(signal)).filter(({ id }) => id === spec.id)).toEqual([image]);
    expect(told.at(-1)).toBe(spec.bytes);
    expect(await readOpenStack<ShownImage>(rig, name, 'image', 'show', spec.id)).toMatchObject({
      ...{ status: 'active', visibility: 'private', disk_format: 'qcow2', container_format: 'bare', min_disk: 1 },
      properties: { colour: 'red', nodepool_record: tags.record, nodepool_name: spec.name },
    });
  });

  it('under an id that another project has is a conflict', async () => {
    const [id] = [...ids.keys()];
    const again = { ...specFor('rig-other'), id: id as CloudImageId };
    await expect(cloudOf('rig-other').uploadImage(again, signal)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('in a format that Glance does not know are rejected, and leave nothing', async () => {
    const spec = specFor('rig-other', { format: 'zip' });
    await expect(cloudOf('rig-other').uploadImage(spec, signal)).rejects.toMatchObject({ code: 'rejected' });
    expect(await cloudOf('rig-other').findImage(spec.id, signal)).toBeNull();
  });

  it('that are aborted midway leave an image that is not active, which can be deleted', async () => {
    const cloud = cloudOf('rig-other');
    const stop = new AbortController();
    const content = [Buffer.alloc(MB, 1), Buffer.alloc(MB, 2)];
    // After what it has it says nothing more, and does not end.
    const read = function (this: Readable): void {
      const piece = content.shift();
      if (piece) this.push(piece);
    };
    const onProgress = (sent: number): void => {
      if (sent === 2 * MB) stop.abort();
    };
    const spec = specFor('rig-other', { bytes: 8 * MB, open: () => new Readable({ read }), onProgress });
    await expect(cloud.uploadImage(spec, stop.signal)).rejects.toMatchObject({ code: 'aborted' });
    const status = expect.stringMatching(/^(queued|saving)$/) as string;
    expect(await cloud.findImage(spec.id, signal)).toMatchObject({ status, tags, bytes: null });
    await cloud.deleteImage(spec.id, signal);
    expect(await cloud.findImage(spec.id, signal)).toBeNull();
  });
});
