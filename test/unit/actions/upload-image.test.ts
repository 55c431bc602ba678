import { describe, expect, it } from 'vitest';
import { NodepoolError, type ErrorCode } from '../../../src/lib/errors.ts';
import { cloudImageId, type CloudImageId } from '../../../src/lib/ids.ts';
import type { ImageRecord } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import type { CloudImage, Digest, UploadSpec } from '../../../src/providers/provider.ts';
import type { SupervisedCloud } from '../../../src/providers/supervised.ts';
import type { Store } from '../../../src/store/store.ts';
import { anActionBench, failing, type ActionBench } from '../../support/action-bench.ts';
import {
  aConfig,
  aDiskImage,
  aLabel,
  anImage,
  aProvider,
  aProviderImage,
  aWorld,
  INSTALLATION,
  NOW,
  tagsOf,
} from '../../support/builders.ts';
import { fileOf } from '../../support/disk-images.ts';

const CONTENT = 'what is in the image';
/** A disk of 3 GiB, rounded up to whole cylinders. */
const FILE = { ...fileOf('qcow2', CONTENT), virtualBytes: 3 * 1024 ** 3 + 8 * 1024 ** 2 };
const BUILD = aDiskImage({ id: 5, version: 17, files: [FILE] });
const ROW = anImage({ id: 9, image: 'img', state: 'building', diskImageId: 5, reason: 'new-build' });
const UPLOAD: Action = { kind: 'upload-image', subject: 'image:9', reason: 'next-step', imageId: 9, diskImageId: 5 };
const IMG = aProviderImage({ name: 'img', source: { kind: 'diskimage', diskimage: 'ubuntu' }, meta: { key: 'value' } });
const CONFIG = aConfig({
  labels: [aLabel({ image: 'img' })],
  providers: [aProvider({ images: new Map([['img', IMG]]) })],
});

/** A cloud that takes files, and says of them what it is told to say. */
class Glance {
  readonly images = new Map<CloudImageId, CloudImage>();
  readonly specs: UploadSpec[] = [];
  readonly sent: string[] = [];
  /** What comes of an upload that was taken. */
  outcome: Partial<CloudImage> = {};

  readonly cloud: Partial<SupervisedCloud> = {
    uploadImage: async (spec) => {
      this.specs.push(spec);
      let content = '';
      for await (const chunk of spec.open()) content += String(chunk);
      this.sent.push(content);
      this.show(spec.id, this.outcome);
    },
    findImage: (id) => Promise.resolve(this.images.get(id) ?? null),
    deleteImage: (id) => Promise.resolve(void this.images.delete(id)),
  };

  show(id: CloudImageId, overrides: Partial<CloudImage> = {}): void {
    const digest: Digest = { algorithm: 'sha512', value: FILE.sha512 };
    const image = {
      id,
      name: 'x',
      status: 'active',
      tags: null,
      isSnapshot: false,
      bytes: FILE.bytes,
      digest,
    } as const;
    this.images.set(id, { ...image, ...overrides });
  }
}

interface Bench extends ActionBench {
  readonly glance: Glance;
}

interface Situation {
  readonly row?: Partial<ImageRecord>;
  readonly cloud?: Partial<SupervisedCloud>;
  readonly store?: Partial<Store>;
}

function bench({ row = {}, cloud = {}, store = {} }: Situation = {}): Bench {
  const glance = new Glance();
  const world = aWorld({ config: CONFIG, images: [{ ...ROW, ...row }], diskImages: [BUILD] });
  const own = anActionBench(world, { cloud: { ...glance.cloud, ...cloud }, store });
  own.diskImages.disk.files.set('ubuntu-17.qcow2', CONTENT);
  return { ...own, glance };
}

/** What is written when an upload was found in order. */
const done = (id: string): unknown[] => [
  {
    id: 9,
    from: 'building',
    to: 'ready',
    by: 'launch',
    patch: { cloudImageId: id, reason: null, progressBytes: null },
    event: { kind: 'ready', reason: 'next-step' },
  },
];
const failed = (detail: unknown): unknown => [
  { id: 9, from: 'building', to: 'delete', event: { kind: 'build-failed', reason: 'upload-failed', detail } },
];
const BUILD_PLACE = { kind: 'build', provider: 'cloud', image: 'img', az: null };

