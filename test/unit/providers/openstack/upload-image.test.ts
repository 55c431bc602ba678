/** Uploads by the driver to the double, and all that can happen to them. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cloudImageId } from '../../../../src/lib/ids.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { createOpenStackDriver } from '../../../../src/providers/openstack/index.ts';
import type { Provider, UploadSpec } from '../../../../src/providers/provider.ts';
import {
  createOpenStackDouble,
  PASSWORD,
  type Behaviour,
  type Fault,
  type OpenStackDouble,
} from '../../../../tools/openstack-double/index.ts';
import { aProvider } from '../../../support/builders.ts';
import { createFakeClock, type FakeClock } from '../../../support/fake-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { failureOf } from './session-under-test.ts';
import { signal, TAGS } from './stub-cloud.ts';

const ID = cloudImageId('3b0e5a1c-6f2d-4c6e-9a57-0d1f2e3c4b5a');
const PIECE = Buffer.alloc(256 * 1024, 'a piece of an image. ');
const PIECES = 40;
const BYTES = PIECES * PIECE.length;
const SHA512 = createHash('sha512')
  .update(Buffer.concat(Array.from({ length: PIECES }, () => PIECE)))
  .digest('hex');

const POST = { service: 'image', method: 'POST' } as const;
const PUT = { service: 'image', method: 'PUT' } as const;
const DELETE = { service: 'image', method: 'DELETE' } as const;

function openFile(): Readable {
  return Readable.from(
    Array.from({ length: PIECES }, () => PIECE),
    { objectMode: false },
  );
}

interface UploadBench {
  readonly double: OpenStackDouble;
  readonly provider: Provider;
  readonly clock: FakeClock;
  upload(spec?: Partial<UploadSpec>, own?: AbortSignal): Promise<void>;
  /** Statuses of the images of the project; of all that were begun. */
  left(): readonly string[];
}

async function openBench(
  options: { apiTimeoutMs?: number; behaviour?: Partial<Behaviour> } = {},
): Promise<UploadBench> {
  const clock = createFakeClock();
  const random = createSeededRandom(1);
  const { behaviour = {}, apiTimeoutMs = 60_000 } = options;
  const double = await createOpenStackDouble({ clock, random, images: [], behaviour });
  const { authUrl } = double;
  const login = { username: 'nodepool', password: PASSWORD, authUrl, projectName: 'nodepool' };
  const credentials = { ...aProvider().credentials, ...login };
  const makeProvider = createOpenStackDriver({ clock, random, log: silentLog, env: {}, home: '/nowhere', cwd: '/' });
  const provider = makeProvider(aProvider({ driver: 'openstack', credentials, apiTimeoutMs }));
  onTestFinished(async () => {
    await double.close();
    await provider.close();
  });
  const spec: UploadSpec = {
    ...{ id: ID, name: 'ubuntu-1451606400', meta: { colour: 'red' }, tags: TAGS, format: 'qcow2', minDiskGb: 3 },
    ...{ bytes: BYTES, open: openFile, onProgress: () => undefined },
  };
  return {
    ...{ double, provider, clock },
    upload: (changes, own = signal) => provider.cloud.uploadImage({ ...spec, ...changes }, own),
    left: () => double.images().map(({ status }) => status),
  };
}

describe('an upload', () => {
  it('asks for a private image with the attributes, and with meta and tags as properties', async () => {
    const { double, upload } = await openBench();
    await upload();
    expect(double.requests.find(({ route }) => route === '/v2/images')?.body).toEqual({
      ...{ id: ID, name: 'ubuntu-1451606400', visibility: 'private' },
      ...{ disk_format: 'qcow2', container_format: 'bare', min_disk: 3 },
      ...{ colour: 'red', nodepool_name: 'ubuntu-1451606400', nodepool_installation: TAGS.installation },
      ...{ nodepool_record: TAGS.record, nodepool_attempt: '1' },
    });
    expect(double.counts()).toMatchObject({ 'image POST /v2/images': 1, 'image PUT /v2/images/:id/file': 1 });
  });

  it('is found with the size and digest of its file', async () => {
    const { provider, upload } = await openBench();
    await upload();
    const digest = { algorithm: 'sha512', value: SHA512 };
    expect(await provider.cloud.findImage(ID, signal)).toMatchObject({ status: 'active', bytes: BYTES, digest });
  });

  it.each(['id', 'name', 'visibility', 'disk_format', 'min_disk'])(
    'with "%s" in its metadata is rejected before anything is sent',
    async (key) => {
      const { double, upload } = await openBench();
      const error = await failureOf(upload({ meta: { [key]: 'x' } }));
      expect(error).toMatchObject({ code: 'rejected', message: expect.stringContaining(`"${key}"`) as string });
      expect(double.requests).toEqual([]);
    },
  );

  it('is refused when its metadata has what only Glance sets, in words that say so', async () => {
    const { upload, left } = await openBench();
    const message = expect.stringContaining("Attribute 'checksum' is read-only.") as string;
    expect(await failureOf(upload({ meta: { checksum: 'x' } }))).toMatchObject({ code: 'rejected', message });
    expect(left()).toEqual([]);
  });
});

