/**
 * Demand and hand-over: requests for nodes with their leases, tokens of the HTTP interface, which node is granted to
 * which request or registered at its target, what is known of the job on it, and rules that hold nodes for a while.
 */
import type { Migration } from '../src/store/migrate.ts';
import type { TableSpec } from '../src/store/schema.ts';

const MS = 'BIGINT';
const TEXT = 'VARCHAR(255)';
const NAME = `${TEXT} NOT NULL`;
const DIGEST = 'VARCHAR(64) NOT NULL';

const NODE = {
  request_id: 'INTEGER',
  register_ms: MS,
  registered_ms: MS,
  test_ms: MS,
  job_name: TEXT,
  job_result: 'VARCHAR(64)',
  done_ms: MS,
  hold_until_ms: MS,
  held_by: 'INTEGER',
};
/** The second finds the READY nodes of a label among many that are not. */
const NODE_INDEXES = [['request_id'], ['label_name', 'state']];

const JOB = { label_name: TEXT, reason: 'TEXT', hold_ms: MS, expires_ms: MS };

const TABLES: readonly TableSpec[] = [
  {
    name: 'request',
    columns: {
      // Digest of the owner and the key by which a repeated request is recognised; or something random.
      dedup: `${DIGEST} UNIQUE`,
      // Digest of what was asked for: the same key with something else is a mistake.
      wish: DIGEST,
      // Rows inserted together are told by it from those that were there before.
      batch: 'VARCHAR(16) NOT NULL',
      label_name: NAME,
      node_count: 'INTEGER NOT NULL',
      priority: 'INTEGER NOT NULL',
      rank_ms: 'BIGINT NOT NULL',
      requestor: NAME,
      reason: 'TEXT',
      token_id: 'INTEGER',
      ttl_ms: 'BIGINT NOT NULL',
      state: 'INTEGER NOT NULL',
      state_time: 'INTEGER NOT NULL',
      revision: 'INTEGER NOT NULL DEFAULT 0',
      created_ms: 'BIGINT NOT NULL',
      granted_ms: MS,
      expires_ms: MS,
      ended_ms: MS,
      end_reason: 'VARCHAR(64)',
    },
    // Most rows are of requests that ended long ago: the first tells what is new among the others, and is all that is read
    // for it; the second, who is first in line.
    indexes: [['state', 'revision', 'state_time'], ['state', 'label_name', 'rank_ms'], ['ended_ms']],
  },
  {
    name: 'token',
    columns: {
      name: NAME,
      // Digest of the secret, which is stored nowhere.
      hash: `${DIGEST} UNIQUE`,
      scopes: NAME,
      created_ms: 'BIGINT NOT NULL',
      expires_ms: MS,
    },
    indexes: [],
  },
];

export const requests: Migration = {
  name: '0005-requests',
  up: async (schema) => {
    await schema.extend('node', NODE, NODE_INDEXES);
    await schema.extend('job', JOB);
    for (const table of TABLES) await schema.table(table);
  },
  down: async (schema) => {
    await schema.shrink('node', Object.keys(NODE), NODE_INDEXES);
    await schema.shrink('job', Object.keys(JOB));
    for (const { name } of TABLES) await schema.dropTable(name);
  },
};
