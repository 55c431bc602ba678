import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connect, type Answer, type Client } from './client.ts';

const IMAGES = '/image/v2/images';
const ID = '3b0e5a1c-6f2d-4c6e-9a57-0d1f2e3c4b5a';
const FORMATS = { disk_format: 'raw', container_format: 'bare' };
const PUT = { service: 'image', method: 'PUT' } as const;

function create(client: Client, body: unknown): Promise<Answer> {
  return client.send('POST', IMAGES, { body });
}

function put(
  client: Client,
  content: string | ReadableStream<Uint8Array>,
  type = 'application/octet-stream',
): Promise<Answer> {
  return client.send('PUT', `${IMAGES}/${ID}/file`, { body: content, headers: { 'Content-Type': type } });
}

function digest(algorithm: string, content: string): string {
  return createHash(algorithm).update(content).digest('hex');
}

/** The sentence of a refusal, without its page. */
function wordsOf({ text }: Answer): string {
  return (/<h1>.*<\/h1>\s*([^]*?)<br/.exec(text)?.[1] ?? text).replaceAll('&#x27;', "'");
}

describe('making an image', () => {
  it('answers with the image, queued, under the id that was asked for', async () => {
    const client = await connect();
    const body = { id: ID, name: 'mine', visibility: 'private', min_disk: 3, colour: 'red', ...FORMATS };
    const answer = await create(client, body);
    const shown = { ...body, status: 'queued', size: null, checksum: null, os_hash_value: null, min_ram: 0, tags: [] };
    expect(answer).toMatchObject({ status: 201, body: shown });
    expect(answer.headers.get('location')).toBe(`${client.double.url}/image/v2/images/${ID}`);
    expect((await client.send('GET', `${IMAGES}/${ID}`)).body).toEqual(answer.body);
    expect((await create(client, {})).body).toMatchObject({ visibility: 'shared', ...{ disk_format: null } });
  });

  it.each<[string, unknown, number, string]>([
    ['nothing', '', 400, 'Body expected in request.'],
    ['no JSON', '{', 400, 'Malformed JSON in request body.'],
    [
      'another id than a UUID',
      { id: 'nope' },
      400,
      "'nope' does not match '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'",
    ],
    ['a property that is no text', { colour: 1 }, 400, "1 is not of type 'string'"],
    [
      'an unknown format',
      { disk_format: 'zip' },
      400,
      "'zip' is not one of [None, 'ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop']",
    ],
    [
      'an unknown visibility',
      { visibility: 'x' },
      400,
      "'x' is not one of ['community', 'public', 'private', 'shared']",
    ],
    ['a size as text', { min_disk: '1' }, 400, "'1' is not of type 'integer'"],
    [
      'less than no disk',
      { min_disk: -1 },
      400,
      "Invalid value '-1' for parameter 'min_disk': Cannot be a negative value",
    ],
    ['what is read-only', { checksum: 'x' }, 403, "Attribute 'checksum' is read-only."],
    ['what is reserved', { os_glance_x: 'x' }, 403, "Attribute 'os_glance_x' is reserved."],
    ['publicity', { visibility: 'public' }, 403, 'You are not authorized to complete publicize_image action.'],
    ['another owner', { owner: 'x' }, 403, "You are not permitted to create images owned by 'x'."],
    [
      'too many properties',
      Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`p${n}`, 'x'])),
      413,
      'The limit has been exceeded on the number of allowed image properties. Attempted: 129, Maximum: 128',
    ],
  ])('is refused for %s', async (_, body, status, words) => {
    const client = await connect({ images: [] });
    const answer = await create(client, body);
    expect(answer.status).toBe(status);
    expect(wordsOf(answer)).toContain(words);
    expect(client.double.images()).toEqual([]);
  });

  it('is refused under an id that is, or was, in use, whoever asks', async () => {
    const client = await connect({ projects: [{ name: 'nodepool' }, { name: 'other' }] });
    await create(client, { id: ID });
    await client.login('other');
    expect((await create(client, { id: ID })).status).toBe(409);
    await client.login();
    await client.send('DELETE', `${IMAGES}/${ID}`);
    const again = await create(client, { id: ID });
    expect([again.status, wordsOf(again)]).toEqual([409, `Image ID ${ID} already exists!`]);
  });
});

