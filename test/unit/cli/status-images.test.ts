import { describe, expect, it } from 'vitest';
import { describePool, type Facts } from '../../../src/cli/pool-status.ts';
import type { PoolRecords } from '../../../src/lifecycle/records.ts';
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
  NO_RECORDS,
  NOW,
} from '../../support/builders.ts';
import { openCliPool } from '../../support/cli-pool.ts';

const trusty = aProviderImage({ name: 'trusty', source: { kind: 'diskimage', diskimage: 'dib-trusty' } });
const provider = aProvider({ images: new Map([['trusty', trusty]]) });
const labels = [aLabel({ image: 'trusty' })];
const config = aConfig({ providers: [provider], labels, imagesDir: '/opt/dib' });

const failure = { az: null, count: 2, lastAt: NOW, lastError: 'no mirror\nof many', retryAt: NOW + 65_000 } as const;

/** What a daemon holds that builds. */
const BUILDER = ['images:1', 'diskimage:dib-trusty'].map((name) => {
  return { name, holder: 'host/1/daemon', epoch: 1, expiresAt: NOW + 15_000 };
});

function describeFacts({ records, ...facts }: Partial<Omit<Facts, 'records'>> & { records?: Partial<PoolRecords> }) {
  const all = { config, leases: BUILDER, errors: [], now: NOW, ...facts, records: { ...NO_RECORDS, ...records } };
  return describePool(all);
}

function aBuild(overrides: Parameters<typeof aDiskImage>[0] = {}) {
  return aDiskImage({ image: 'dib-trusty', version: 20, ...overrides });
}

describe('the status of disk images', () => {
  const next = (facts: Parameters<typeof describeFacts>[0]): unknown => describeFacts(facts).disk_images[0]?.waits_for;

  it('is that of the newest build that is ready, with the one under way beside it', () => {
    const diskImages = [
      aBuild({ version: 10 }),
      aBuild({ version: 20 }),
      aBuild({ version: 30, state: 'building', startedAt: NOW - 90_000, host: 'builder1' }),
    ];
    expect(describeFacts({ records: { diskImages } }).disk_images).toEqual([
      {
        disk_image: 'dib-trusty',
        state: 'ready',
        version: 20,
        age: 30,
        building_for: 90,
        waits_for: 'its builder program on host builder1',
      },
    ]);
  });

  it('is building while the first one is under way, and missing without', () => {
    const first = aBuild({ version: 30, state: 'building', createdAt: NOW - 5000 });
    expect(describeFacts({ records: { diskImages: [first] } }).disk_images).toEqual([
      {
        disk_image: 'dib-trusty',
        state: 'building',
        version: 30,
        age: null,
        building_for: 5,
        waits_for: 'its turn',
      },
    ]);
    for (const diskImages of [[], [aBuild({ state: 'delete' })]]) {
      expect(describeFacts({ records: { diskImages } }).disk_images).toEqual([
        {
          disk_image: 'dib-trusty',
          state: 'missing',
          version: null,
          age: null,
          building_for: null,
          waits_for: 'its build',
        },
      ]);
    }
  });

  it('tells what keeps it from being built', () => {
    const failed = { ...failure, kind: 'disk-image', provider: '', image: 'dib-trusty' } as const;
    const pauses = [aPause({ image: 'dib-trusty', at: 0, reason: 'mirror is broken' })];
    const paused = aConfig({
      providers: [provider],
      labels,
      diskimages: [aDiskimageConfig({ name: 'dib-trusty', pause: true })],
    });
    expect(next({ records: { failures: [failed] } })).toBe(
      'its next build in 00:00:01:05, after 2 that failed: no mirror',
    );
    expect(next({ records: { failures: [{ ...failed, retryAt: NOW }] } })).toBe('its build');
    expect(next({ records: { pauses } })).toBe(
      'nodepool image-unpause (paused since 1970-01-01T00:00:00.000Z: mirror is broken)',
    );
    expect(next({ config: paused })).toBe('the end of its pause in the configuration');
    expect(next({ leases: [] })).toBe('a daemon that builds disk images');
    expect(next({ leases: BUILDER.slice(1) })).toBe('a daemon that builds disk images');
    expect(next({ leases: [], config: { ...config, imagesDir: null } })).toBe('an images-dir in the configuration');
    expect(next({ leases: [], records: { diskImages: [aBuild({ state: 'building' })] } })).toBe(
      'a daemon that builds disk images',
    );
  });

  it('tells of a pause and of failures also when there is a build, and of nothing else then', () => {
    const diskImages = [aBuild()];
    expect(next({ records: { diskImages }, leases: [] })).toBeNull();
    expect(next({ records: { diskImages, pauses: [aPause({ image: 'dib-trusty', at: 0 })] } })).toBe(
      'nodepool image-unpause (paused since 1970-01-01T00:00:00.000Z)',
    );
  });

  it('has those that labels in force need, and any other with rows', () => {
    const off = aConfig({ providers: [provider], labels: [aLabel({ image: 'trusty', minReady: -1 })] });
    expect(describeFacts({ config: off }).disk_images).toEqual([]);
    expect(
      describeFacts({ records: { diskImages: [aBuild({ image: 'old', state: 'delete' })] } }).disk_images,
    ).toMatchObject([
      { disk_image: 'dib-trusty' },
      { disk_image: 'old', state: 'missing', waits_for: 'nothing, it left the configuration' },
    ]);
  });
});

