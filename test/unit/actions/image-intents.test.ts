import { describe, expect, it } from 'vitest';
import type { DiskImageRecord, ImageRecord, IntentKind, IntentRecord } from '../../../src/lifecycle/records.ts';
import type { World } from '../../../src/planning/world.ts';
import type { Store } from '../../../src/store/store.ts';
import { anActionBench, failing, type ActionBench } from '../../support/action-bench.ts';
import {
  aConfig,
  aDiskImage,
  aDiskimageConfig,
  aLabel,
  anImage,
  anImageFile,
  aPause,
  aProvider,
  aProviderImage,
  aWorld,
  NOW,
} from '../../support/builders.ts';

const madeOf = (name: string, diskimage: string) =>
  [name, aProviderImage({ name, source: { kind: 'diskimage', diskimage } })] as const;
const SNAPSHOT = ['snap', aProviderImage({ name: 'snap' })] as const;

/** `img` is made of `ubuntu` at a and b, and of `fedora` at c; `snap` is a snapshot at a, and of `fedora` at c. */
const CONFIG = aConfig({
  labels: [aLabel({ image: 'img', providers: ['a'] })],
  providers: [
    aProvider({ name: 'a', images: new Map([madeOf('img', 'ubuntu'), SNAPSHOT]) }),
    aProvider({ name: 'b', images: new Map([madeOf('img', 'ubuntu')]), imageType: 'vhd' }),
    aProvider({ name: 'c', images: new Map([madeOf('img', 'fedora'), madeOf('snap', 'fedora')]) }),
  ],
  diskimages: ['ubuntu', 'fedora'].map((name) => aDiskimageConfig({ name })),
});

interface Situation {
  readonly images?: readonly ImageRecord[];
  readonly diskImages?: readonly DiskImageRecord[];
  readonly store?: Partial<Store>;
  readonly world?: Partial<World>;
}

let asked = 0;

/** Asks, and answers what was answered: a result, or a sentence. */
async function ask(kind: IntentKind, args: IntentRecord['args'], situation: Situation = {}) {
  const { images = [], diskImages = [], store = {}, world = {} } = situation;
  const pool = { nodes: [], images, diskImages, pauses: [], failures: [], intents: [], requests: [], jobs: [] };
  let ids = 100;
  const opened = { createImage: () => Promise.resolve((ids += 1)), createDiskImage: () => Promise.resolve((ids += 1)) };
  const own = anActionBench(aWorld({ config: CONFIG, images, diskImages, ...world }), {
    store: { readPool: () => Promise.resolve(pool), ...opened, ...store },
  });
  const id = (asked += 1);
  const intent = { id, kind, args, finishedAt: null, result: null, error: null };
  await own.perform({ kind: 'answer-intent', subject: `intent:${id}`, reason: 'intent', intent });
  const [[answeredId, answer] = []] = own.argumentsOf('answer') as [[number, { result?: unknown; error?: string }]?];
  expect(answeredId).toBe(id);
  return { answer: answer?.error ?? answer?.result, own };
}

const NOTHING = ['createImage', 'createDiskImage', 'patch', 'moveImage', 'moveDiskImage'] as const;
const writesOf = (own: ActionBench): string[] =>
  own.writes.map(({ call }) => call).filter((call) => (NOTHING as readonly string[]).includes(call));

/** A refusal must mean that nothing was begun. */
async function expectRefusal(sentence: string, ...question: Parameters<typeof ask>): Promise<void> {
  const { answer, own } = await ask(...question);
  expect([answer, writesOf(own)]).toEqual([sentence, []]);
}

const WITHOUT_IMAGES = { world: { switches: { launches: true, deletes: true, images: false } } };

