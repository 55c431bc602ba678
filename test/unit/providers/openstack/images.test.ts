import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../../../src/lib/ids.ts';
import { imageMetadata } from '../../../../src/providers/openstack/tags.ts';
import { Located, refused, signal, stubCloud, TAGS } from './stub-cloud.ts';

const SAVE = 'POST compute /servers/server-1/action';
const spec = { name: 'template-1', meta: { key: 'value' }, tags: TAGS };

it.each([
  ['queued', 'queued'],
  ['importing', 'saving'],
  ['active', 'active'],
  ['killed', 'error'],
  ['pending_delete', 'deleting'],
  ['deactivated', 'unknown'],
])('an image that Glance calls %s is %s', async (status, expected) => {
  const stub = stubCloud({ 'GET image /images': { images: [{ id: 'image-1', name: 'a', status }] } });
  expect((await stub.cloud.listImages(signal))[0]?.status).toBe(expected);
});

it('lists the images of the project alone, with tags on those that it saved', async () => {
  const ours = { id: 'a', status: 'active', image_type: 'snapshot', ...imageMetadata(spec), name: 'template-1' };
  const images = [ours, { ...ours, id: 'b', name: 'saved-by-hand' }, { id: 'c', name: 'uploaded', status: 'active' }];
  const stub = stubCloud({ 'GET image /images': { images } });
  expect(await stub.cloud.listImages(signal)).toEqual([
    { id: 'a', name: 'template-1', status: 'active', tags: TAGS, isSnapshot: true, bytes: null, digest: null },
    { id: 'b', name: 'saved-by-hand', status: 'active', tags: null, isSnapshot: true, bytes: null, digest: null },
    { id: 'c', name: 'uploaded', status: 'active', tags: null, isSnapshot: false, bytes: null, digest: null },
  ]);
  expect(stub.requests[0]?.query).toMatchObject({ owner: 'project-id' });
});

it.each([
  ['sha512', 'sha512', { algorithm: 'sha512', value: 'd1' }],
  ['sha256', 'sha256', { algorithm: 'sha256', value: 'd1' }],
  ['a hash that nobody here computes', 'blake2b', { algorithm: 'md5', value: 'c1' }],
])('reads the digest of an image by %s', async (_, os_hash_algo, digest) => {
  const image = { id: 'a', status: 'active', size: 5, checksum: 'c1', os_hash_algo, os_hash_value: 'd1' };
  const stub = stubCloud({ 'GET image /images/a': image });
  expect(await stub.cloud.findImage(cloudImageId('a'), signal)).toMatchObject({ id: 'a', bytes: 5, digest });
});

it('reads the only digest that an old Glance has', async () => {
  const stub = stubCloud({ 'GET image /images/a': { id: 'a', status: 'active', size: 5, checksum: 'c1' } });
  expect((await stub.cloud.findImage(cloudImageId('a'), signal))?.digest).toEqual({ algorithm: 'md5', value: 'c1' });
});

describe('looking for one image', () => {
  it('that is not there finds null', async () => {
    const stub = stubCloud({ 'GET image /images/a': refused('not-found') });
    expect(await stub.cloud.findImage(cloudImageId('a'), signal)).toBeNull();
  });

  it.each(['rejected', 'unavailable', 'auth'] as const)('fails with %s as the cloud does', async (code) => {
    const stub = stubCloud({ 'GET image /images/a': refused(code) });
    await expect(stub.cloud.findImage(cloudImageId('a'), signal)).rejects.toMatchObject({ code });
  });
});

describe('saving a server', () => {
  it('resolves with the image, and puts the tags on it', async () => {
    const stub = stubCloud({ [SAVE]: { image_id: 'image-9' } });
    expect(await stub.cloud.saveImage(serverId('server-1'), spec, signal)).toBe('image-9');
    const metadata = { key: 'value', nodepool_name: 'template-1', nodepool_record: TAGS.record };
    expect(stub.requests[0]).toMatchObject({
      microversion: '2.45',
      body: { createImage: { name: 'template-1', metadata } },
    });
  });

  it('finds the image where an old Nova points to', async () => {
    const stub = stubCloud({ [SAVE]: new Located('http://127.0.0.1:9292/images/image-9') }, { microversions: [] });
    expect(await stub.cloud.saveImage(serverId('server-1'), spec, signal)).toBe('image-9');
    expect(stub.requests[0]?.microversion).toBeUndefined();
  });

  it('that does not say as what is no success, and no failure either', async () => {
    const stub = stubCloud({ [SAVE]: {} }, { microversions: [] });
    const outcome = stub.cloud.saveImage(serverId('server-1'), spec, signal);
    await expect(outcome).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each(['not-found', 'conflict'] as const)('fails with %s as the cloud does', async (code) => {
    const stub = stubCloud({ [SAVE]: refused(code) });
    await expect(stub.cloud.saveImage(serverId('server-1'), spec, signal)).rejects.toMatchObject({ code });
  });
});