describe('the status of an image that is made of a disk image', () => {
  const waits = (records: Partial<PoolRecords>): unknown => describeFacts({ records }).images[0]?.waits_for;

  it('tells whether it waits for a build, for a format, or for its upload', () => {
    expect(waits({})).toBe('a build of disk image dib-trusty');
    expect(waits({ diskImages: [aBuild({ files: [anImageFile({ format: 'raw' })] })] })).toBe(
      'a build of disk image dib-trusty with a qcow2 file',
    );
    expect(waits({ diskImages: [aBuild()] })).toBe('the upload of disk image dib-trusty, build 20');
  });

  it('tells what keeps it from being uploaded', () => {
    const failures = [{ ...failure, kind: 'build', provider: 'cloud', image: 'trusty' } as const];
    expect(waits({ diskImages: [aBuild()], failures })).toBe(
      'its next upload in 00:00:01:05, after 2 that failed: no mirror',
    );
    const pauses = [aPause({ image: 'trusty', provider: 'cloud', at: 0 })];
    expect(waits({ diskImages: [aBuild()], pauses })).toBe(
      'nodepool image-unpause (paused since 1970-01-01T00:00:00.000Z)',
    );
    expect(waits({ diskImages: [aBuild()], pauses: [aPause({ image: 'trusty', provider: 'rax' })] })).toBe(
      'the upload of disk image dib-trusty, build 20',
    );
  });

  it('tells how much of the first upload is done', () => {
    const diskImages = [aBuild({ id: 7, files: [anImageFile({ bytes: 1000 })] })];
    const upload = anImage({ image: 'trusty', state: 'building', diskImageId: 7 });
    expect(waits({ diskImages, images: [upload] })).toBe('its upload to begin');
    expect(waits({ diskImages, images: [{ ...upload, progressBytes: 429 }] })).toBe('its upload, 42 % sent');
    expect(waits({ images: [{ ...upload, progressBytes: 429 }] })).toBe('its upload');
  });

  it('is that of the one before a withdrawn one, which is shown with when and why', () => {
    const images = [
      anImage({ id: 1, image: 'trusty', version: 10 }),
      anImage({
        id: 2,
        image: 'trusty',
        version: 20,
        withdrawnAt: NOW,
        reason: 'withdrawn',
        launchesOk: 1,
        launchesFailed: 4,
      }),
    ];
    const status = describeFacts({ records: { images } });
    expect(status.images).toMatchObject([{ state: 'ready', version: 10 }]);
    expect(status.withdrawn_images).toEqual([
      {
        id: 2,
        provider: 'cloud',
        image: 'trusty',
        version: 20,
        withdrawn_at: '2026-01-15T12:00:00.000Z',
        reason: 'withdrawn',
        launches_ok: 1,
        launches_failed: 4,
      },
    ]);
    expect(describeFacts({ records: { images: images.slice(1) } }).images).toMatchObject([{ state: 'missing' }]);
  });

  it('is not that of a row without an image in the cloud, from which no node can boot', () => {
    const images = [anImage({ image: 'trusty', version: 10 }), anImage({ image: 'trusty', cloudImageId: null })];
    expect(describeFacts({ records: { images } }).images).toMatchObject([{ state: 'ready', version: 10 }]);
    expect(describeFacts({ records: { images: images.slice(1) } }).images).toMatchObject([{ state: 'missing' }]);
  });
});