describe('an upload', () => {
  it('has its attempt and the id of its image on record before anything is sent, by compare-and-set', async () => {
    const lost = bench({ row: { saveAttempt: 1 }, store: { patch: () => Promise.resolve(false) } });
    await lost.perform(UPLOAD);
    expect(lost.argumentsOf('patch')).toEqual([
      [
        'image',
        9,
        { state: 'building', saveAttempt: 1 },
        {
          cloudImageId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
          saveAttempt: 2,
          saveAt: NOW,
          progressBytes: 0,
        },
        { kind: 'uploading', reason: 'next-step', detail: expect.stringContaining('qcow2, 20 bytes, as ') as string },
      ],
    ]);
    expect([lost.glance.specs, lost.calls]).toEqual([[], []]);
  });

  it('sends the file with what the cloud has to know', async () => {
    const { perform, glance, argumentsOf } = bench();
    await perform(UPLOAD);
    const [spec] = glance.specs;
    const [[, , , attempt]] = argumentsOf('patch') as [[string, number, object, { cloudImageId: string }]];
    expect(spec).toMatchObject({
      id: attempt.cloudImageId,
      name: ROW.hostname,
      meta: { key: 'value' },
      tags: { ...tagsOf('image', ROW), installation: INSTALLATION, attempt: 1 },
      format: 'qcow2',
      minDiskGb: 3,
      bytes: FILE.bytes,
    });
    expect(glance.sent).toEqual([CONTENT]);
  });

  it('that arrived as it was sent is READY; what failed before is forgotten, and the speed is told', async () => {
    const { perform, glance, argumentsOf, cleared, metrics, failures } = bench();
    expect(await perform(UPLOAD)).toBeUndefined();
    expect(argumentsOf('moveImage')).toEqual([done(glance.specs[0]!.id)]);
    expect(argumentsOf('patch')[1]).toEqual([
      'image',
      9,
      { state: 'building', saveAttempt: 1 },
      { progressBytes: FILE.bytes },
    ]);
    expect(cleared).toEqual([BUILD_PLACE, { kind: 'provider', provider: 'cloud', image: null, az: null }]);
    expect(metrics.map(({ call }) => call)).toEqual(['imageUploaded', 'imageUpdated']);
    expect(failures).toEqual([]);
  });

  it('writes down how far it has come, every five seconds, also after the clock was set back', async () => {
    const uploadImage: SupervisedCloud['uploadImage'] = async ({ onProgress }) => {
      for (const [sent, ms] of [
        [1, 2500],
        [2, 2500],
        [3, 4999],
        [4, -3_600_000],
        [5, 2500],
      ] as const) {
        own.clock.set(own.clock.now() + ms);
        onProgress(sent);
      }
      return Promise.resolve();
    };
    const own = bench({ cloud: { uploadImage } });
    await own.perform(UPLOAD);
    const progress = own.argumentsOf('patch').slice(1, -2);
    const guard = { state: 'building', saveAttempt: 1 };
    expect(progress).toEqual([2, 4].map((progressBytes) => ['image', 9, guard, { progressBytes }]));
  });

  it('writes down at once that all was taken: when the answer is lost, nothing has to be sent again', async () => {
    const uploadImage: SupervisedCloud['uploadImage'] = ({ id, bytes, onProgress }) => {
      own.glance.show(id, { status: 'saving', bytes: null, digest: null });
      onProgress(bytes);
      return failing('unavailable', 'HTTP 504')();
    };
    const own = bench({ cloud: { uploadImage } });
    await expect(own.perform(UPLOAD)).rejects.toMatchObject({ code: 'unavailable' });
    const guard = { state: 'building', saveAttempt: 1 };
    expect(own.argumentsOf('patch').slice(1)).toEqual([['image', 9, guard, { progressBytes: FILE.bytes }]]);
  });

  it('does not end because its progress cannot be written', async () => {
    let patches = 0;
    const uploadImage: SupervisedCloud['uploadImage'] = async ({ id, onProgress }) => {
      own.clock.set(NOW + 5000);
      onProgress(1);
      own.glance.show(id);
      return Promise.resolve();
    };
    const patch = () => ((patches += 1) === 2 ? failing('database-unavailable')() : Promise.resolve(true));
    const own = bench({ cloud: { uploadImage }, store: { patch } });
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveImage')).toHaveLength(1);
  });
});