const html = (text: string): string => `<html><body><h1>A title</h1>${text}<br /></body></html>`;

describe('an upload that the cloud refuses', () => {
  it.each<[string, Fault, string]>([
    [
      'its disk is full',
      { kind: 'status', status: 413, body: html('Image storage media is full: no space.') },
      'quota',
    ],
    ['it is too large', { kind: 'status', status: 413, body: html('The incoming image is too large.') }, 'quota'],
    [
      'a quota of Keystone is used up',
      { kind: 'status', status: 403, body: html('Project p is over a limit for [Resource image_size_total].') },
      'quota',
    ],
    ['it may not', { kind: 'status', status: 403, body: html('Not allowed to upload image data.') }, 'rejected'],
    ['the content is of another format', { kind: 'status', status: 415 }, 'rejected'],
    ['the store takes nothing', { kind: 'status', status: 410 }, 'rejected'],
    ['there were too many requests', { kind: 'status', status: 429 }, 'throttled'],
  ])('since %s leaves nothing', async (_, fault, code) => {
    const { double, upload, left } = await openBench();
    double.fault({ ...fault, match: PUT });
    expect(await failureOf(upload())).toMatchObject({ code });
    expect(left()).toEqual([]);
  });

  it('leaves nothing when it is refused after all bytes, either', async () => {
    const { double, upload, left } = await openBench();
    double.fault({ kind: 'status', status: 413, match: PUT, when: 'after' });
    expect(await failureOf(upload())).toMatchObject({ code: 'quota' });
    expect(left()).toEqual([]);
  });

  it('is unavailable when what it leaves cannot be deleted, and says why it was refused', async () => {
    const { double, upload, left } = await openBench();
    double.fault({ kind: 'status', status: 415, match: PUT });
    double.fault({ kind: 'status', status: 503, match: DELETE, times: Infinity });
    const message = expect.stringMatching(/failed with 415: .*may still be there$/) as string;
    expect(await failureOf(upload())).toMatchObject({ code: 'unavailable', message });
    expect(left()).toEqual(['queued']);
  });

  it.each([
    [413, 'quota'],
    [503, 'unavailable'],
    [409, 'conflict'],
  ])('with %d before it has the image sends no file', async (status, code) => {
    const { double, upload } = await openBench();
    double.fault({ kind: 'status', status, match: POST });
    expect(await failureOf(upload())).toMatchObject({ code });
    expect(double.count(PUT)).toBe(0);
  });

  it('as somebody else is sending the file of the same image leaves that alone', async () => {
    const { double, upload, left } = await openBench();
    double.fault({ kind: 'status', status: 409, match: PUT });
    expect(await failureOf(upload())).toMatchObject({ code: 'conflict' });
    expect([left(), double.count(DELETE)]).toEqual([['queued'], 0]);
  });

  it('as the image was deleted meanwhile says so', async () => {
    const { provider, upload, left } = await openBench();
    const deletion: Promise<void>[] = [];
    const onProgress = (): void => {
      if (deletion.length === 0) deletion.push(provider.cloud.deleteImage(ID, signal));
    };
    const message = expect.stringContaining('could not be found after upload') as string;
    const open = async function* (): AsyncGenerator<Buffer> {
      yield PIECE;
      yield PIECE;
      await deletion[0];
      for (let n = 2; n < PIECES; n += 1) yield PIECE;
    };
    const spec = { onProgress, open: () => Readable.from(open(), { objectMode: false }) };
    expect(await failureOf(upload(spec))).toMatchObject({ code: 'rejected', message });
    expect(left()).toEqual([]);
  });
});

