import { toSeconds, type Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Batcher } from './batcher.ts';
import { clip, patchColumns } from './columns.ts';
import type { Database, Statements, Value } from './database.ts';
import { proveLease } from './leases.ts';
import { rowMoves } from './moves.ts';
import { chunks, placeholders } from './sql.ts';
import type { NewNode, Store } from './store.ts';
import { launchEvents } from './writes.ts';

const ROWS_PER_INSERT = 500;
const BUILDING = STATE_CODES.building;

type Nodes = Pick<Store, 'launchNodes' | 'moveNode' | 'readySubnode' | 'removeNode'>;

interface NodesDeps {
  readonly database: Database;
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly random: Random;
  /** Subnode rows whose node somebody deleted by hand. */
  readonly orphans: () => readonly number[];
}

export function createNodes({ database, batcher, clock, random, orphans }: NodesDeps): Nodes {
  const rows = rowMoves('node', { batcher, clock });
  return {
    launchNodes: (nodes, fence) =>
      database.transaction(async (statements) => {
        const now = clock.now();
        if (nodes.length === 0 || !(await proveLease(statements, fence, now))) return 0;
        const batch = random.hex(8);
        const subnodes = [...new Set(nodes.map((node) => node.subnodes))].filter((count) => count > 0);
        const { sql, values } = launchEvents(batch, now);
        // Sent together, in this order.
        await Promise.all([
          // An id that the database gives out again (after TRUNCATE) must not come with the subnodes of an old node.
          removeOrphans(statements, orphans()),
          insertNodes(statements, nodes, { batch, now }),
          ...subnodes.map((count) => insertSubnodes(statements, count, { batch, now })),
          statements.run(sql, values),
          statements.commit(),
        ]);
        return nodes.length;
      }),

    moveNode: rows.move,

    readySubnode: (id, patch) => {
      const set = { state: STATE_CODES.ready, state_time: toSeconds(clock.now()), ...patchColumns('subnode', patch) };
      return batcher.submit({ kind: 'update', table: 'subnode', id, guard: { state: BUILDING }, set });
    },

    removeNode: rows.remove,
  };
}

interface Batch {
  /** Rows inserted together share it. Those of nodes with N subnodes end in `-N`. */
  readonly batch: string;
  readonly now: number;
}

const NODE_COLUMNS = [
  'provider_name',
  'label_name',
  'target_name',
  'az',
  'state',
  'state_time',
  'created_ms',
  'reason',
  'image_id',
  'launch_batch',
];

async function insertNodes(statements: Statements, nodes: readonly NewNode[], { batch, now }: Batch): Promise<void> {
  const row = `(${placeholders(NODE_COLUMNS.length)})`;
  const insertions = chunks(nodes, ROWS_PER_INSERT).map((chunk) => {
    const values: Value[] = chunk.flatMap(({ provider, label, target, az, reason, imageId, subnodes }) => [
      provider,
      label,
      target,
      az,
      BUILDING,
      toSeconds(now),
      now,
      clip(reason),
      imageId,
      `${batch}-${subnodes}`,
    ]);
    const rows = chunk.map(() => row).join(', ');
    return statements.run(`INSERT INTO node (${NODE_COLUMNS.join(', ')}) VALUES ${rows}`, values);
  });
  await Promise.all(insertions);
}

async function insertSubnodes(statements: Statements, count: number, { batch, now }: Batch): Promise<void> {
  const numbers = Array.from({ length: count }, () => 'SELECT 1 AS n').join(' UNION ALL ');
  await statements.run(
    `INSERT INTO subnode (node_id, state, state_time, created_ms) SELECT node.id, ?, ?, ? FROM node CROSS JOIN (${numbers}) AS each_one WHERE launch_batch = ? ORDER BY node.id`,
    [BUILDING, toSeconds(now), now, `${batch}-${count}`],
  );
}

async function removeOrphans(statements: Statements, ids: readonly number[]): Promise<void> {
  const removals = chunks(ids, ROWS_PER_INSERT).map((chunk) =>
    statements.run(
      `DELETE FROM subnode WHERE id IN (${placeholders(chunk.length)}) AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = subnode.node_id)`,
      chunk,
    ),
  );
  await Promise.all(removals);
}
