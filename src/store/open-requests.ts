/** Making requests, many in one transaction, and granting what can be granted at once. */
import { toSeconds } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import { groupBy } from '../lib/group-by.ts';
import type { Random } from '../lib/random.ts';
import { byRank, handOut } from '../lifecycle/hand-out.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES, requestRank } from '../lifecycle/request-states.ts';
import { clip } from './columns.ts';
import type { Database, Statements, Value } from './database.ts';
import { grantNodes, writeGrants, type GrantDeps, type NodeFacts, type WholeGrant } from './grant-nodes.ts';
import { REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { digestKey, placeholders } from './sql.ts';
import type { NewRequest } from './store.ts';

/** A request that is to be made, and the targets whose nodes may be granted to it. */
export interface Opening {
  readonly request: NewRequest;
  readonly targets: readonly string[];
}

export interface Opened {
  readonly id: number;
  readonly isReplay: boolean;
}

export interface OpenDeps extends GrantDeps {
  readonly random: Random;
  /** Whether to leave it to those who wait to be granted nodes that somebody else has taken meanwhile; else: `Contested`. */
  readonly isLastTry: boolean;
}

/** Makes the requests; an error is that of its request alone. */
export async function openRequests(deps: OpenDeps, openings: readonly Opening[]): Promise<readonly (Opened | Error)[]> {
  const { statements, random } = deps;
  const batch = random.hex(8);
  const keys = openings.map(({ request }) => keyOf(request, random));
  await insertRequests(deps, { openings, keys, batch });
  const rows = await readRequests(statements, keys);
  const made = new Map<number, Made>();
  const results = openings.map(({ request, targets }, index): Opened | Error => {
    const row = rows.get(keys[index]!);
    if (row === undefined) return new Error('a request with this key is in a state that this version does not know');
    if (row.wish !== wishOf(request)) return reusedKey();
    const { id } = row.request;
    const isReplay = row.batch !== batch || made.has(id);
    if (!isReplay) made.set(id, { request: row.request, targets });
    return { id, isReplay };
  });
  await grantAtOnce(deps, [...made.values()], batch);
  return results;
}

function keyOf({ tokenId, idempotencyKey }: NewRequest, random: Random): string {
  return idempotencyKey === null ? random.hex(32) : digestKey('request', String(tokenId), idempotencyKey);
}

function wishOf({ label, count, priority, requestor, reason, ttlMs }: NewRequest): string {
  return digestKey(label, requestor, reason, JSON.stringify([count, priority, ttlMs]));
}

function reusedKey(): NodepoolError {
  const text = 'the idempotency key was used for a request that asked for something else; take a new key';
  return new NodepoolError('conflict', text);
}

interface Insertion {
  readonly openings: readonly Opening[];
  /** Of each opening: what is unique about it. */
  readonly keys: readonly string[];
  readonly batch: string;
}

const INSERTED =
  'dedup, wish, batch, label_name, node_count, priority, rank_ms, requestor, reason, token_id, ttl_ms, state, state_time, created_ms';

/** Rows whose key is there stay as they are. (`INSERT IGNORE` would also swallow values that do not fit.) */
const KEEP = { mysql: 'ON DUPLICATE KEY UPDATE dedup = dedup', sqlite: 'ON CONFLICT (dedup) DO NOTHING' };

async function insertRequests(
  { database, statements, now }: { database: Database; statements: Statements; now: number },
  { openings, keys, batch }: Insertion,
): Promise<void> {
  const rows = openings.map(({ request }, index): Value[] => {
    const { label, count, priority, requestor, reason, tokenId, ttlMs } = request;
    const wish = [clip(label), count, priority, requestRank(now, priority), clip(requestor), reason, tokenId, ttlMs];
    return [keys[index]!, wishOf(request), batch, ...wish, REQUEST_STATE_CODES.waiting, toSeconds(now), now];
  });
  const row = `(${placeholders(rows[0]!.length)})`;
  const keep = KEEP[database.dialect];
  await statements.run(
    `INSERT INTO request (${INSERTED}) VALUES ${rows.map(() => row).join(', ')} ${keep}`,
    rows.flat(),
  );
}

interface ReadRow {
  readonly request: RequestRecord;
  readonly wish: string;
  readonly batch: string;
}

type KeyedRow = readonly [dedup: string, wish: string, batch: string, ...row: RequestRow];

/**
 * The first reading of the transaction: MySQL shows what was there at this moment from now on. So it comes after the
 * insertion, which has waited for whoever was inserting the same key.
 */
async function readRequests(statements: Statements, keys: readonly string[]): Promise<Map<string, ReadRow>> {
  const distinct = [...new Set(keys)];
  const select = `SELECT dedup, wish, batch, ${REQUEST_COLUMNS} FROM request WHERE dedup IN (${placeholders(distinct.length)})`;
  const rows = await statements.tuples<KeyedRow>(select, distinct);
  return new Map(
    rows.flatMap(([dedup, wish, batch, ...row]) => {
      const request = requestFromRow(row);
      return request === null ? [] : [[dedup, { request, wish, batch }] as const];
    }),
  );
}

/** A new request. */
interface Made {
  readonly request: RequestRecord;
  readonly targets: readonly string[];
}

/** Whoever has somebody before him waits; the planner sees to those who wait. */
async function grantAtOnce(deps: OpenDeps, made: readonly Made[], batch: string): Promise<void> {
  const grants: WholeGrant[] = [];
  for (const [label, group] of groupBy(made, ({ request }) => request.label)) {
    const first = await readFirstRank(deps.statements, label, batch);
    const askers = byRank(group.map(({ request }) => request)).filter(({ rank }) => rank < first);
    const count = askers.reduce((sum, asker) => sum + asker.count, 0);
    const nodes = await readFree(deps.statements, { label, targets: commonTargets(group), count });
    const facts = new Map(nodes.map((node) => [node.id, node]));
    for (const { requestId, nodeIds } of handOut(askers, nodes))
      grants.push({ requestId, label, nodes: nodeIds.map((id) => facts.get(id)!) });
  }
  if (!deps.isLastTry) await writeGrants(deps, grants);
  else
    await grantNodes(
      deps,
      grants.map(({ requestId, nodes }) => ({ requestId, nodeIds: nodes.map(({ id }) => id) })),
    );
}

/** They differ only when the configuration has changed within a turn: then what is right for all. */
function commonTargets(group: readonly Made[]): readonly string[] {
  return group
    .map(({ targets }) => targets)
    .reduce((common, targets) => common.filter((name) => targets.includes(name)));
}

/** The rank of the first of those who waited before; infinite: nobody did. */
async function readFirstRank(statements: Statements, label: string, batch: string): Promise<number> {
  const select =
    'SELECT rank_ms FROM request WHERE state = ? AND label_name = ? AND batch <> ? ORDER BY rank_ms LIMIT 1';
  const rows = await statements.tuples<[rank: number]>(select, [REQUEST_STATE_CODES.waiting, label, batch]);
  return rows[0]?.[0] ?? Infinity;
}

/** READY nodes that nothing is known against, the oldest first. */
async function readFree(
  statements: Statements,
  { label, targets, count }: { label: string; targets: readonly string[]; count: number },
): Promise<NodeFacts[]> {
  if (targets.length === 0 || count === 0) return [];
  const select = `SELECT id, provider_name, label_name, target_name FROM node WHERE label_name = ? AND state = ? AND COALESCE(request_id, 0) = 0 AND check_failures = 0 AND register_ms IS NULL AND target_name IN (${placeholders(targets.length)}) ORDER BY id LIMIT ?`;
  const values = [label, STATE_CODES.ready, ...targets, count];
  const rows = await statements.tuples<[id: number, provider: string, label: string, target: string]>(select, values);
  // Compared once more: the collation of an old table may take names for equal that differ in case.
  return rows
    .filter(([, , name, target]) => name === label && targets.includes(target))
    .map(([id, provider]) => ({ id, provider, label }));
}
