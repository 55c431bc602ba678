import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { migrate, rollback } from '../../src/store/migrate.ts';
import { DATABASES, openEmptyDatabase, type OpenedDatabase } from '../support/with-database.ts';
import { countQueries, query } from './harness.ts';
import { pictureSchema } from './schema-picture.ts';

class Killed extends Error {}

/** The connection of a process that dies before its statement number `limit + 1`. */
function dyingAfter(limit: number, knex: Knex): Knex {
  let count = 0;
  return new Proxy(knex, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (key !== 'raw') return value;
      return (...args: Parameters<Knex['raw']>) => {
        if (count >= limit) throw new Killed();
        count += 1;
        return target.raw(...args);
      };
    },
  });
}

describe.each(DATABASES)('migrations on %s', (kind) => {
  let database: OpenedDatabase;
  let knex: Knex;
  beforeEach(async () => {
    database = await openEmptyDatabase(kind);
    knex = database.knex;
  });
  afterEach(() => database.close());

  async function cleanPicture(): Promise<string[]> {
    const clean = await openEmptyDatabase(kind);
    try {
      await migrate({ knex: clean.knex, clock, random });
      return await pictureSchema(clean.knex);
    } finally {
      await clean.close();
    }
  }

  it('go forward, back and forward again to the same schema', async () => {
    await migrate({ knex, clock, random });
    const picture = await pictureSchema(knex);
    expect(picture.some((line) => line.startsWith('node.revision'))).toBe(true);
    for (let left = migrations.length; left > 0; left -= 1)
      expect(await rollback({ knex, clock, random })).toBe(left - 1);
    expect(await rollback({ knex, clock, random })).toBe(0);
    await migrate({ knex, clock, random });
    expect(await pictureSchema(knex)).toEqual(picture);
  });

  it('leave the classic tables with their rows when they go back', async () => {
    await migrate({ knex, clock, random });
    await query(
      knex,
      "INSERT INTO node (provider_name, label_name, target_name, state, state_time) VALUES ('p', 'l', 't', 2, 1000)",
    );
    while ((await rollback({ knex, clock, random })) > 0);
    const picture = await pictureSchema(knex);
    expect(
      picture.filter((line) =>
        /^(lease|event|intent|failure|installation|image_pause|request|token)|_ms|revision|launch|host_key|save_attempt|dib_image_id|progress|dib_image\.(reason|directory|host|files|uploads)|label_name_state|^job\.(label|reason)/.test(
          line,
        ),
      ),
    ).toEqual([]);
    expect(await query(knex, 'SELECT * FROM node')).toEqual([
      {
        id: 1,
        provider_name: 'p',
        label_name: 'l',
        target_name: 't',
        manager_name: null,
        hostname: null,
        nodename: null,
        external_id: null,
        az: null,
        ip: null,
        ip_private: null,
        state: 2,
        state_time: 1000,
        comment: null,
      },
    ]);
  });

  it('count a save call that was on record before such calls were counted', async () => {
    await migrate({ knex, clock, random }, migrations.slice(0, 2));
    const insert = "INSERT INTO snapshot_image (provider_name, image_name, state, save_ms) VALUES ('p', 'i', 1, ?)";
    for (const saveAt of [1000, null]) await query(knex, insert, [saveAt]);
    await migrate({ knex, clock, random });
    expect(await query(knex, 'SELECT save_attempt FROM snapshot_image ORDER BY id')).toEqual([
      { save_attempt: 1 },
      { save_attempt: 0 },
    ]);
  });

  it('give builds of the original the time of their state as that of their creation', async () => {
    await migrate({ knex, clock, random }, migrations.slice(0, 3));
    const insert = "INSERT INTO dib_image (image_name, state, state_time) VALUES ('i', 2, ?)";
    for (const time of [2_000_000_000, null]) await query(knex, insert, [time]);
    await migrate({ knex, clock, random });
    expect(await query(knex, 'SELECT created_ms, revision, files FROM dib_image ORDER BY id')).toEqual([
      { created_ms: 2_000_000_000_000, revision: 0, files: null },
      { created_ms: 0, revision: 0, files: null },
    ]);
  });

  it('leave images that were uploaded when they go back to before these, without what the original does not know', async () => {
    await migrate({ knex, clock, random });
    await query(
      knex,
      "INSERT INTO snapshot_image (provider_name, image_name, state, dib_image_id, withdrawn_ms) VALUES ('p', 'i', 2, 7, 1)",
    );
    await query(
      knex,
      "INSERT INTO dib_image (image_name, filename, version, state, host) VALUES ('i', '/f', 5, 2, 'h')",
    );
    let version = Infinity;
    while (version > 3) version = await rollback({ knex, clock, random });
    expect(version).toBe(3);
    await migrate({ knex, clock, random });
    expect(await query(knex, 'SELECT image_name, dib_image_id, withdrawn_ms FROM snapshot_image')).toEqual([
      { image_name: 'i', dib_image_id: null, withdrawn_ms: null },
    ]);
    expect(await query(knex, 'SELECT image_name, filename, version, host FROM dib_image')).toEqual([
      { image_name: 'i', filename: '/f', version: 5, host: null },
    ]);
  });

  it('cost next to nothing when there is nothing to do', async () => {
    await migrate({ knex, clock, random });
    const queries = countQueries(knex);
    await migrate({ knex, clock, random });
    expect(queries()).toBe(2);
  });

  it('done by several at once do no harm', async () => {
    const connections = [connect(database.config), connect(database.config), connect(database.config)];
    try {
      await Promise.all(connections.map((connection) => migrate({ knex: connection, clock, random })));
    } finally {
      await Promise.all(connections.map((connection) => connection.destroy()));
    }
    expect(await pictureSchema(knex)).toEqual(await cleanPicture());
    expect(await query(knex, 'SELECT version, name FROM nodepool_schema ORDER BY version')).toEqual([
      { version: 1, name: '0001-classic' },
      { version: 2, name: '0002-pool' },
      { version: 3, name: '0003-clouds' },
      { version: 4, name: '0004-disk-images' },
      { version: 5, name: '0005-requests' },
      { version: 6, name: '0006-locations' },
    ]);
  });

  it('killed after any statement go on from there', async () => {
    let runs = 0;
    for (let isDone = false; !isDone; runs += 1) {
      isDone = await migrate({ knex: dyingAfter(runs, knex), clock, random }).then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof Killed)) throw error;
          return false;
        },
      );
    }
    expect(runs).toBeGreaterThan(20);
    expect(await pictureSchema(knex)).toEqual(await cleanPicture());
  });

  it('refuse a schema that is newer than this program', async () => {
    await migrate({ knex, clock, random });
    await query(knex, "INSERT INTO nodepool_schema (version, name) VALUES (99, '0099-later')");
    const picture = await pictureSchema(knex);
    for (const attempt of [migrate, rollback]) {
      await expect(attempt({ knex, clock, random })).rejects.toMatchObject({
        code: 'database-unusable',
        message: expect.stringMatching(
          /^the database \S.* has schema version 99, this program knows 6; install the newer program or choose another database$/,
        ) as string,
      });
    }
    expect(await pictureSchema(knex)).toEqual(picture);
  });

  it('refuse tables that belong to another program', async () => {
    await query(knex, 'CREATE TABLE node (nid INTEGER, title VARCHAR(255), state INTEGER)');
    await expect(migrate({ knex, clock, random })).rejects.toMatchObject({
      code: 'database-unusable',
      message: expect.stringContaining(
        "has a table node that is not Nodepool's; give Nodepool a database of its own",
      ) as string,
    });
    expect((await pictureSchema(knex)).filter((line) => line.startsWith('node.'))).toHaveLength(3);
  });
});
