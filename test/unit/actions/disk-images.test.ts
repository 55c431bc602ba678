import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodepoolError, type ErrorCode } from '../../../src/lib/errors.ts';
import type { DiskImageRecord } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import type { World } from '../../../src/planning/world.ts';
import type { Lease, Store } from '../../../src/store/store.ts';
import { anActionBench, failing, type ActionBench, type BenchOptions } from '../../support/action-bench.ts';
import {
  aConfig,
  aDiskImage,
  aDiskimageConfig,
  anImageFile,
  aWorld,
  IMAGES_DIRECTORY_ID,
  IMAGES_DIRECTORY_PATH,
  NOW,
} from '../../support/builders.ts';
import { fileOf } from '../../support/disk-images.ts';

const VERSION = NOW / 1000 - 60;
const BUILDING = aDiskImage({ id: 6, state: 'building', version: VERSION });
const STEM = `ubuntu-${VERSION}`;
const MAKE: Action = { kind: 'make-disk-image', subject: 'disk-image:6', reason: 'next-step', diskImageId: 6 };
const START = {
  startedAt: NOW,
  directory: IMAGES_DIRECTORY_ID,
  host: 'here',
  filename: `${IMAGES_DIRECTORY_PATH}/${STEM}`,
};

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'nodepool-builds-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

function worldWith(diskImages: readonly DiskImageRecord[], overrides: Partial<World> = {}): World {
  const config = aConfig({ diskimages: [aDiskimageConfig({ formats: ['qcow2', 'vhd'] })] });
  return aWorld({ config, diskImages, ...overrides });
}

function bench(options: BenchOptions = {}, diskImages: readonly DiskImageRecord[] = [BUILDING]): ActionBench {
  return anActionBench(worldWith(diskImages), { stateDir, ...options });
}

/** Performs the action while time goes on. */
async function make(own: ActionBench, action: Action = MAKE, signal?: AbortSignal): Promise<void> {
  let isDone = false;
  const done = own.perform(action, signal).finally(() => (isDone = true));
  // What it rejects with is told below.
  done.catch(() => undefined);
  while (!isDone) await own.clock.advance(1000);
  await done;
}

describe('the row of a build', () => {
  const OPEN: Action = {
    kind: 'open-disk-image',
    subject: 'disk-build:ubuntu',
    reason: 'image-missing',
    image: 'ubuntu',
  };
  const opening = (
    diskImages: readonly DiskImageRecord[],
    createDiskImage = () => Promise.resolve<number | null>(7),
  ) => {
    const pool = { nodes: [], images: [], pauses: [], failures: [], intents: [], requests: [], jobs: [] };
    return bench({ store: { readPool: () => Promise.resolve({ ...pool, diskImages }), createDiskImage } }, []);
  };

  it('is made with the time as its version, and begins a history', async () => {
    const { perform, argumentsOf } = opening([]);
    await perform(OPEN);
    expect(argumentsOf('createDiskImage')).toEqual([
      [{ image: 'ubuntu', version: NOW / 1000, reason: 'image-missing' }],
    ]);
    expect(argumentsOf('event')).toEqual([
      [
        { kind: 'disk-image', id: 7, name: 'ubuntu' },
        { kind: 'ordered', reason: 'image-missing' },
      ],
    ]);
  });

  it.each([
    ['was made in the same second', 0],
    ['is from before the clock was set back', 3600],
  ])('gets a version above that of one that %s, whatever its state: files are named by it', async (_, ahead) => {
    const other = aDiskImage({ state: 'delete', version: NOW / 1000 + ahead });
    const { perform, argumentsOf } = opening([other, aDiskImage({ image: 'else', version: NOW / 1000 + 9999 })]);
    await perform(OPEN);
    expect(argumentsOf('createDiskImage')).toMatchObject([[{ version: NOW / 1000 + ahead + 1 }]]);
  });

  it('is not made while another one is under way', async () => {
    const { perform, argumentsOf } = opening([], () => Promise.resolve(null));
    await perform(OPEN);
    expect(argumentsOf('event')).toEqual([]);
  });
});