describe('an upload that does not go well', () => {
  it.each<ErrorCode>(['unavailable', 'throttled', 'conflict', 'auth', 'not-found'])(
    'because of %s is tried again, and ends with the third attempt',
    async (code) => {
      for (const saveAttempt of [0, 1]) {
        const early = bench({ row: { saveAttempt }, cloud: { uploadImage: failing(code) } });
        await expect(early.perform(UPLOAD)).rejects.toMatchObject({ code });
        expect([early.argumentsOf('moveImage'), early.argumentsOf('moveDiskImage'), early.failures]).toEqual([
          [],
          [],
          [],
        ]);
      }
      const last = bench({ row: { saveAttempt: 2 }, cloud: { uploadImage: failing(code) } });
      await last.perform(UPLOAD);
      expect(last.argumentsOf('moveImage')).toMatchObject([failed('no')]);
      expect(last.failures).toEqual([BUILD_PLACE]);
      expect(last.argumentsOf('moveDiskImage')).toEqual([]);
    },
  );

  it.each<ErrorCode>(['rejected', 'quota'])('because of %s ends at once, and counts', async (code) => {
    const own = bench({ cloud: { uploadImage: failing(code) } });
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveImage')).toMatchObject([failed('no')]);
    expect(own.failures).toEqual([BUILD_PLACE]);
  });

  it('because it was abandoned, or of a mistake of ours, is left to the next attempt', async () => {
    for (const error of [new NodepoolError('aborted', 'stop'), new TypeError('x is not a function')]) {
      const own = bench({ row: { saveAttempt: 2 }, cloud: { uploadImage: () => Promise.reject(error) } });
      await expect(own.perform(UPLOAD)).rejects.toBe(error);
      expect([own.argumentsOf('moveImage'), own.failures]).toEqual([[], []]);
    }
  });

  it('because the file is gone ends the build, not the upload, and does not count', async () => {
    const own = bench();
    own.diskImages.disk.files.clear();
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveDiskImage')).toMatchObject([
      [{ id: 5, from: 'ready', to: 'delete', event: { reason: 'files-missing' } }],
    ]);
    expect([own.argumentsOf('moveImage'), own.failures]).toEqual([[], []]);
  });

  it('because the file was looked for in another directory leaves the build alone', async () => {
    const own = bench();
    own.diskImages.disk.files.clear();
    const attempt = own.perform(UPLOAD);
    own.diskImages.isUsable = false;
    await expect(attempt).rejects.toMatchObject({ code: 'not-found' });
    expect([own.argumentsOf('moveDiskImage'), own.argumentsOf('moveImage')]).toEqual([[], []]);
  });

  it('because somebody deleted the image at the cloud meanwhile leaves the build alone', async () => {
    const uploadImage: SupervisedCloud['uploadImage'] = async ({ open }) => {
      for await (const chunk of open()) expect(String(chunk)).toBe(CONTENT);
      throw new NodepoolError('not-found', 'HTTP 404 for PUT /v2/images/x/file');
    };
    const own = bench({ cloud: { uploadImage } });
    await expect(own.perform(UPLOAD)).rejects.toMatchObject({ code: 'not-found' });
    expect([own.argumentsOf('moveDiskImage'), own.argumentsOf('moveImage')]).toEqual([[], []]);
  });

  it.each<[string, Partial<CloudImage>, string]>([
    ['is shorter', { bytes: 19 }, 'the cloud has 19 bytes of 20'],
    ['has another digest', { digest: { algorithm: 'md5', value: 'abc' } }, `the md5 of what the cloud has is abc`],
    ['is in ERROR', { status: 'error' }, 'the cloud shows it as error'],
    ['is being deleted', { status: 'deleting' }, 'the cloud shows it as deleting'],
  ])('because what arrived %s has failed, and counts', async (_, outcome, problem) => {
    const own = bench();
    own.glance.outcome = outcome;
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveImage')).toMatchObject([failed(expect.stringContaining(problem))]);
    expect(own.failures).toEqual([BUILD_PLACE]);
  });

  it('because nothing arrived, which the cloud took, has failed', async () => {
    const own = bench({ cloud: { uploadImage: () => Promise.resolve() } });
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveImage')).toMatchObject([failed(expect.stringContaining('the cloud shows it as gone'))]);
  });

  it.each<[string, Partial<CloudImage>]>([
    ['sha256 in capitals', { digest: { algorithm: 'sha256', value: FILE.sha256.toUpperCase() } }],
    ['md5', { digest: { algorithm: 'md5', value: FILE.md5 } }],
    ['nothing', { digest: null, bytes: null }],
  ])('is READY where the cloud says of its content %s', async (_, outcome) => {
    const own = bench();
    own.glance.outcome = outcome;
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveImage')).toMatchObject([[{ to: 'ready' }]]);
  });

  it.each(['saving', 'queued'] as const)(
    'is looked at again after a while when the cloud shows it %s',
    async (status) => {
      const own = bench();
      own.glance.outcome = { status };
      expect(await own.perform(UPLOAD)).toEqual({ restMs: 5000 });
      expect(own.argumentsOf('moveImage')).toEqual([]);
    },
  );
});

