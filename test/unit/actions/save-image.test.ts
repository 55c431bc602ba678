import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { anActionBench, failing, type BenchOptions } from '../../support/action-bench.ts';
import { anImage, aWorld, NOW } from '../../support/builders.ts';

const IMAGE = anImage({ id: 2, state: 'building', serverId: serverId('t'), setupDoneAt: NOW, saveAttempt: 1 });
const SAVE: Action = {
  kind: 'save-image',
  subject: 'image:2',
  reason: 'next-step',
  imageId: 2,
  serverId: serverId('t'),
};
const bench = (options: BenchOptions) => anActionBench(aWorld({ images: [IMAGE] }), options);

describe('the row of a snapshot', () => {
  const ahead = NOW / 1000 + 3600;

  it('has a version above that of the others there, also after the clock was set back: the newest is booted from', async () => {
    const images = [
      anImage({ image: 'img', version: ahead }),
      anImage({ image: 'img', provider: 'else', version: ahead + 9 }),
      anImage({ image: 'other', version: ahead + 9 }),
    ];
    const { argumentsOf, perform } = anActionBench(aWorld({ images }));
    const subject = 'build:cloud/img';
    await perform({ kind: 'build-image', subject, reason: 'image-missing', provider: 'cloud', image: 'img' });
    expect(argumentsOf('createImage')).toMatchObject([[{ image: 'img', version: ahead + 1 }]]);
  });
});

describe('the deletion of an image', () => {
  const DELETE: Action = {
    kind: 'delete-cloud-image',
    subject: 'image:2',
    reason: 'deleted',
    imageId: 2,
    provider: 'cloud',
    cloudImageIds: [cloudImageId('old')],
  };

  it('that disks depend on is asked for again after a minute, and stays on record', async () => {
    const { perform, writes } = bench({ cloud: { deleteImage: failing('conflict') } });
    await expect(perform(DELETE)).rejects.toMatchObject({ code: 'conflict', retryAfterMs: 60_000 });
    expect(writes).toEqual([]);
  });

  it('that is accepted leaves the rest to the sweep', async () => {
    const { argumentsOf, perform } = bench({});
    await perform(DELETE);
    expect(argumentsOf('patch')).toEqual([['image', 2, {}, { cloudImageId: null, saveAt: null }]]);
  });
});

describe('the attempt to save an image', () => {
  it('goes on record before its call, by compare-and-set', async () => {
    const { argumentsOf, calls, perform } = bench({ store: { patch: () => Promise.resolve(false) } });
    await perform(SAVE);
    expect(argumentsOf('patch')).toEqual([
      ['image', 2, { state: 'building', saveAttempt: 1 }, { saveAt: NOW, saveAttempt: 2 }],
    ]);
    expect(calls).toEqual([]);
  });

  it('puts the id on record that the cloud answers', async () => {
    const saveImage = () => Promise.resolve(cloudImageId('saved'));
    const { argumentsOf, perform } = bench({ cloud: { saveImage } });
    await perform(SAVE);
    expect(argumentsOf('patch')[1]).toMatchObject(['image', 2, { saveAttempt: 2 }, { cloudImageId: 'saved' }, {}]);
  });

  it.each(['throttled', 'conflict'] as const)(
    'that is answered with %s is taken back, and made again soon',
    async (code) => {
      const { argumentsOf, perform } = bench({ cloud: { saveImage: failing(code) } });
      await expect(perform(SAVE)).rejects.toMatchObject({ code });
      expect(argumentsOf('patch')[1]).toEqual(['image', 2, { saveAttempt: 2 }, { saveAt: null, saveAttempt: 1 }]);
      expect(argumentsOf('moveImage')).toEqual([]);
    },
  );

  it('that is not answered may still have its effect, counted from its end', async () => {
    const { argumentsOf, perform } = bench({ cloud: { saveImage: failing('unavailable') } });
    await expect(perform(SAVE)).rejects.toMatchObject({ code: 'unavailable' });
    expect(argumentsOf('patch')[1]).toEqual(['image', 2, { saveAttempt: 2 }, { saveAt: NOW }]);
  });

  it('of a template that is busy is made again every ten seconds, for ten minutes after the set-up', async () => {
    const trying = (setupDoneAt: number) =>
      anActionBench(aWorld({ images: [{ ...IMAGE, setupDoneAt }] }), { cloud: { saveImage: failing('conflict') } });
    const early = trying(NOW - 600_000);
    await expect(early.perform(SAVE)).rejects.toMatchObject({ code: 'conflict', retryAfterMs: 10_000 });
    const late = trying(NOW - 600_001);
    await late.perform(SAVE);
    expect(late.argumentsOf('moveImage')).toMatchObject([[{ event: { reason: 'save-failed' } }]]);
  });

  it('that is refused fails the build', async () => {
    const { argumentsOf, failures, perform } = bench({ cloud: { saveImage: failing('rejected') } });
    await perform(SAVE);
    expect(argumentsOf('moveImage')).toMatchObject([[{ event: { reason: 'save-failed' } }]]);
    expect(failures).toMatchObject([{ kind: 'build' }]);
  });
});