describe('image-build', () => {
  it('begins a build, also of one that is paused: the operator asks for it', async () => {
    const { answer, own } = await ask('image-build', { image: 'ubuntu' }, { world: { pauses: [aPause()] } });
    expect(answer).toEqual({ id: 101, isNew: true });
    expect(own.argumentsOf('createDiskImage')).toEqual([
      [{ image: 'ubuntu', version: NOW / 1000, reason: 'operator' }],
    ]);
  });

  it('answers the build that is under way', async () => {
    const store = { createDiskImage: () => Promise.resolve(null) };
    const diskImages = [aDiskImage({ id: 5 }), aDiskImage({ id: 6, state: 'building' })];
    const { answer } = await ask('image-build', { image: 'ubuntu' }, { diskImages, store });
    expect(answer).toEqual({ id: 6, isNew: false });
  });

  it('answers none when that ended at the same moment', async () => {
    const { answer } = await ask(
      'image-build',
      { image: 'ubuntu' },
      { store: { createDiskImage: () => Promise.resolve(null) } },
    );
    expect(answer).toEqual({ id: null, isNew: false });
  });

  it('refuses what is not configured, and says what may be meant', async () => {
    await expectRefusal('there is no disk image ubunto (did you mean ubuntu?)', 'image-build', { image: 'ubunto' });
    await expectRefusal('there is no disk image zzz (there are: ubuntu, fedora)', 'image-build', { image: 'zzz' });
  });

  it('is refused by a daemon that makes no images', async () => {
    await expectRefusal('the daemon runs with --no-images', 'image-build', { image: 'ubuntu' }, WITHOUT_IMAGES);
  });

  it('is left to the next pass when the database is away', async () => {
    const question = ask(
      'image-build',
      { image: 'ubuntu' },
      { store: { createDiskImage: failing('database-unavailable') } },
    );
    await expect(question).rejects.toMatchObject({ code: 'database-unavailable' });
  });
});

describe('image-upload', () => {
  const both = aDiskImage({ id: 5, files: [anImageFile(), anImageFile({ format: 'vhd' })] });
  const fedora = aDiskImage({ id: 6, image: 'fedora' });

  it('begins an upload of the newest READY build at each provider, in its format', async () => {
    const newer = aDiskImage({ id: 7, version: both.version + 60 });
    const diskImages = [both, fedora, newer, aDiskImage({ id: 8, state: 'building', version: both.version + 99 })];
    const { answer, own } = await ask('image-upload', { provider: 'all', image: 'img' }, { diskImages });
    expect(answer).toEqual({
      uploads: [
        { provider: 'a', id: 101 },
        { provider: 'b', id: 102 },
        { provider: 'c', id: 103 },
      ],
    });
    const rows = own.argumentsOf('createImage').map(([row]) => row as { diskImageId: number; reason: string });
    expect(rows.map(({ diskImageId, reason }) => [diskImageId, reason])).toEqual([
      [7, 'operator'],
      [5, 'operator'],
      [6, 'operator'],
    ]);
  });

  it('concerns one provider when asked so, and says where one is under way', async () => {
    const store = { createImage: () => Promise.resolve(null) };
    const { answer } = await ask('image-upload', { provider: 'b', image: 'img' }, { diskImages: [both], store });
    expect(answer).toEqual({ uploads: [{ provider: 'b', id: null }] });
  });

  it('leaves out where the image is a snapshot', async () => {
    const { answer } = await ask('image-upload', { provider: 'all', image: 'snap' }, { diskImages: [fedora] });
    expect(answer).toEqual({ uploads: [{ provider: 'c', id: 101 }] });
  });

  it('is refused as a whole when one provider can get none: nothing is begun', async () => {
    const qcow2 = aDiskImage({ id: 5 });
    await expectRefusal(
      'disk image ubuntu has no READY build with a vhd file for b; build it with "nodepool image-build ubuntu"',
      'image-upload',
      { provider: 'all', image: 'img' },
      { diskImages: [qcow2, fedora] },
    );
  });

  it('is refused for a snapshot, an image or a provider that is not there, and without images', async () => {
    const question = (provider: string, image: string) => ['image-upload', { provider, image }] as const;
    await expectRefusal('image snap is a snapshot; use "nodepool image-update"', ...question('a', 'snap'));
    await expectRefusal('no provider b has an image snap', ...question('b', 'snap'));
    await expectRefusal('no provider has an image zzz', ...question('all', 'zzz'));
    await expectRefusal('no provider zzz has an image img', ...question('zzz', 'img'));
    await expectRefusal('the daemon runs with --no-images', ...question('all', 'img'), WITHOUT_IMAGES);
  });
});

