import { toSeconds, type Clock } from '../lib/clock.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Batcher } from './batcher.ts';
import { clip } from './columns.ts';
import type { Database, Statements } from './database.ts';
import { enterAlone } from './leases.ts';
import { rowMoves } from './moves.ts';
import { placeholders } from './sql.ts';
import type { Store } from './store.ts';

type DiskImages = Pick<Store, 'createDiskImage' | 'moveDiskImage' | 'removeDiskImage'>;

/** Builds of disk images. */
export function createDiskImages(deps: { database: Database; batcher: Batcher; clock: Clock }): DiskImages {
  const { database, clock } = deps;
  const rows = rowMoves('disk-image', deps);
  return {
    createDiskImage: (build) =>
      database.transaction(async (statements) => {
        // Not the name of the builder's lease: entering changes the row.
        await enterAlone(database, statements, clip(`disk-build:${build.image}`));
        return (await isBuilding(statements, build.image)) ? null : insertBuild(statements, build, clock.now());
      }),

    moveDiskImage: rows.move,
    removeDiskImage: rows.remove,
  };
}

async function isBuilding(statements: Statements, image: string): Promise<boolean> {
  const rows = await statements.tuples<readonly [image: string]>(
    'SELECT image_name FROM dib_image WHERE image_name = ? AND state = ?',
    [image, STATE_CODES.building],
  );
  // Compared once more: the collation of an old table may take names for equal that differ in case.
  return rows.some(([other]) => other === image);
}

type NewBuild = Parameters<Store['createDiskImage']>[0];

async function insertBuild(statements: Statements, build: NewBuild, now: number): Promise<number> {
  const { image, version, reason } = build;
  const values = [image, version, STATE_CODES.building, toSeconds(now), now, clip(reason)];
  const columns = 'image_name, version, state, state_time, created_ms, reason';
  const insert = `INSERT INTO dib_image (${columns}) VALUES (${placeholders(values.length)})`;
  return (await statements.run(insert, values)).insertId;
}