describe('an upload that is cut short', () => {
  it.each<[string, Fault, string]>([
    ['by a reset before the first byte', { kind: 'reset' }, 'queued'],
    ['by a reset midway', { kind: 'cut', afterBytes: BYTES / 2 }, 'queued'],
    ['by the end of the service', { kind: 'status', status: 503 }, 'queued'],
    ['by a proxy that gives up', { kind: 'html', status: 504 }, 'queued'],
  ])('%s is unavailable, sent once, and leaves an image without its file', async (_, fault, status) => {
    const { double, upload, left } = await openBench();
    double.fault({ ...fault, match: PUT });
    expect(await failureOf(upload())).toMatchObject({ code: 'unavailable' });
    await expect.poll(left).toEqual([status]);
    expect(double.count(PUT)).toBe(1);
  });

  it('before its answer is unavailable, and may have had its effect', async () => {
    const { double, provider, upload } = await openBench();
    double.fault({ kind: 'reset', match: PUT, when: 'after' });
    expect(await failureOf(upload())).toMatchObject({ code: 'unavailable' });
    expect(await provider.cloud.findImage(ID, signal)).toMatchObject({ status: 'active', bytes: BYTES });
  });

  it('by its caller, while the cloud takes no more, ends at once and closes its file', async () => {
    const { double, upload, left } = await openBench();
    const stop = new AbortController();
    double.fault({ kind: 'stall', afterBytes: PIECE.length, match: PUT });
    const file = openFile();
    let sent = 0;
    const outcome = failureOf(upload({ open: () => file, onProgress: (bytes) => (sent = bytes) }, stop.signal));
    while (left()[0] !== 'saving' || sent === 0) await turn();
    stop.abort();
    expect(await outcome).toMatchObject({ code: 'aborted' });
    expect(file.destroyed).toBe(true);
    expect(left()).toEqual(['saving']);
    // Until the double has read so much that it stalls, there is nothing to let go.
    await expect.poll(() => (double.clearFaults(), left())).toEqual(['queued']);
  });

  it('may have been stored otherwise than it was sent, which shows', async () => {
    const { double, provider, upload } = await openBench();
    double.afflictNextImage({ kind: 'garbled' });
    await upload();
    const found = await provider.cloud.findImage(ID, signal);
    expect(found).toMatchObject({ status: 'active', bytes: BYTES - 1 });
    expect(found?.digest?.value).not.toBe(SHA512);
  });
});

describe('the time of an upload', () => {
  it('is not limited by api-timeout, neither by our clock nor by that of connections', async () => {
    const { double, provider, clock, upload } = await openBench({ apiTimeoutMs: 5 });
    let isOver = false;
    double.fault({ kind: 'hang', match: PUT, when: 'after' });
    const outcome = failureOf(upload()).finally(() => (isOver = true));
    while (double.images()[0]?.status !== 'active') await turn();
    double.fault({ kind: 'hang', match: { service: 'image', method: 'GET' }, times: Infinity });
    // The limit of the connections has struck for a request that came later.
    expect(await failureOf(provider.cloud.findImage(ID, signal))).toMatchObject({ code: 'unavailable' });
    await clock.advance(3_600_000);
    expect(isOver).toBe(false);
    double.clearFaults();
    expect(await outcome).toMatchObject({ code: 'unavailable' });
  });

  it('asks for a token that lasts', async () => {
    const { double, clock, provider, upload } = await openBench({ behaviour: { tokenMs: 3_600_000 } });
    const login = { service: 'identity', method: 'POST' } as const;
    await provider.cloud.listImages(signal);
    await clock.advance(1_800_000);
    await upload();
    expect(double.count(login)).toBe(1);
    await clock.advance(1);
    await upload({ id: cloudImageId('3b0e5a1c-6f2d-4c6e-9a57-0d1f2e3c4b5b') });
    expect(double.count(login)).toBe(2);
  });
});

it('sends the file once more, from its beginning, when the token is not taken', async () => {
  const { double, provider, upload } = await openBench();
  let opened = 0;
  const open = (): Readable => {
    opened += 1;
    return openFile();
  };
  double.fault({ kind: 'status', status: 401, match: PUT });
  await upload({ open });
  expect(double.count(PUT)).toBe(2);
  expect(opened).toBe(2);
  const digest = { algorithm: 'sha512', value: SHA512 };
  expect(await provider.cloud.findImage(ID, signal)).toMatchObject({ bytes: BYTES, digest });
});
