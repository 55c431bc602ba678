import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { FakeCloudConfig } from '../../../src/config/types.ts';
import { cloudImageId } from '../../../src/lib/ids.ts';
import { FakeCloud } from '../../../src/providers/fake/cloud.ts';
import type { UploadSpec } from '../../../src/providers/provider.ts';
import { aProvider, INSTALLATION } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const signal = new AbortController().signal;
const ID = cloudImageId('00000000-0000-4000-8000-00000000000a');
const tags = { installation: INSTALLATION, record: 'image-1-k', attempt: 1 };

/** A fake cloud with these settings, and an upload of `hello` to it. */
function withCloud(fake: Partial<FakeCloudConfig> = {}) {
  const clock = createFakeClock(0);
  const configWith = (settings: Partial<FakeCloudConfig>) => aProvider({ fake: { ...aProvider().fake, ...settings } });
  const cloud = new FakeCloud({ clock, random: createSeededRandom(7), config: configWith(fake), block: 0 });
  const spec: UploadSpec = {
    ...{ id: ID, name: 'ubuntu-1', meta: {}, tags, format: 'qcow2', minDiskGb: 0, bytes: 5 },
    open: () => Readable.from(Buffer.from('hello'), { objectMode: false }),
    onProgress: () => undefined,
  };
  return {
    ...{ clock, cloud },
    set: (settings: Partial<FakeCloudConfig>) => cloud.configure(configWith(settings)),
    upload: (changes: Partial<UploadSpec> = {}) => cloud.uploadImage({ ...spec, ...changes }, signal),
    ours: () => cloud.images().filter((image) => image.tags),
  };
}

describe('an upload to the fake cloud', () => {
  it('makes an active image with the size and digest of its file', async () => {
    const { upload, ours } = withCloud();
    await upload();
    const digest = { algorithm: 'sha512', value: createHash('sha512').update('hello').digest('hex') };
    const image = { id: ID, name: 'ubuntu-1', status: 'active', tags, isSnapshot: false, bytes: 5, digest };
    expect(ours()).toEqual([image]);
  });

  it('is refused after all its bytes as often as fail-uploads says, and leaves nothing', async () => {
    const { upload, ours } = withCloud({ failUploads: 1 });
    let sent = 0;
    const outcome = upload({ onProgress: (bytes) => (sent = bytes) });
    await expect(outcome).rejects.toMatchObject({
      code: 'rejected',
      message: expect.stringContaining('fail-uploads') as string,
    });
    expect([sent, ours()]).toEqual([5, []]);
  });

  it('takes the delay of the API before and after its bytes', async () => {
    const { clock, upload, ours } = withCloud({ apiDelayMs: 1000 });
    const outcome = upload();
    await clock.advance(999);
    expect(ours()).toEqual([]);
    await clock.advance(1);
    expect(ours()).toMatchObject([{ status: 'saving', bytes: null, digest: null }]);
    await clock.advance(1000);
    await outcome;
    expect(ours()).toMatchObject([{ status: 'active' }]);
  });

  it('leaves an image that is never active when the cloud goes away midway', async () => {
    const { clock, upload, ours, set } = withCloud();
    await expect(upload({ onProgress: () => set({ down: true }) })).rejects.toMatchObject({ code: 'unavailable' });
    await clock.advance(3_600_000);
    expect(ours()).toMatchObject([{ id: ID, status: 'saving' }]);
  });

  it('fails when its image is deleted meanwhile', async () => {
    const { cloud, upload, ours } = withCloud();
    const outcome = upload({ onProgress: () => void cloud.deleteImage(ID, signal) });
    await expect(outcome).rejects.toMatchObject({ code: 'not-found' });
    expect(ours()).toEqual([]);
  });
});
