import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { FileBody } from '../../../../src/providers/openstack/http/file-body.ts';
import { startCloudDouble, unauthorized } from './cloud-double.ts';
import { failureOf, get, openSession } from './session-under-test.ts';

const PATH = '/image/v2/images/i1/file';

/** A session, and a file of two bytes whose openings and progress are noted. */
async function withFile() {
  const cloud = await startCloudDouble();
  const { session, clock } = openSession(cloud.url);
  const told: number[] = [];
  const streams: Readable[] = [];
  const open = (): Readable => {
    const stream = Readable.from(Buffer.from('{}'), { objectMode: false });
    streams.push(stream);
    return stream;
  };
  const file: FileBody = { bytes: 2, open, onProgress: (sent) => told.push(sent) };
  const put = (changes: Partial<FileBody> = {}) =>
    session.send({ ...get('/images/i1/file'), service: 'image', method: 'PUT', file: { ...file, ...changes } });
  return { cloud, clock, put, told, streams };
}

it('sends a file as it is, with its length and under the type that Glance wants', async () => {
  const { cloud, put, told, streams } = await withFile();
  cloud.serve('PUT', PATH, () => ({ status: 204 }));
  expect((await put()).status).toBe(204);
  const { headers, body } = cloud.http.received.at(-1) ?? {};
  expect(headers).toMatchObject({ 'content-type': 'application/octet-stream', 'content-length': '2' });
  expect(headers).not.toHaveProperty('transfer-encoding');
  expect([body, told]).toEqual([{}, [2]]);
  expect(streams.map(({ destroyed }) => destroyed)).toEqual([true]);
});

it('opens the file anew when the token was not taken', async () => {
  const { cloud, put, told, streams } = await withFile();
  cloud.serve('PUT', PATH, (_request, nth) => (nth === 1 ? unauthorized : { status: 204 }));
  expect((await put()).status).toBe(204);
  expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  expect([told, cloud.logins]).toEqual([[2, 2], 2]);
});

it('never sends a file again after anything else', async () => {
  const { cloud, put, streams } = await withFile();
  cloud.serve('PUT', PATH, () => ({ status: 503 }));
  expect(await failureOf(put())).toMatchObject({ code: 'unavailable' });
  expect(streams).toHaveLength(1);
});

it('ends with what the file could not be opened for', async () => {
  const { cloud, put } = await withFile();
  cloud.serve('PUT', PATH, () => ({ status: 204 }));
  const missing = new Error('ENOENT: no such file');
  const open = (): Readable => {
    throw missing;
  };
  expect(await failureOf(put({ open }))).toBe(missing);
});