describe('an upload whose row somebody else has taken', () => {
  /** The attempt is recorded, and every later write is lost. */
  const onlyFirst = (): Partial<Store> => {
    let patches = 0;
    return { patch: () => Promise.resolve((patches += 1) === 1) };
  };

  it('says no more about it when it has gone well: the row was deleted, or another attempt has begun', async () => {
    const own = bench({ store: onlyFirst() });
    await own.perform(UPLOAD);
    expect([own.argumentsOf('moveImage'), own.argumentsOf('patch').length]).toEqual([[], 2]);
    expect([own.calls, own.failures]).toEqual([['uploadImage'], []]);
  });

  it('does not end the row when it has failed', async () => {
    const own = bench({ store: onlyFirst(), cloud: { uploadImage: failing('rejected') } });
    await own.perform(UPLOAD);
    expect(own.argumentsOf('patch')[1]).toMatchObject(['image', 9, { state: 'building', saveAttempt: 1 }, {}]);
    expect([own.argumentsOf('moveImage'), own.failures]).toEqual([[], []]);
  });

  it('tells nobody that it is READY when it is not', async () => {
    const own = bench({ store: { moveImage: () => Promise.resolve(false) } });
    await own.perform(UPLOAD);
    expect([own.cleared, own.metrics.map(({ call }) => call)]).toEqual([[], ['imageUploaded']]);
  });

  it('insists that the file was sent, and that it is READY, while the database is away', async () => {
    let patches = 0;
    let moves = 0;
    const patch = () => ((patches += 1) === 2 ? failing('database-unavailable')() : Promise.resolve(true));
    const moveImage = () => ((moves += 1) === 1 ? failing('database-unavailable')() : Promise.resolve(true));
    const own = bench({ store: { patch, moveImage } });
    const ended = own.perform(UPLOAD);
    await own.clock.advance(1000);
    await own.clock.advance(1000);
    await ended;
    expect([patches, moves, own.glance.specs.length, own.cleared.length]).toEqual([3, 2, 1, 2]);
  });
});