describe('image-update', () => {
  it('builds each disk image once, whatever number of providers use it', async () => {
    const { answer, own } = await ask('image-update', { provider: 'all', image: 'img' });
    expect(answer).toEqual({
      images: [],
      builds: [
        { image: 'ubuntu', id: 101 },
        { image: 'fedora', id: 102 },
      ],
    });
    expect(writesOf(own)).toEqual(['createDiskImage', 'createDiskImage']);
  });

  it('builds snapshots at their providers', async () => {
    const { answer, own } = await ask('image-update', { provider: 'all', image: 'snap' });
    expect(answer).toEqual({ images: [{ provider: 'a', id: 101 }], builds: [{ image: 'fedora', id: 102 }] });
    expect(own.argumentsOf('createImage')).toMatchObject([[{ provider: 'a', image: 'snap', reason: 'operator' }]]);
  });

  it('is refused for what is not there, and without images', async () => {
    await expectRefusal('no provider b has an image snap', 'image-update', { provider: 'b', image: 'snap' });
    await expectRefusal(
      'the daemon runs with --no-images',
      'image-update',
      { provider: 'b', image: 'img' },
      WITHOUT_IMAGES,
    );
  });
});

describe('image-rollback', () => {
  const at = (provider: string, id: number, overrides: Partial<ImageRecord> = {}): ImageRecord =>
    anImage({ id, provider, image: 'img', ...overrides });
  const images = [at('a', 1), at('a', 2), at('a', 3, { withdrawnAt: NOW }), at('b', 4), at('b', 5), at('c', 6)];

  it('withdraws the current image at each provider that has one before it', async () => {
    const { answer, own } = await ask('image-rollback', { image: 'img', provider: null }, { images });
    expect(answer).toEqual({
      images: [
        { provider: 'a', withdrawn: 2, current: 1 },
        { provider: 'b', withdrawn: 5, current: 4 },
      ],
    });
    const patch = { withdrawnAt: NOW, reason: 'rolled-back' };
    expect(own.argumentsOf('patch')).toEqual([
      ['image', 2, { state: 'ready' }, patch, { kind: 'withdrawn', reason: 'rolled-back', detail: 'back to image 1' }],
      ['image', 5, { state: 'ready' }, patch, { kind: 'withdrawn', reason: 'rolled-back', detail: 'back to image 4' }],
    ]);
  });

  it('concerns one provider when asked so, and needs no --images', async () => {
    const { answer } = await ask('image-rollback', { image: 'img', provider: 'b' }, { images, ...WITHOUT_IMAGES });
    expect(answer).toEqual({ images: [{ provider: 'b', withdrawn: 5, current: 4 }] });
  });

  it('is refused where there is none to go back to: withdrawn ones, and those of others, do not count', async () => {
    const question = (provider: string | null) => ['image-rollback', { image: 'img', provider }] as const;
    await expectRefusal('there is no earlier READY image img to go back to at c', ...question('c'), { images });
    await expectRefusal('there is no earlier READY image img to go back to at a, b, c', ...question(null), {
      images: [at('a', 1), at('a', 2, { withdrawnAt: NOW }), at('b', 4, { state: 'building' }), at('b', 5)],
    });
    await expectRefusal('no provider has an image zzz', 'image-rollback', { image: 'zzz', provider: null });
  });

  it('is refused when the image goes at the same moment', async () => {
    const store = { patch: () => Promise.resolve(false) };
    const { answer, own } = await ask('image-rollback', { image: 'img', provider: 'a' }, { images, store });
    expect(answer).toBe('image img changed at the same moment; try again');
    expect(own.metrics).toEqual([]);
  });
});

describe('image-delete', () => {
  it('of an upload under way moves its row at once: the upload is aborted by that', async () => {
    const row = anImage({ id: 9, provider: 'a', image: 'img', state: 'building', diskImageId: 5 });
    const { answer, own } = await ask('image-delete', { id: 9, force: false }, { images: [row] });
    expect(answer).toEqual({ id: 9 });
    expect(own.argumentsOf('moveImage')).toMatchObject([[{ id: 9, from: 'building', to: 'delete', by: 'operator' }]]);
  });
});
