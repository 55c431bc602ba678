import { toSeconds, type Clock } from '../lib/clock.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Batcher } from './batcher.ts';
import { clip } from './columns.ts';
import type { Database, Statements } from './database.ts';
import { enterAlone } from './leases.ts';
import { rowMoves } from './moves.ts';
import { placeholders } from './sql.ts';
import type { Store } from './store.ts';

type Images = Pick<Store, 'createImage' | 'moveImage' | 'removeImage'>;

export function createImages(deps: { database: Database; batcher: Batcher; clock: Clock }): Images {
  const { database, clock } = deps;
  const rows = rowMoves('image', deps);
  return {
    createImage: (image) =>
      database.transaction(async (statements) => {
        await enterAlone(database, statements, clip(`build:${image.provider}/${image.image}`));
        return (await isBuilding(statements, image)) ? null : insertImage(statements, image, clock.now());
      }),

    moveImage: rows.move,
    removeImage: rows.remove,
  };
}

type NewImage = Parameters<Store['createImage']>[0];

async function isBuilding(statements: Statements, { provider, image }: NewImage): Promise<boolean> {
  const rows = await statements.tuples<readonly [provider: string, image: string]>(
    'SELECT provider_name, image_name FROM snapshot_image WHERE image_name = ? AND state = ?',
    [image, STATE_CODES.building],
  );
  // Compared once more: the collation of an old table may take names for equal that differ in case.
  return rows.some(([otherProvider, otherImage]) => otherProvider === provider && otherImage === image);
}

async function insertImage(statements: Statements, row: NewImage, now: number): Promise<number> {
  const { provider, image, hostname, version, reason, diskImageId = null } = row;
  const columns = 'provider_name, image_name, hostname, version, state, state_time, created_ms, reason, dib_image_id';
  const state = [STATE_CODES.building, toSeconds(now), now];
  const values = [provider, image, clip(hostname), version, ...state, reason, diskImageId];
  const insert = `INSERT INTO snapshot_image (${columns}) VALUES (${placeholders(values.length)})`;
  return (await statements.run(insert, values)).insertId;
}