describe('an upload that was cut off', () => {
  const EARLIER = cloudImageId('earlier');
  const cut = (row: Partial<ImageRecord> = {}, cloud: Partial<SupervisedCloud> = {}): Bench =>
    bench({ row: { cloudImageId: EARLIER, saveAttempt: 1, saveAt: NOW - 60_000, progressBytes: 7, ...row }, cloud });

  it('and of which the cloud knows nothing is made again, with another id', async () => {
    const own = cut();
    await own.perform(UPLOAD);
    expect(own.glance.specs).toHaveLength(1);
    expect(own.glance.specs[0]!.id).not.toBe(EARLIER);
    expect(own.calls).toEqual(['findImage', 'uploadImage', 'findImage']);
    expect(own.argumentsOf('moveImage')).toEqual([done(own.glance.specs[0]!.id)]);
  });

  it('and is there in full is READY, and not made again', async () => {
    const own = cut();
    own.glance.show(EARLIER);
    await own.perform(UPLOAD);
    expect([own.glance.specs, own.argumentsOf('moveImage')]).toEqual([[], [done(EARLIER)]]);
    expect(own.argumentsOf('patch')).toEqual([]);
  });

  it.each<[string, Partial<CloudImage>, Partial<ImageRecord>]>([
    ['has no file yet', { status: 'queued', bytes: null, digest: null }, {}],
    ['has a part of it', { status: 'saving', bytes: null, digest: null }, {}],
    ['has lost what was sent in full', { status: 'queued', bytes: null }, { progressBytes: FILE.bytes }],
    ['is active with another size', { bytes: 3 }, {}],
    ['is active with another content', { digest: { algorithm: 'sha512', value: 'abc' } }, {}],
    ['is in ERROR', { status: 'error' }, {}],
    ['is being deleted', { status: 'deleting' }, {}],
    ['is in a state that nobody knows', { status: 'unknown' }, {}],
    [
      'was sent in full six hours ago',
      { status: 'saving' },
      { progressBytes: FILE.bytes, saveAt: NOW - 6 * 3_600_000 },
    ],
  ])('and whose image %s is deleted there and made again', async (_, shown, row) => {
    const own = cut(row);
    own.glance.show(EARLIER, shown);
    await own.perform(UPLOAD);
    expect(own.calls).toEqual(['findImage', 'deleteImage', 'uploadImage', 'findImage']);
    expect(own.glance.images.has(EARLIER)).toBe(false);
    expect(own.argumentsOf('moveImage')).toEqual([done(own.glance.specs[0]!.id)]);
  });

  it('and was sent in full is waited for while the cloud works at it', async () => {
    const own = cut({ progressBytes: FILE.bytes });
    own.glance.show(EARLIER, { status: 'saving' });
    expect(await own.perform(UPLOAD)).toEqual({ restMs: 5000 });
    expect([own.calls, own.writes]).toEqual([['findImage'], []]);
  });

  it.each<ErrorCode>(['conflict', 'rejected'])(
    'and whose image the cloud does not delete (%s) is made again all the same: the sweep deletes it',
    async (code) => {
      const own = cut({}, { deleteImage: failing(code) });
      own.glance.show(EARLIER, { status: 'saving' });
      await own.perform(UPLOAD);
      expect(own.argumentsOf('moveImage')).toEqual([done(own.glance.specs[0]!.id)]);
    },
  );

  it.each(['findImage', 'deleteImage'] as const)(
    'is not made again while the cloud does not answer %s',
    async (call) => {
      const own = cut({}, { [call]: failing('unavailable') });
      own.glance.show(EARLIER, { status: 'saving' });
      await expect(own.perform(UPLOAD)).rejects.toMatchObject({ code: 'unavailable' });
      expect([own.glance.specs, own.writes]).toEqual([[], []]);
    },
  );

  it('says nothing against the cloud, however often', async () => {
    const own = cut({ saveAttempt: 7 });
    await own.perform(UPLOAD);
    expect(own.argumentsOf('moveImage')).toEqual([done(own.glance.specs[0]!.id)]);
  });

  it('three times after all was sent has failed, and nothing more is sent', async () => {
    const own = cut({ saveAttempt: 3, progressBytes: FILE.bytes, saveAt: 0 });
    own.glance.show(EARLIER, { status: 'saving' });
    await own.perform(UPLOAD);
    expect([own.glance.specs, own.glance.images.size]).toEqual([[], 0]);
    expect(own.argumentsOf('moveImage')).toMatchObject([failed('no image came of 3 uploads')]);
    expect(own.failures).toEqual([BUILD_PLACE]);
    const inTheEnd = cut({ saveAttempt: 3, progressBytes: FILE.bytes });
    inTheEnd.glance.show(EARLIER);
    await inTheEnd.perform(UPLOAD);
    expect(inTheEnd.argumentsOf('moveImage')).toEqual([done(EARLIER)]);
  });
});

describe('the row of an upload', () => {
  const OPEN: Action = {
    kind: 'open-upload',
    subject: 'build:cloud/img',
    reason: 'new-build',
    provider: 'cloud',
    image: 'img',
    diskImageId: 5,
  };
  const opening = (images: readonly ImageRecord[]): ActionBench =>
    anActionBench(aWorld({ config: CONFIG, images, diskImages: [BUILD] }));

  it('names its build and the image as it will be called', async () => {
    const { perform, argumentsOf } = opening([]);
    await perform(OPEN);
    const version = NOW / 1000;
    expect(argumentsOf('createImage')).toEqual([
      [
        {
          provider: 'cloud',
          image: 'img',
          hostname: `template-img-${version}`,
          version,
          reason: 'new-build',
          diskImageId: 5,
        },
      ],
    ]);
  });

  it('has a version above that of the others there, also after the clock was set back: the newest is booted from', async () => {
    const ahead = NOW / 1000 + 3600;
    const { perform, argumentsOf } = opening([
      anImage({ image: 'img', version: ahead }),
      anImage({ image: 'img', provider: 'else', version: ahead + 9 }),
      anImage({ image: 'other', version: ahead + 9 }),
    ]);
    await perform(OPEN);
    expect(argumentsOf('createImage')).toMatchObject([[{ version: ahead + 1 }]]);
  });
});
