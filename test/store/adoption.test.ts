import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { Store } from '../../src/store/store.ts';
import { CLASSIC_RELEASES, createClassicSchema, type ClassicRelease } from '../support/classic-schema.ts';
import { anotherStore, DATABASES, openEmptyDatabase, type OpenedDatabase } from '../support/with-database.ts';
import { launchOne, nodeNow, query } from './harness.ts';

const READY_NODE =
  "INSERT INTO node (provider_name, label_name, target_name, hostname, nodename, external_id, az, ip, state, state_time) VALUES ('p', 'l', 't', 'h.example', 'h', 'server-1', 'nova', '192.0.2.1', 2, 1000)";
const BUILDING_NODE =
  "INSERT INTO node (provider_name, label_name, target_name, state, state_time) VALUES ('p', 'l', 't', 1, 2000)";
const SUBNODE =
  "INSERT INTO subnode (node_id, hostname, external_id, ip, state, state_time) VALUES (1, 'h-1', 'server-2', '192.0.2.2', 2, 1001)";
const IMAGE =
  "INSERT INTO snapshot_image (provider_name, image_name, hostname, version, external_id, server_external_id, state, state_time) VALUES ('p', 'i', 'template', 900, 'image-1', 'server-3', 2, 950)";

const BUILDS = [
  "INSERT INTO dib_image (image_name, filename, version, state, state_time) VALUES ('trusty', '/opt/nodepool_dib/trusty-900', 900, 2, 960)",
  "INSERT INTO dib_image (image_name, version, state, state_time) VALUES ('trusty', 990, 1, 990)",
];

