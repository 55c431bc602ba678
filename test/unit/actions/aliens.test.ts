import { expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { cloudImageId } from '../../../src/lib/ids.ts';
import type { CloudImage } from '../../../src/providers/provider.ts';
import { anActionBench } from '../../support/action-bench.ts';
import { aConfig, anImage, aProvider, aWorld, NO_RECORDS, NOW, tagsOf } from '../../support/builders.ts';

const ROW = anImage({ id: 1, cloudImageId: cloudImageId('known') });
const aCloudImage = (id: string, overrides: Partial<CloudImage> = {}): CloudImage => ({
  id: cloudImageId(id),
  name: `image ${id}`,
  status: 'active',
  tags: null,
  isSnapshot: false,
  bytes: null,
  digest: null,
  ...overrides,
});

/** What `alien-image-list` is answered where the first provider has these images and the second one does not answer. */
async function askFor(images: readonly CloudImage[]): Promise<unknown> {
  const providers = ['a', 'b'].map((name) => aProvider({ name }));
  let asked = 0;
  const listImages = async (): Promise<readonly CloudImage[]> => {
    if ((asked += 1) > 1) throw new NodepoolError('unavailable', 'time-out');
    return Promise.resolve(images);
  };
  const pool = { ...NO_RECORDS, images: [ROW] };
  const own = anActionBench(aWorld({ config: aConfig({ providers }), images: [ROW] }), {
    cloud: { listImages },
    store: { readPool: () => Promise.resolve(pool) },
  });
  const times = { createdAt: NOW, finishedAt: null };
  const intent = {
    id: 1,
    kind: 'alien-image-list',
    args: { provider: null },
    ...times,
    result: null,
    error: null,
  } as const;
  await own.perform({ kind: 'answer-intent', subject: 'intent:1', reason: 'intent', intent });
  return (own.argumentsOf('answer')[0]?.[1] as { result: unknown }).result;
}

it('images without a row are those made of servers, and those with a mark of Nodepool; the others are not ours', async () => {
  const answer = await askFor([
    aCloudImage('known', { isSnapshot: true }),
    aCloudImage('stray', { isSnapshot: true }),
    aCloudImage('upload', { tags: tagsOf('image', { id: 9, createdAt: NOW }) }),
    aCloudImage('of the row', { tags: tagsOf('image', ROW) }),
    aCloudImage('base'),
  ]);
  expect(answer).toMatchObject({
    rows: [
      { provider: 'a', name: 'image stray', image_id: 'stray' },
      { provider: 'a', name: 'image upload', image_id: 'upload' },
    ],
  });
});

it('a provider that does not answer is a warning, and the others are listed', async () => {
  expect(await askFor([aCloudImage('stray', { isSnapshot: true })])).toEqual({
    rows: [{ provider: 'a', name: 'image stray', image_id: 'stray' }],
    warnings: ['provider b did not answer: time-out'],
  });
});
