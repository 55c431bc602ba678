/**
 * What the pool knows beyond the original: times and attempts of each step, and tables for leases, events,
 * requests and failures. Times are epoch milliseconds. All new columns are nullable or have a default, so that
 * the original's code and SQL by hand can go on writing these tables.
 */
import type { Migration } from '../src/store/migrate.ts';
import type { TableSpec } from '../src/store/schema.ts';

const MS = 'BIGINT';
const TEXT = 'VARCHAR(255)';
const KEY = 'VARCHAR(255) NOT NULL';
const COUNT = 'INTEGER NOT NULL DEFAULT 0';

/** What is known of a server, in each table whose rows have one. `revision` grows with each of our writes. */
const SLOT = {
  created_ms: MS,
  attempt: COUNT,
  attempt_ms: MS,
  active_ms: MS,
  reachable_ms: MS,
  delete_ms: MS,
  revision: COUNT,
};

const NODE = {
  ...SLOT,
  reason: TEXT,
  image_id: 'INTEGER',
  script_ms: MS,
  checked_ms: MS,
  check_failures: COUNT,
  held_from: 'INTEGER',
  launch_batch: 'VARCHAR(64)',
};
/** Rows inserted together are found again by it: ids of one insert need not be consecutive. */
const NODE_INDEXES = [['launch_batch']];

const IMAGE = {
  ...SLOT,
  ip: TEXT,
  ip_private: TEXT,
  reason: TEXT,
  username: TEXT,
  setup_ms: MS,
  setup_done_ms: MS,
  save_ms: MS,
};

const TABLES: readonly TableSpec[] = [
  { name: 'installation', key: 'id', columns: { id: 'INTEGER NOT NULL', uuid: 'VARCHAR(36) NOT NULL' }, indexes: [] },
  {
    name: 'lease',
    key: 'name',
    columns: { name: KEY, holder: KEY, epoch: 'BIGINT NOT NULL', expires_at: 'BIGINT NOT NULL' },
    indexes: [],
  },
  {
    name: 'event',
    columns: {
      at_ms: 'BIGINT NOT NULL',
      subject_kind: 'VARCHAR(16) NOT NULL',
      subject_id: 'INTEGER NOT NULL',
      // The id whose history it belongs to: a subnode's is its node's.
      root_id: 'INTEGER NOT NULL',
      provider: TEXT,
      name: TEXT,
      kind: 'VARCHAR(64) NOT NULL',
      reason: 'VARCHAR(64)',
      detail: 'TEXT',
    },
    indexes: [['root_id'], ['at_ms'], ['kind']],
  },
  {
    name: 'intent',
    columns: {
      kind: 'VARCHAR(64) NOT NULL',
      args: 'TEXT NOT NULL',
      created_ms: 'BIGINT NOT NULL',
      finished_ms: MS,
      // MEDIUMTEXT: a plan of thousands of actions is longer than 64 kB.
      result: 'MEDIUMTEXT',
      error: 'TEXT',
    },
    indexes: [['finished_ms']],
  },
  {
    name: 'failure',
    // Digest of kind, provider, image and zone: together these are too long for a key.
    key: 'place',
    columns: {
      place: 'VARCHAR(64) NOT NULL',
      kind: 'VARCHAR(16) NOT NULL',
      provider: KEY,
      image: TEXT,
      az: TEXT,
      count: COUNT,
      last_ms: 'BIGINT NOT NULL',
      last_error: 'TEXT NOT NULL',
      retry_ms: 'BIGINT NOT NULL',
    },
    indexes: [],
  },
];

export const pool: Migration = {
  name: '0002-pool',
  up: async (schema) => {
    for (const table of TABLES) await schema.table(table);
    await schema.extend('node', NODE, NODE_INDEXES);
    await schema.extend('subnode', SLOT);
    await schema.extend('snapshot_image', IMAGE);
    for (const [table, serverId] of [
      ['node', 'external_id'],
      ['subnode', 'external_id'],
      ['snapshot_image', 'server_external_id'],
    ]) {
      await schema.run(`UPDATE ${table} SET created_ms = COALESCE(state_time, 0) * 1000 WHERE created_ms IS NULL`);
      await schema.run(
        `UPDATE ${table} SET attempt = 1, attempt_ms = created_ms WHERE attempt = 0 AND ${serverId} IS NOT NULL`,
      );
    }
  },
  down: async (schema) => {
    await schema.shrink('node', Object.keys(NODE), NODE_INDEXES);
    await schema.shrink('subnode', Object.keys(SLOT));
    await schema.shrink('snapshot_image', Object.keys(IMAGE));
    for (const { name } of TABLES) await schema.dropTable(name);
  },
};