describe('a build', () => {
  it('is recorded as begun before it begins, by compare-and-set, and not begun when that is lost', async () => {
    const lost = bench({ store: { patch: () => Promise.resolve(false) } });
    await make(lost);
    expect(lost.argumentsOf('patch')).toEqual([
      ['disk-image', 6, { state: 'building' }, START, { kind: 'build-started', reason: 'next-step', detail: 'here' }],
    ]);
    expect([lost.diskImages.calls, lost.argumentsOf('moveDiskImage')]).toEqual([[], []]);
  });

  it('becomes READY with its files and the place where they are; its failures are forgotten', async () => {
    const own = bench();
    await make(own);
    const files = ['qcow2', 'vhd'].map((format) => fileOf(format, `${format} of ${STEM}`));
    expect(own.argumentsOf('moveDiskImage')).toEqual([
      [
        {
          id: 6,
          from: 'building',
          to: 'ready',
          by: 'launch',
          patch: { ...START, files, reason: null },
          event: { kind: 'ready', reason: 'next-step', detail: 'qcow2: 26 bytes, vhd: 24 bytes' },
        },
      ],
    ]);
    expect(own.cleared).toEqual([{ kind: 'disk-image', provider: '', image: 'ubuntu', az: null }]);
    expect(own.metrics).toEqual([{ call: 'diskImageBuilt', args: [{ diskimage: 'ubuntu', ms: 61_000, files }] }]);
    expect(own.failures).toEqual([]);
  });

  it('is told what it may count on: configuration, elements, and the space that the newest one takes', async () => {
    const older = aDiskImage({ id: 3, version: 1, files: [anImageFile({ allocatedBytes: 999 })] });
    const newest = aDiskImage({
      id: 4,
      version: 2,
      files: [10, 7].map((allocatedBytes) => anImageFile({ allocatedBytes })),
    });
    const own = bench({}, [older, newest, aDiskImage({ id: 5, version: 3, files: null }), BUILDING]);
    await make(own);
    expect(own.diskImages.orders).toMatchObject([
      {
        image: 'ubuntu',
        version: VERSION,
        previousBytes: 17,
        elementsDir: null,
        config: { formats: ['qcow2', 'vhd'] },
      },
    ]);
    const first = bench();
    await make(first);
    expect(first.diskImages.orders).toMatchObject([{ previousBytes: null }]);
  });

  it.each<ErrorCode>(['command-failed', 'config', 'no-space', 'not-found', 'rejected'])(
    'that ends with %s has failed: the row goes, and the failure counts',
    async (code) => {
      const own = bench();
      own.diskImages.failures.push(new NodepoolError(code, 'it did not work'));
      await make(own);
      expect(own.argumentsOf('moveDiskImage')).toEqual([
        [
          {
            id: 6,
            from: 'building',
            to: 'delete',
            by: 'launch',
            patch: { reason: 'build-failed' },
            event: { kind: 'build-failed', reason: 'build-failed', detail: 'it did not work' },
          },
        ],
      ]);
      expect(own.failures).toEqual([{ kind: 'disk-image', provider: '', image: 'ubuntu', az: null }]);
      expect(own.metrics).toEqual([]);
    },
  );

  it('that ends with a mistake of ours has failed, too: nothing must build it for ever without a rest', async () => {
    const own = bench();
    own.diskImages.failures.push(new TypeError('x is not a function'));
    await expect(make(own)).rejects.toThrow('x is not a function');
    expect(own.argumentsOf('moveDiskImage')).toMatchObject([[{ to: 'delete' }]]);
    expect(own.failures).toHaveLength(1);
  });

  it('keeps the last twenty lines of its log with the failure', async () => {
    const own = bench();
    mkdirSync(join(stateDir, 'build-logs'));
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    writeFileSync(join(stateDir, 'build-logs', `${STEM}.log`), lines.join('\n'));
    own.diskImages.failures.push(new NodepoolError('command-failed', 'exit code 1'));
    await make(own);
    expect(own.argumentsOf('moveDiskImage')).toMatchObject([
      [{ event: { detail: ['exit code 1', ...lines.slice(10)].join('\n') } }],
    ]);
  });

  it('says once why it failed, although its log ends with the same sentence', async () => {
    const own = bench();
    const problem = 'there is no program no-dib to build disk image ubuntu: install it';
    mkdirSync(join(stateDir, 'build-logs'));
    const log = `last words\n[nodepool] 2026-01-15T12:00:00.000Z failed: ${problem}\n`;
    writeFileSync(join(stateDir, 'build-logs', `${STEM}.log`), log);
    own.diskImages.failures.push(new NodepoolError('config', problem));
    await make(own);
    expect(own.argumentsOf('moveDiskImage')).toMatchObject([[{ event: { detail: `${problem}\nlast words` } }]]);
  });

  it('has failed all the same when its log cannot be read', async () => {
    const own = bench();
    mkdirSync(join(stateDir, 'build-logs', `${STEM}.log`), { recursive: true });
    own.diskImages.failures.push(new NodepoolError('command-failed', 'exit code 1'));
    await make(own);
    expect(own.argumentsOf('moveDiskImage')).toMatchObject([[{ to: 'delete', event: { detail: 'exit code 1' } }]]);
    expect(own.failures).toHaveLength(1);
  });

  it('that is abandoned leaves its row to whoever begins it anew', async () => {
    const own = bench();
    await expect(make(own, MAKE, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    expect([own.argumentsOf('moveDiskImage'), own.failures]).toEqual([[], []]);
  });

  it.each(['it is READY', 'it has failed'])('insists that %s while the database is away', async (what) => {
    let tries = 0;
    const moveDiskImage = () => ((tries += 1) < 3 ? failing('database-unavailable')() : Promise.resolve(true));
    const own = bench({ store: { moveDiskImage } });
    if (what === 'it has failed') own.diskImages.failures.push(new NodepoolError('no-space', 'full'));
    await make(own);
    expect([tries, own.metrics.length, own.failures.length]).toEqual([
      3,
      ...(what === 'it is READY' ? [1, 0] : [0, 1]),
    ]);
  });

  it('whose row was deleted meanwhile says nothing more', async () => {
    for (const failure of [null, new NodepoolError('no-space', 'full')]) {
      const own = bench({ store: { moveDiskImage: () => Promise.resolve(false) } });
      own.diskImages.failures.push(failure);
      await make(own);
      expect([own.metrics, own.failures, own.cleared]).toEqual([[], [], []]);
    }
  });

  it('is not begun when its configuration or its directory has left since the plan', async () => {
    const gone = anActionBench(worldWith([BUILDING], { config: aConfig() }));
    await expect(gone.perform(MAKE)).rejects.toMatchObject({ code: 'aborted' });
    const lost = bench();
    lost.diskImages.isUsable = false;
    await expect(lost.perform(MAKE)).rejects.toMatchObject({ code: 'aborted' });
    expect([gone.writes, lost.writes]).toEqual([[], []]);
  });
});

it('a build that was begun on another host is given up for a new one: what goes on there cannot be ended', async () => {
  const begun = { ...BUILDING, startedAt: NOW - 1000, host: 'elsewhere', directory: IMAGES_DIRECTORY_ID };
  const pool = {
    nodes: [],
    images: [],
    pauses: [],
    failures: [],
    intents: [],
    requests: [],
    jobs: [],
    diskImages: [begun],
  };
  const own = bench({ store: { readPool: () => Promise.resolve(pool), createDiskImage: () => Promise.resolve(7) } }, [
    begun,
  ]);
  await make(own);
  expect(own.argumentsOf('moveDiskImage')).toMatchObject([[{ id: 6, from: 'building', to: 'delete' }]]);
  expect(own.argumentsOf('createDiskImage')).toEqual([
    [{ image: 'ubuntu', version: NOW / 1000, reason: 'build-interrupted' }],
  ]);
});

describe('the end of a build', () => {
  const READY = aDiskImage({ id: 6, version: VERSION });
  const retire = (state: DiskImageRecord['state']): [ActionBench, Action] => [
    bench({}, [{ ...READY, state }]),
    { kind: 'retire-disk-image', subject: 'disk-image:6', reason: 'image-outdated', diskImageId: 6 },
  ];

  it('of one under way counts: a daemon with another configuration would begin it anew at once', async () => {
    for (const [state, counted] of [
      ['building', [{ kind: 'disk-image', provider: '', image: 'ubuntu', az: null }]],
      ['ready', []],
    ] as const) {
      const [own, action] = retire(state);
      await own.perform(action);
      expect(own.failures).toEqual(counted);
    }
  });

  it.each([
    ['building', 'build-failed'],
    ['ready', 'retired'],
  ] as const)('of one that is %s begins with its row, from that state only', async (state, kind) => {
    const [own, action] = retire(state);
    await own.perform(action);
    const event = { kind, reason: 'image-outdated', detail: null };
    expect(own.argumentsOf('moveDiskImage')).toEqual([
      [{ id: 6, from: state, to: 'delete', by: 'cleanup', patch: { reason: 'image-outdated' }, event }],
    ]);
    expect(own.diskImages.calls).toEqual([]);
  });

  it('of one that is to be deleted already is left as it is', async () => {
    const [own, action] = retire('delete');
    await own.perform(action);
    expect(own.writes).toEqual([]);
  });

  const DOOMED = aDiskImage({ ...READY, state: 'delete' });
  const REMOVE = {
    kind: 'remove-disk-image',
    subject: 'disk-image:6',
    reason: 'deleted',
    diskImageId: 6,
    hasFiles: true,
  } as const;

  it('removes the files, and then the row', async () => {
    const own = bench({}, [DOOMED]);
    own.diskImages.disk.files.set(`${STEM}.qcow2`, 'x').set(`ubuntu-${VERSION}1.qcow2`, 'another');
    own.diskImages.disk.work.set(STEM, null);
    await own.perform(REMOVE);
    expect([[...own.diskImages.disk.files.keys()], own.diskImages.disk.work.size]).toEqual([
      [`ubuntu-${VERSION}1.qcow2`],
      0,
    ]);
    expect(own.argumentsOf('removeDiskImage')).toEqual([[6, { kind: 'removed', reason: 'deleted', detail: null }]]);
  });

  it('keeps the row when the files cannot be removed', async () => {
    const own = bench({}, [DOOMED]);
    own.diskImages.remove = failing('no-space', 'EIO');
    await expect(own.perform(REMOVE)).rejects.toThrow('EIO');
    expect(own.writes).toEqual([]);
  });

  it('says what stays behind where the files are out of reach, and touches none', async () => {
    const own = bench({}, [{ ...DOOMED, directory: 'elsewhere', host: 'there' }]);
    await own.perform({ ...REMOVE, reason: 'forced', hasFiles: false });
    const detail = `files left behind: ${IMAGES_DIRECTORY_PATH}/${STEM} on host there`;
    expect(own.argumentsOf('removeDiskImage')).toEqual([[6, { kind: 'removed', reason: 'forced', detail }]]);
    expect(own.diskImages.calls).toEqual([]);
    const unbegun = bench({}, [{ ...DOOMED, directory: null, filename: null, host: null }]);
    await unbegun.perform({ ...REMOVE, hasFiles: false });
    expect(unbegun.argumentsOf('removeDiskImage')).toMatchObject([[6, { detail: null }]]);
  });
});

describe('a build of the original', () => {
  const CLASSIC = aDiskImage({ id: 6, version: VERSION, directory: null, host: null, startedAt: null, files: null });
  const INSPECT: Action = {
    kind: 'inspect-disk-image',
    subject: 'disk-image:6',
    reason: 'next-step',
    diskImageId: 6,
  };

  it('is given the files that are found, and their place', async () => {
    const own = bench({}, [CLASSIC]);
    own.diskImages.disk.files.set(`${STEM}.raw`, 'content');
    await own.perform(INSPECT);
    const { startedAt: _, ...place } = START;
    const found = { files: [fileOf('raw', 'content')], ...place };
    expect(own.argumentsOf('patch')).toEqual([['disk-image', 6, { state: 'ready' }, found]]);
  });

  it('stays as long as another images directory is in use: on many hosts it has the same path', async () => {
    const at = (overrides: Partial<Lease>) => {
      const lease = { name: 'images:other', holder: 'other', epoch: 1, expiresAt: NOW + 1, ...overrides };
      const leases = { list: () => Promise.resolve([lease]) } as unknown as Store['leases'];
      return bench({ store: { leases } }, [CLASSIC]);
    };
    const own = at({});
    expect(await own.perform(INSPECT)).toMatchObject({ restMs: 600_000 });
    expect(own.writes).toEqual([]);
    for (const lease of [{ name: `images:${IMAGES_DIRECTORY_ID}` }, { name: 'supply' }, { expiresAt: NOW }]) {
      const alone = at(lease);
      await alone.perform(INSPECT);
      expect(alone.argumentsOf('moveDiskImage')).toHaveLength(1);
    }
  });

  it('goes when there are none', async () => {
    const own = bench({}, [CLASSIC]);
    await own.perform(INSPECT);
    const detail = `there is no image at ${IMAGES_DIRECTORY_PATH}/${STEM}`;
    expect(own.argumentsOf('moveDiskImage')).toMatchObject([
      [{ id: 6, from: 'ready', to: 'delete', event: { reason: 'files-missing', detail } }],
    ]);
    expect(own.failures).toEqual([]);
  });
});

describe('the images directory', () => {
  it('is swept of what no row knows that is in it, as the rows are by then', async () => {
    const here = aDiskImage({ id: 1, version: 11 });
    const elsewhere = aDiskImage({ id: 2, version: 12, directory: 'elsewhere' });
    const waiting = aDiskImage({ id: 3, version: 14, state: 'building', directory: null, filename: null });
    const diskImages = [here, elsewhere, waiting];
    const pool = { nodes: [], images: [], pauses: [], failures: [], intents: [], requests: [], jobs: [], diskImages };
    const own = bench({ store: { readPool: () => Promise.resolve(pool) } }, []);
    for (const version of [11, 12, 13, 14]) own.diskImages.disk.work.set(`ubuntu-${version}`, null);
    await own.perform({ kind: 'sweep-images-directory', subject: 'images-directory', reason: 'cleanup-due' });
    expect([...own.diskImages.disk.work.keys()]).toEqual(['ubuntu-11', 'ubuntu-14']);
  });
});

it('what a build was uploaded as is written down, whatever its state', async () => {
  const own = bench();
  const uploads = ['a/img', 'b/img'];
  await own.perform({ kind: 'note-uploads', subject: 'disk-image:6', reason: 'next-step', diskImageId: 6, uploads });
  expect(own.argumentsOf('patch')).toEqual([['disk-image', 6, {}, { uploads }]]);
});
