/**
 * Disk images: what is known of each build and of its files, which build a provider image was made of, how the first
 * launches from it went, and the pauses that operators ordered.
 */
import type { Migration } from '../src/store/migrate.ts';
import type { TableSpec } from '../src/store/schema.ts';

const MS = 'BIGINT';
const TEXT = 'VARCHAR(255)';
const COUNT = 'INTEGER NOT NULL DEFAULT 0';
/** A list as JSON. MEDIUMTEXT, because digests of a few formats and names of many providers may be longer than 64 kB. */
const LIST = 'MEDIUMTEXT';

const COLUMNS = {
  dib_image: {
    created_ms: MS,
    revision: COUNT,
    reason: TEXT,
    directory: 'VARCHAR(36)',
    host: TEXT,
    started_ms: MS,
    files: LIST,
    uploads: LIST,
  },
  snapshot_image: {
    dib_image_id: 'INTEGER',
    progress_bytes: 'BIGINT',
    withdrawn_ms: MS,
    launches_ok: COUNT,
    launches_failed: COUNT,
  },
};

const PAUSES: TableSpec = {
  name: 'image_pause',
  columns: {
    // Digest of image and provider, as in `failure`. It is not the primary key, because the growing id tells that a pause
    // was renewed.
    place: 'VARCHAR(64) NOT NULL UNIQUE',
    image: `${TEXT} NOT NULL`,
    provider: TEXT,
    at_ms: 'BIGINT NOT NULL',
    reason: 'TEXT',
  },
  indexes: [],
};

export const diskImages: Migration = {
  name: '0004-disk-images',
  up: async (schema) => {
    for (const [table, columns] of Object.entries(COLUMNS)) await schema.extend(table, columns);
    await schema.table(PAUSES);
    await schema.run('UPDATE dib_image SET created_ms = COALESCE(state_time, 0) * 1000 WHERE created_ms IS NULL');
  },
  down: async (schema) => {
    for (const [table, columns] of Object.entries(COLUMNS)) await schema.shrink(table, Object.keys(columns));
    await schema.dropTable(PAUSES.name);
  },
};
