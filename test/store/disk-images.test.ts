import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DiskImageRecord, ImageRecord, PauseRecord } from '../../src/lifecycle/records.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { Store } from '../../src/store/store.ts';
import { anImageFile } from '../support/builders.ts';
import { DATABASES } from '../support/with-database.ts';
import { countQueries, NOW, NOW_SECONDS, query, takeLease, useStore } from './harness.ts';

const BUILD = { image: 'trusty', version: NOW_SECONDS, reason: 'image-missing' };
const UPLOAD = { provider: 'cloud', image: 'trusty', hostname: 'template', version: 1, reason: 'new-build' };

async function buildsOf(store: Store): Promise<readonly DiskImageRecord[]> {
  return (await store.readPool()).diskImages;
}

async function imagesOf(store: Store): Promise<readonly ImageRecord[]> {
  return (await store.readPool()).images;
}

async function pausesOf(store: Store): Promise<readonly PauseRecord[]> {
  return (await store.readPool()).pauses;
}

describe.each(DATABASES)('builds of disk images on %s', (kind) => {
  const test = useStore(kind);

  it('a new one has what was asked for and nothing else', async () => {
    const id = await test.store.createDiskImage(BUILD);
    expect(await buildsOf(test.store)).toEqual([
      {
        id,
        ...BUILD,
        filename: null,
        state: 'building',
        stateAt: NOW_SECONDS * 1000,
        createdAt: NOW,
        directory: null,
        host: null,
        startedAt: null,
        files: null,
        uploads: [],
      },
    ]);
  });

  it('every fact comes back as it was written, however long its lists are', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    const facts = {
      filename: '/opt/nodepool_dib/trusty-1',
      reason: 'rebuild-age',
      directory: '01234567-89ab-cdef-0123-456789abcdef',
      host: 'builder.example.org',
      startedAt: NOW + 1,
      files: [anImageFile({ bytes: 2 ** 52 }), anImageFile({ format: 'tgz', virtualBytes: null })],
      uploads: Array.from({ length: 1000 }, (_, index) => `Grüne Wolke 🙂 ${'x'.repeat(100)}/${index}`),
    };
    expect(await test.store.patch('disk-image', id, { state: 'building' }, facts)).toBe(true);
    expect(await buildsOf(test.store)).toMatchObject([{ id, ...facts, createdAt: NOW }]);
  });

  it('facts that a patch leaves out stay, and null takes them away', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    await test.store.patch('disk-image', id, {}, { host: 'a', files: [anImageFile()], uploads: ['p/i'] });
    await test.store.patch('disk-image', id, {}, { host: null, files: null });
    expect(await buildsOf(test.store)).toMatchObject([{ host: null, files: null, uploads: ['p/i'] }]);
  });

  it('a guard that does not hold keeps the facts out', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    await test.store.moveDiskImage({ id, from: 'building', to: 'delete', by: 'cleanup' });
    expect(await test.store.patch('disk-image', id, { state: 'building' }, { startedAt: NOW })).toBe(false);
    expect(await buildsOf(test.store)).toMatchObject([{ state: 'delete', startedAt: null }]);
  });

  it('it becomes ready with its files, once, and goes when it is deleted', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    const patch = { files: [anImageFile()] };
    const finish = (store: Store): Promise<boolean> =>
      store.moveDiskImage({ id, from: 'building', to: 'ready', by: 'launch', patch });
    const won = await Promise.all([finish(test.store), finish(test.another())]);
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await buildsOf(test.store)).toMatchObject([{ state: 'ready', ...patch }]);
    expect(await test.store.removeDiskImage(id, { kind: 'removed', reason: 'deleted' })).toBe(false);
    expect(await test.store.moveDiskImage({ id, from: 'ready', to: 'delete', by: 'operator' })).toBe(true);
    expect(await test.store.removeDiskImage(id, { kind: 'removed', reason: 'deleted' })).toBe(true);
    expect(await buildsOf(test.store)).toEqual([]);
  });

  it('it makes no move that the table does not have', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    expect(() => test.store.moveDiskImage({ id, from: 'building', to: 'ready', by: 'operator' })).toThrow(
      `disk-image ${id} cannot move from building to ready by operator`,
    );
  });

  it('one of a name is built at a time', async () => {
    const id = await test.store.createDiskImage(BUILD);
    expect(id).not.toBeNull();
    expect(await test.store.createDiskImage(BUILD)).toBeNull();
    expect(await test.store.createDiskImage({ ...BUILD, image: 'Trusty' })).not.toBeNull();
    await test.store.moveDiskImage({ id: id!, from: 'building', to: 'ready', by: 'launch' });
    expect(await test.store.createDiskImage(BUILD)).not.toBeNull();
  });

  it('of many that start the same build at once, one does', async () => {
    const stores = [test.store, test.another(), test.another()];
    const ids = await Promise.all(
      stores.flatMap((store) => [store.createDiskImage(BUILD), store.createDiskImage(BUILD)]),
    );
    expect(ids.filter((id) => id !== null)).toHaveLength(1);
    expect(await buildsOf(test.store)).toHaveLength(1);
  });

  it('a new one leaves the lease of its builder as it was', async () => {
    const lease = await takeLease(test.store, `diskimage:${BUILD.image}`);
    await test.store.createDiskImage(BUILD);
    expect(await test.store.leases.list()).toEqual([lease]);
  });

  it('it has a history that outlives it', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    await test.store.patch('disk-image', id, {}, { startedAt: NOW }, { kind: 'build-started', reason: null });
    await test.store.moveDiskImage({
      id,
      from: 'building',
      to: 'delete',
      by: 'cleanup',
      event: { kind: 'retired', reason: 'build-failed', detail: 'line 1\nline 2' },
    });
    await test.store.removeDiskImage(id, { kind: 'removed', reason: 'deleted' });
    const about = { subjectKind: 'disk-image', subjectId: id, provider: null, name: 'trusty' };
    expect(await test.store.events.of('disk-image', id)).toMatchObject([
      { ...about, kind: 'build-started' },
      { ...about, kind: 'retired', reason: 'build-failed', detail: 'line 1\nline 2' },
      { ...about, kind: 'removed', reason: 'deleted' },
    ]);
    expect(await test.store.events.of('image', id)).toEqual([]);
  });

  it('rows of the original are read, with what they have', async () => {
    await query(
      test.knex,
      "INSERT INTO dib_image (id, image_name, filename, version, state, state_time) VALUES (1, 'trusty', '/f', 5, 2, 1000)",
    );
    await query(test.knex, "INSERT INTO dib_image (id, image_name, state) VALUES (2, 'bare', 1)");
    for (const state of [0, 3, null])
      await query(test.knex, "INSERT INTO dib_image (image_name, state) VALUES ('x', ?)", [state]);
    const nothing = { reason: null, directory: null, host: null, startedAt: null, files: null, uploads: [] };
    expect(await buildsOf(test.store)).toEqual([
      {
        id: 1,
        image: 'trusty',
        filename: '/f',
        version: 5,
        state: 'ready',
        stateAt: 1_000_000,
        createdAt: 1_000_000,
        ...nothing,
      },
      { id: 2, image: 'bare', filename: null, version: 0, state: 'building', stateAt: 0, createdAt: 0, ...nothing },
    ]);
  });

  it('our first write to a row of the original fixes its creation time', async () => {
    await query(
      test.knex,
      "INSERT INTO dib_image (image_name, version, state, state_time) VALUES ('trusty', 5, 2, 1000)",
    );
    const [build] = await buildsOf(test.store);
    await test.store.moveDiskImage({ id: build!.id, from: 'ready', to: 'delete', by: 'operator' });
    expect(await buildsOf(test.store)).toMatchObject([{ createdAt: 1_000_000, stateAt: NOW_SECONDS * 1000 }]);
  });

  it.each([
    ['no JSON', 'qcow2'],
    ['not a list', '{"format": "qcow2"}'],
    ['half of it', JSON.stringify([anImageFile()]).slice(0, -1)],
    ['a file among others that lacks its digest', JSON.stringify([anImageFile(), { ...anImageFile(), sha256: null }])],
    ['a list of numbers', '[1, 2]'],
    ['nothing', ''],
  ])('lists that somebody wrote by hand and that are %s are as good as none', async (_name, list) => {
    const id = (await test.store.createDiskImage(BUILD))!;
    await query(test.knex, 'UPDATE dib_image SET files = ?, uploads = ? WHERE id = ?', [list, list, id]);
    expect(await buildsOf(test.store)).toMatchObject([{ files: null, uploads: [] }]);
  });
});