describe('the status of uploads', () => {
  it('has bytes and percent, as far as they are known, and no snapshots', () => {
    const diskImages = [aBuild({ id: 7, files: [anImageFile({ bytes: 4000 }), anImageFile({ format: 'raw' })] })];
    const upload = anImage({ id: 1, image: 'trusty', state: 'building', diskImageId: 7 });
    const images = [
      { ...upload, progressBytes: 4000 },
      { ...upload, id: 2, image: 'trusty-2', progressBytes: 3999 },
      { ...upload, id: 3, provider: 'gone', progressBytes: 10 },
      { ...upload, id: 4, provider: 'x' },
      anImage({ state: 'building' }),
      anImage({ image: 'trusty', diskImageId: 7 }),
    ];
    expect(describeFacts({ records: { diskImages, images } }).uploads).toEqual([
      {
        id: 1,
        provider: 'cloud',
        image: 'trusty',
        build: 7,
        sent_bytes: 4000,
        total_bytes: 4000,
        percent: 100,
        age: 30,
      },
      {
        id: 2,
        provider: 'cloud',
        image: 'trusty-2',
        build: 7,
        sent_bytes: 3999,
        total_bytes: 4000,
        percent: 99,
        age: 30,
      },
      { id: 3, provider: 'gone', image: 'trusty', build: 7, sent_bytes: 10, total_bytes: null, percent: null, age: 30 },
      { id: 4, provider: 'x', image: 'trusty', build: 7, sent_bytes: null, total_bytes: null, percent: null, age: 30 },
    ]);
  });
});

describe('status', () => {
  it('draws disk images, uploads and withdrawn images below the images', async () => {
    const pool = await openCliPool({ config });
    await pool.startDaemon(60_000, ['images:1', 'diskimage:dib-trusty']);
    const build = await pool.diskImage({ files: [anImageFile({ bytes: 4 * 1024 ** 3 })] });
    const bad = await pool.image({ image: 'trusty', diskImageId: build });
    const patch = { withdrawnAt: Date.UTC(2026, 0, 15, 12), reason: 'rolled-back' };
    await pool.store.moveImage({ id: bad, from: 'building', to: 'ready', by: 'launch', patch });
    await pool.store.countLaunch(bad, true);
    await pool.store.countLaunch(bad, false);
    const upload = await pool.image({ image: 'trusty', diskImageId: build });
    await pool.store.patch('image', upload, {}, { progressBytes: 1024 ** 3 });
    const { stdout } = await pool.run(['status']);
    await pool.close();
    expect(stdout).toContain(`
Images
+----------+--------+----------+------------+-------------+-----------------------+
| Provider | Image  | State    | Version    | Age         | Waits for             |
+----------+--------+----------+------------+-------------+-----------------------+
| cloud    | trusty | building | 1768478400 | 00:00:00:00 | its upload, 25 % sent |
+----------+--------+----------+------------+-------------+-----------------------+

Disk images
+------------+-------+------------+-------------+--------------+-----------+
| Disk image | State | Version    | Age         | Building for | Waits for |
+------------+-------+------------+-------------+--------------+-----------+
| dib-trusty | ready | 1768478400 | 00:00:00:00 |              |           |
+------------+-------+------------+-------------+--------------+-----------+

Uploads
+----+----------+--------+-------+---------+---------+---------+-------------+
| ID | Provider | Image  | Build | Sent    | Of      | Percent | Age         |
+----+----------+--------+-------+---------+---------+---------+-------------+
| 2  | cloud    | trusty | 1     | 1.0 GiB | 4.0 GiB | 25      | 00:00:00:00 |
+----+----------+--------+-------+---------+---------+---------+-------------+

Withdrawn images
+----+----------+--------+------------+--------------------------+----------------------------------------------+---------------+
| ID | Provider | Image  | Version    | Since                    | Why                                          | Launches      |
+----+----------+--------+------------+--------------------------+----------------------------------------------+---------------+
| 1  | cloud    | trusty | 1768478400 | 2026-01-15T12:00:00.000Z | an operator went back to the image before it | 1 of 2 failed |
+----+----------+--------+------------+--------------------------+----------------------------------------------+---------------+

Daemons
`);
  });
});
