import { describe, expect, it } from 'vitest';
import { serverId } from '../../../../src/lib/ids.ts';
import { imageMetadata } from '../../../../src/providers/openstack/tags.ts';
import { Located, refused, signal, stubCloud, TAGS } from './stub-cloud.ts';

const SAVE = 'POST compute /servers/server-1/action';
const spec = { name: 'template-1', meta: { key: 'value' }, tags: TAGS };

it.each([
  ['queued', 'saving'],
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
    { id: 'a', name: 'template-1', status: 'active', tags: TAGS, isSnapshot: true },
    { id: 'b', name: 'saved-by-hand', status: 'active', tags: null, isSnapshot: true },
    { id: 'c', name: 'uploaded', status: 'active', tags: null, isSnapshot: false },
  ]);
  expect(stub.requests[0]?.query).toMatchObject({ owner: 'project-id' });
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