describe.each(DATABASES)('images that were uploaded, on %s', (kind) => {
  const test = useStore(kind);

  it('an image knows the build that it is to be made of', async () => {
    const [uploaded, snapshot] = [
      await test.store.createImage({ ...UPLOAD, diskImageId: 7 }),
      await test.store.createImage({ ...UPLOAD, image: 'snapshot' }),
    ];
    expect(await imagesOf(test.store)).toMatchObject([
      { id: uploaded, diskImageId: 7, progressBytes: null, withdrawnAt: null },
      { id: snapshot, diskImageId: null, launchesOk: 0, launchesFailed: 0 },
    ]);
  });

  it('progress of more than four gigabytes, and a withdrawal, come back as they were written', async () => {
    const id = (await test.store.createImage(UPLOAD))!;
    await test.store.patch('image', id, {}, { progressBytes: 2 ** 40 + 1, withdrawnAt: NOW });
    expect(await imagesOf(test.store)).toMatchObject([{ progressBytes: 2 ** 40 + 1, withdrawnAt: NOW }]);
    await test.store.patch('image', id, {}, { progressBytes: null, withdrawnAt: null });
    expect(await imagesOf(test.store)).toMatchObject([{ progressBytes: null, withdrawnAt: null }]);
  });

  it('launches from it are counted, by any number of daemons at once', async () => {
    const [first, second] = [
      (await test.store.createImage(UPLOAD))!,
      (await test.store.createImage({ ...UPLOAD, image: 'other' }))!,
    ];
    const before = await test.store.readPool();
    const stores = [test.store, test.another()];
    const outcomes = [...Array.from({ length: 20 }, () => true), false, false, false];
    await Promise.all(
      stores.flatMap((store) => [
        ...outcomes.map((hasWorked) => store.countLaunch(first, hasWorked)),
        store.countLaunch(second, false),
      ]),
    );
    expect(await test.store.readPool()).not.toBe(before);
    expect(await imagesOf(test.store)).toMatchObject([
      { id: first, launchesOk: 40, launchesFailed: 6 },
      { id: second, launchesOk: 0, launchesFailed: 2 },
    ]);
  });

  it('launches that end in one turn cost one statement per image', async () => {
    const [first, second] = [
      (await test.store.createImage(UPLOAD))!,
      (await test.store.createImage({ ...UPLOAD, image: 'other' }))!,
    ];
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    try {
      // Opens the connection.
      await store.installation();
      const queries = countQueries(knex);
      await Promise.all(Array.from({ length: 500 }, (_, index) => store.countLaunch(index % 5 ? first : second, true)));
      // With the beginning of the transaction, which MariaDB gets in one packet with its first statement, and the end.
      expect(queries()).toBe(kind === 'MariaDB' ? 3 : 4);
    } finally {
      await store.close();
    }
    expect(await imagesOf(test.store)).toMatchObject([{ launchesOk: 400 }, { launchesOk: 100 }]);
  });

  it('launches from an image whose row is gone are counted nowhere', async () => {
    await test.store.countLaunch(99, true);
    expect(await imagesOf(test.store)).toEqual([]);
  });

  it('closing waits for launches that are being counted', async () => {
    const id = (await test.store.createImage(UPLOAD))!;
    const store = test.another();
    const counting = store.countLaunch(id, true);
    await store.close();
    await counting;
    expect(await imagesOf(test.store)).toMatchObject([{ launchesOk: 1 }]);
  });
});