describe.each(DATABASES)('a classic database on %s', (kind) => {
  let database: OpenedDatabase;
  let knex: Knex;
  let store: Store;
  beforeEach(async () => {
    database = await openEmptyDatabase(kind);
    knex = database.knex;
    store = anotherStore(database);
  });
  afterEach(async () => {
    await store.close();
    await database.close();
  });

  async function adopt(release: ClassicRelease): Promise<void> {
    await createClassicSchema(knex, release);
    for (const sql of [READY_NODE, BUILDING_NODE, SUBNODE]) await query(knex, sql);
    if (hasImages(release)) for (const sql of [IMAGE, ...BUILDS]) await query(knex, sql);
    await migrate({ knex, clock, random });
  }

  describe.each(CLASSIC_RELEASES)('of release %s', (release) => {
    it('is adopted with its rows', async () => {
      await adopt(release);
      const { nodes, images, diskImages } = await store.readPool();
      expect(nodes).toMatchObject([
        {
          id: 1,
          provider: 'p',
          label: 'l',
          target: 't',
          hostname: 'h.example',
          nodename: 'h',
          serverId: 'server-1',
          az: 'nova',
          ip: '192.0.2.1',
          ipPrivate: null,
          state: 'ready',
          stateAt: 1_000_000,
          createdAt: 1_000_000,
          attempt: 1,
          attemptAt: 1_000_000,
          comment: null,
          subnodes: [
            { id: 1, hostname: 'h-1', serverId: 'server-2', state: 'ready', createdAt: 1_001_000, attempt: 1 },
          ],
        },
        { id: 2, state: 'building', createdAt: 2_000_000, serverId: null, attempt: 0, attemptAt: null, subnodes: [] },
      ]);
      const image = {
        id: 1,
        provider: 'p',
        image: 'i',
        hostname: 'template',
        version: 900,
        cloudImageId: 'image-1',
        serverId: 'server-3',
        state: 'ready',
        createdAt: 950_000,
        attempt: 1,
        diskImageId: null,
        launchesOk: 0,
        launchesFailed: 0,
      };
      expect(images).toMatchObject(hasImages(release) ? [image] : []);
      const unknown = { reason: null, directory: null, host: null, startedAt: null, files: null, uploads: [] };
      const builds = [
        { id: 1, filename: '/opt/nodepool_dib/trusty-900', version: 900, state: 'ready', createdAt: 960_000 },
        { id: 2, filename: null, version: 990, state: 'building', createdAt: 990_000 },
      ].map((build) => ({ ...build, image: 'trusty', stateAt: build.createdAt, ...unknown }));
      expect(diskImages).toEqual(hasImages(release) ? builds : []);
    });

    it('works on as ours, and as the original wrote it', async () => {
      await adopt(release);
      expect(
        await store.moveNode({
          id: 1,
          from: 'ready',
          to: 'delete',
          by: 'operator',
          event: { kind: 'state', reason: 'operator' },
        }),
      ).toBe(true);
      expect(await store.removeNode(1, { kind: 'removed', reason: 'gone' })).toBe(true);
      expect(await store.recordAttempt({ kind: 'node', id: 2 }, 0, { hostname: 'h2' })).toBe(true);
      const { id } = await launchOne(store, { subnodes: 1 });
      await query(knex, READY_NODE);
      await query(knex, 'UPDATE node SET state = 4, state_time = 3000 WHERE id = ?', [id]);
      expect((await store.readPool()).nodes).toMatchObject([
        { id: 2, attempt: 1, hostname: 'h2', createdAt: 2_000_000 },
        { id, state: 'delete', subnodes: [{ state: 'building' }] },
        { state: 'ready', attempt: 0, createdAt: 1_000_000 },
      ]);
      expect(
        await store.createImage({ provider: 'p', image: 'i', hostname: 'h', version: 1, reason: 'operator' }),
      ).not.toBeNull();
      const build = { image: 'trusty', version: 1, reason: 'operator' };
      if (hasImages(release)) {
        expect(await store.createDiskImage(build)).toBeNull();
        expect(await store.moveDiskImage({ id: 2, from: 'building', to: 'delete', by: 'cleanup' })).toBe(true);
        expect(await store.removeDiskImage(2, { kind: 'removed', reason: 'deleted' })).toBe(true);
        await query(knex, 'UPDATE dib_image SET state = 4 WHERE id = 1');
        expect((await store.readPool()).diskImages).toMatchObject([{ id: 1, state: 'delete', createdAt: 960_000 }]);
      }
      expect(await store.createDiskImage(build)).not.toBeNull();
    });
  });

  it('that was half adopted when the program was killed is adopted whole', async () => {
    await createClassicSchema(knex, '0.3.1');
    await query(knex, READY_NODE);
    await query(knex, 'ALTER TABLE node ADD COLUMN created_ms BIGINT');
    await query(knex, 'ALTER TABLE node ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0');
    await migrate({ knex, clock, random });
    expect(await nodeNow(store, 1)).toMatchObject({ createdAt: 1_000_000, attempt: 1, attemptAt: 1_000_000 });
  });

  it('that is adopted again after going back to the original keeps what happened meanwhile', async () => {
    await adopt('0.3.1');
    await query(knex, "UPDATE node SET comment = 'held' WHERE id = 1");
    await query(knex, READY_NODE);
    await migrate({ knex, clock, random });
    expect((await store.readPool()).nodes).toHaveLength(3);
    expect(await nodeNow(store, 1)).toMatchObject({ comment: 'held' });
  });
});

function hasImages(release: ClassicRelease): boolean {
  return release !== '0.5.0';
}

it('MyISAM tables become transactional', async () => {
  const database = await openEmptyDatabase('MariaDB');
  try {
    await createClassicSchema(database.knex, '0.0.1');
    await migrate({ knex: database.knex, clock, random });
    const engines = await query<{ e: string }>(
      database.knex,
      'SELECT DISTINCT engine AS e FROM information_schema.tables WHERE table_schema = DATABASE()',
    );
    expect(engines).toEqual([{ e: 'InnoDB' }]);
  } finally {
    await database.close();
  }
});