describe('the file of an image', () => {
  it('makes it active, with its size and hashes', async () => {
    const client = await connect();
    await create(client, { id: ID, ...FORMATS });
    expect((await put(client, 'hello')).status).toBe(204);
    expect((await client.send('GET', `${IMAGES}/${ID}`)).body).toMatchObject({
      ...{ status: 'active', size: 5, virtual_size: 5, checksum: digest('md5', 'hello') },
      ...{ os_hash_algo: 'sha512', os_hash_value: digest('sha512', 'hello'), stores: 'file' },
    });
    await expect(client.createServer({ imageRef: ID })).resolves.toEqual(expect.any(String));
  });

  it('is refused in another type, a second time, before formats, of unknown and of other images', async () => {
    const client = await connect({ projects: [{ name: 'nodepool' }, { name: 'other' }] });
    const outcome = async (answer: Promise<Answer>): Promise<unknown> => [(await answer).status, wordsOf(await answer)];
    expect(await outcome(put(client, 'a'))).toEqual([404, `No image found with ID ${ID}`]);
    await create(client, { id: ID });
    const formats = 'Properties disk_format, container_format must be set prior to saving data.';
    expect(await outcome(put(client, 'a'))).toEqual([400, formats]);
    const other = await connect();
    await create(other, { id: ID, ...FORMATS });
    expect(await outcome(put(other, 'a', 'application/json'))).toEqual([
      415,
      'The request media type application/json is not supported by this server.\n',
    ]);
    await put(other, 'a');
    const twice = 'Image status transition from active to saving is not allowed';
    expect(await outcome(put(other, 'a'))).toEqual([409, twice]);
    await client.login('other');
    expect(await outcome(put(client, 'a'))).toEqual([404, `No image found with ID ${ID}`]);
  });

  it('is lost when the image is deleted before all of it has come', async () => {
    const client = await connect();
    await create(client, { id: ID, ...FORMATS });
    let push: (text: string | null) => void = () => undefined;
    const content = new ReadableStream<Uint8Array>({
      start: (controller) => {
        push = (text) => (text === null ? controller.close() : controller.enqueue(Buffer.from(text)));
      },
    });
    const answer = put(client, content);
    push('a');
    while (client.double.images().at(-1)?.status !== 'saving') await turn();
    await client.send('DELETE', `${IMAGES}/${ID}`);
    push(null);
    expect((await answer).status).toBe(410);
  });
});

describe('faults of files', () => {
  const LARGE = 'x'.repeat(1024 * 1024);

  it('cut the connection midway, which leaves the image queued', async () => {
    const client = await connect();
    await create(client, { id: ID, ...FORMATS });
    client.double.fault({ match: PUT, kind: 'cut', afterBytes: 1000 });
    await expect(put(client, LARGE)).rejects.toThrow();
    await expect.poll(() => client.double.images().at(-1)?.status).toBe('queued');
    expect(client.double.requests.find(({ method }) => method === 'PUT')).toMatchObject({ status: 0 });
    expect((await put(client, LARGE)).status).toBe(204);
  });

  it('take no more from some place on, while the image is saving, until they let go', async () => {
    const client = await connect();
    await create(client, { id: ID, ...FORMATS });
    client.double.fault({ match: PUT, kind: 'stall', afterBytes: 1 });
    const outcome = expect(put(client, LARGE)).rejects.toThrow();
    while (client.double.images().at(-1)?.status !== 'saving') await turn();
    expect((await put(client, 'a')).status).toBe(409);
    await expect.poll(() => (client.double.clearFaults(), client.double.images().at(-1)?.status)).toBe('queued');
    await outcome;
  });

  it('refuse it without reading it, or after having taken it', async () => {
    const client = await connect();
    await create(client, { id: ID, ...FORMATS });
    client.double.fault({ match: PUT, kind: 'status', status: 503 });
    expect((await put(client, LARGE)).status).toBe(503);
    expect(client.double.images().at(-1)?.status).toBe('queued');
    client.double.fault({ match: PUT, kind: 'status', status: 503, when: 'after' });
    expect((await put(client, LARGE)).status).toBe(503);
    expect(client.double.images().at(-1)?.status).toBe('active');
  });

  it('come over an image when its file is complete', async () => {
    const client = await connect();
    const shown = async (): Promise<unknown> => (await client.send('GET', `${IMAGES}/${ID}`)).body;
    client.double.afflictNextImage({ kind: 'garbled' });
    await create(client, { id: ID, ...FORMATS });
    await put(client, 'hello');
    expect(await shown()).toMatchObject({ status: 'active', size: 4 });
    expect(await shown()).not.toMatchObject({ checksum: digest('md5', 'hello') });
    client.double.afflictImage(ID, { kind: 'killed' });
    expect(await shown()).toMatchObject({ status: 'killed' });
  });
});