describe.each(DATABASES)('pauses on %s', (kind) => {
  const test = useStore(kind);
  const everywhere = { image: 'trusty', provider: null };
  const here = { image: 'trusty', provider: 'cloud' };

  it('an image is paused at a provider, at all of them, or both', async () => {
    await test.store.pauses.set({ ...everywhere, reason: 'mirror is down' });
    await test.clock.advance(5);
    await test.store.pauses.set({ ...here, reason: null });
    expect(await pausesOf(test.store)).toEqual([
      { ...everywhere, at: NOW, reason: 'mirror is down' },
      { ...here, at: NOW + 5, reason: null },
    ]);
  });

  it('a pause that is set again is the same with a new reason, also within a millisecond', async () => {
    await test.store.pauses.set({ ...here, reason: 'one' });
    await test.store.readPool();
    await test.another().pauses.set({ ...here, reason: 'two' });
    expect(await pausesOf(test.store)).toEqual([{ ...here, at: NOW, reason: 'two' }]);
  });

  it('one that is ended as another begins is seen to be gone', async () => {
    const other = test.another();
    await test.store.pauses.set({ ...here, reason: null });
    await test.store.readPool();
    await other.pauses.end(here);
    await other.pauses.set({ ...everywhere, reason: null });
    expect(await pausesOf(test.store)).toEqual([{ ...everywhere, at: NOW, reason: null }]);
  });

  it('ending one answers whether there was one, and leaves the others', async () => {
    await test.store.pauses.set({ ...everywhere, reason: null });
    await test.store.pauses.set({ ...here, reason: null });
    expect(await test.store.pauses.end(everywhere)).toBe(true);
    expect(await test.store.pauses.end(everywhere)).toBe(false);
    expect(await test.store.pauses.end({ ...here, image: 'Trusty' })).toBe(false);
    expect(await pausesOf(test.store)).toMatchObject([here]);
  });

  it('names may be as long as the configuration lets them be', async () => {
    const names = { image: '日'.repeat(255), provider: '🙂'.repeat(127) };
    await test.store.pauses.set({ ...names, reason: 'x'.repeat(2000) });
    await test.store.pauses.set({ ...names, image: `${'日'.repeat(254)}本`, reason: null });
    expect(await pausesOf(test.store)).toMatchObject([{ ...names, reason: 'x'.repeat(2000) }, { reason: null }]);
  });

  it('the same pause set by many at once is there once', async () => {
    const stores = [test.store, test.another(), test.another()];
    await Promise.all(stores.map((store) => store.pauses.set({ ...here, reason: null })));
    expect(await pausesOf(test.store)).toHaveLength(1);
  });
});

describe('on SQLite', () => {
  const test = useStore('SQLite');

  it('whatever stands in the lists of a row, the pool is read, and what we wrote comes back', async () => {
    const id = (await test.store.createDiskImage(BUILD))!;
    const update = 'UPDATE dib_image SET files = ?, uploads = ?, revision = revision + 1 WHERE id = ?';
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        await query(test.knex, update, [text, text, id]);
        const [build] = await buildsOf(test.store);
        const isList = build!.uploads.length > 0;
        expect(build!.uploads).toEqual(isList ? JSON.parse(text) : []);
        expect(build!.files === null || build!.files.length === 0).toBe(true);
      }),
    );
    const name = fc.string({ unit: 'grapheme' });
    await fc.assert(
      fc.asyncProperty(fc.array(name), fc.array(name), async (uploads, formats) => {
        const files = formats.map((format) => anImageFile({ format }));
        await test.store.patch('disk-image', id, {}, { uploads, files });
        expect(await buildsOf(test.store)).toMatchObject([{ uploads, files }]);
      }),
    );
  });

  it('a row that cannot be written costs the counts of no other image', async () => {
    const [bad, good] = [
      (await test.store.createImage(UPLOAD))!,
      (await test.store.createImage({ ...UPLOAD, image: 'b' }))!,
    ];
    const trigger = `BEFORE UPDATE ON snapshot_image WHEN OLD.id = ${bad} BEGIN SELECT RAISE(ABORT, 'no'); END`;
    await query(test.knex, `CREATE TRIGGER refusal ${trigger}`);
    const counts = await Promise.allSettled([good, bad, good].map((id) => test.store.countLaunch(id, true)));
    expect(counts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await imagesOf(test.store)).toMatchObject([{ launchesOk: 0 }, { launchesOk: 2 }]);
  });

  it('launches that end in any turns are all counted', async () => {
    const turn = fc.array(fc.record({ isFirst: fc.boolean(), hasWorked: fc.boolean() }), { maxLength: 10 });
    const ids = [(await test.store.createImage(UPLOAD))!, (await test.store.createImage({ ...UPLOAD, image: 'b' }))!];
    const expected = ids.map(() => ({ launchesOk: 0, launchesFailed: 0 }));
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 8 }), async (turns) => {
        const counting: Promise<void>[] = [];
        for (const launches of turns) {
          for (const { isFirst, hasWorked } of launches) {
            const index = isFirst ? 0 : 1;
            expected[index]![hasWorked ? 'launchesOk' : 'launchesFailed'] += 1;
            counting.push(test.store.countLaunch(ids[index]!, hasWorked));
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(counting);
        expect(await imagesOf(test.store)).toMatchObject(expected);
      }),
      { numRuns: 50 },
    );
  });
});
