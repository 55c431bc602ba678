/** Granting nodes to requests: the one place where a READY node becomes somebody's. That happens once in its life. */
import { toSeconds } from '../lib/clock.ts';
import type { Asker, NodeGrant } from '../lifecycle/hand-out.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { NodeRecord, RequestRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES } from '../lifecycle/request-states.ts';
import type { Database, Statements, Transaction, Value } from './database.ts';
import { imageVersionsOf, type ShownNode } from './read-requests.ts';
import { chunks, placeholders } from './sql.ts';
import type { RequestWithNodes } from './store.ts';
import { entryStatements, type Entry, type Sql } from './writes.ts';

/** Rows per statement: the cost of `CASE` grows with its square. */
const CHUNK = 200;

export interface GrantDeps {
  readonly database: Database;
  readonly statements: Transaction;
  readonly now: number;
}

/** What the history says of a node. */
export interface NodeFacts {
  readonly id: number;
  readonly provider: string;
  readonly label: string;
}

/** A grant with what is known of its nodes. */
export interface WholeGrant {
  readonly requestId: number;
  readonly label: string;
  readonly nodes: readonly NodeFacts[];
}

/**
 * Grants whole sets: what of `grants` can still be had is written, and the rest is left alone. The rows are locked before
 * they are looked at, requests before nodes and each in the order of their ids, as everybody does who needs both.
 * Answers the requests that got their nodes.
 */
export async function grantNodes(deps: GrantDeps, grants: readonly NodeGrant[]): Promise<readonly number[]> {
  const requestIds = grants.map(({ requestId }) => requestId);
  const nodeIds = grants.flatMap((grant) => grant.nodeIds);
  const [waiting, free] = await Promise.all([lockWaiting(deps, requestIds), lockFree(deps, nodeIds)]);
  const whole = grants.flatMap((grant) => takeWhole(grant, { waiting, free }) ?? []);
  await writeGrants(deps, whole);
  return whole.map(({ requestId }) => requestId);
}

interface Locked {
  readonly waiting: Map<number, Asker>;
  readonly free: Map<number, NodeFacts>;
}

/**
 * Takes what the grant needs out of what is locked; null: it is not there. An id may have been given out again for another
 * row since the grant was planned: so the row has to fit.
 */
function takeWhole({ requestId, nodeIds }: NodeGrant, { waiting, free }: Locked): WholeGrant | null {
  const asker = waiting.get(requestId);
  if (asker?.count !== nodeIds.length || new Set(nodeIds).size !== nodeIds.length) return null;
  const nodes = nodeIds.flatMap((id) => free.get(id) ?? []).filter(({ label }) => label === asker.label);
  if (nodes.length !== nodeIds.length) return null;
  waiting.delete(requestId);
  for (const id of nodeIds) free.delete(id);
  return { requestId, label: asker.label, nodes };
}

// Only ids are conditions here and below, for MySQL locks what it reads on the way, and the gaps in between: in an index by
// state that is where others insert. (`state + 0` cannot be looked up in one.)

async function lockWaiting(deps: GrantDeps, ids: readonly number[]): Promise<Map<number, Asker>> {
  const columns = 'id, state, label_name, node_count';
  const rows = await lockRows<readonly [number, number, string, number]>(deps, { table: 'request', columns, ids });
  const waiting = rows.filter(([, state]) => state === REQUEST_STATE_CODES.waiting);
  return new Map(waiting.map(([id, , label, count]) => [id, { id, label, count }]));
}

async function lockFree(deps: GrantDeps, ids: readonly number[]): Promise<Map<number, NodeFacts>> {
  type Row = readonly [id: number, isFree: number | null, provider: string, label: string];
  const columns = `id, ${IS_FREE}, provider_name, label_name`;
  const rows = await lockRows<Row>(deps, { table: 'node', columns, ids });
  const free = rows.filter(([, isFree]) => isFree === 1);
  return new Map(free.map(([id, , provider, label]) => [id, { id, provider, label }]));
}

interface Rows {
  readonly table: 'request' | 'node';
  readonly columns: string;
  readonly ids: readonly number[];
}

/** Those of the rows that are there. They stay as they are until the transaction ends. */
export async function lockRows<Row extends readonly unknown[]>(
  { database, statements }: Pick<GrantDeps, 'database' | 'statements'>,
  { table, columns, ids }: Rows,
): Promise<Row[]> {
  const locking = database.dialect === 'mysql' ? ' FOR UPDATE' : '';
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const found = chunks(sorted, CHUNK).map((chunk) => {
    const select = `SELECT ${columns} FROM ${table} WHERE id IN (${placeholders(chunk.length)})${locking}`;
    return statements.tuples<Row>(select, chunk);
  });
  return (await Promise.all(found)).flat();
}

/** Rejects with `Contested` when a node is not free any more, or a request does not wait. */
export async function writeGrants({ statements, now }: GrantDeps, grants: readonly WholeGrant[]): Promise<void> {
  if (grants.length === 0) return;
  const pairs = grants.flatMap(({ requestId, nodes }) => nodes.map(({ id }) => [id, requestId] as const));
  await Promise.all([
    ...chunks(pairs, CHUNK).map((chunk) => {
      const { sql, values } = nodeGrant(chunk, '?', now);
      return statements.run(sql, values, chunk.length);
    }),
    ...chunks(grants, CHUNK).map((chunk) => writeRequests(statements, chunk, now)),
    writeEntries(statements, grants.flatMap(describeGrant), now),
  ]);
}

/**
 * Grants nodes, as far as they are free.
 * @param pairs ids of nodes, each with what tells its request
 * @param requestId SQL that makes the id of a request of that
 */
export function nodeGrant(
  pairs: readonly (readonly [node: number, request: Value])[],
  requestId: string,
  now: number,
): Sql {
  const cases = pairs.map(() => `WHEN ? THEN ${requestId}`).join(' ');
  const ids = pairs.map(([id]) => id);
  return {
    // A row that foreign SQL inserted gets its creation time for good: before `state_time`, as MySQL assigns in order.
    sql: `UPDATE node SET created_ms = COALESCE(created_ms, COALESCE(state_time, 0) * 1000), request_id = CASE id ${cases} END, state = ?, state_time = ?, reason = 'request', revision = revision + 1 WHERE id IN (${placeholders(ids.length)}) AND ${IS_FREE}`,
    values: [...pairs.flat(), STATE_CODES.used, toSeconds(now), ...ids],
  };
}

/**
 * Of a node that may be granted: nobody has it, or may know of it, and nothing is known against it. An expression instead
 * of `request_id IS NULL`, for MySQL could look that up in its index, and lock all nodes there that nobody has.
 */
export const IS_FREE = `state = ${STATE_CODES.ready} AND COALESCE(request_id, 0) = 0 AND check_failures = 0 AND register_ms IS NULL`;

/** A request that gets nodes which have no subnodes, as it is then. */
export function describeGranted(request: RequestRecord, shown: readonly ShownNode[]): RequestWithNodes {
  const { id, grantedAt } = request;
  const nodes = shown.map(({ node }) => ({ ...node, ...grantedTo(id, grantedAt!) }));
  return { request, nodes, imageVersions: imageVersionsOf(shown) };
}

/** What a grant makes of a node. */
function grantedTo(requestId: number, now: number): Pick<NodeRecord, 'state' | 'stateAt' | 'reason' | 'requestId'> {
  return { state: 'used', stateAt: toSeconds(now) * 1000, reason: 'request', requestId };
}

async function writeRequests(statements: Statements, grants: readonly WholeGrant[], now: number): Promise<void> {
  const ids = grants.map(({ requestId }) => requestId);
  const { granted, waiting } = REQUEST_STATE_CODES;
  await statements.run(
    `UPDATE request SET state = ?, state_time = ?, granted_ms = ?, expires_ms = ? + ttl_ms, revision = revision + 1 WHERE id IN (${placeholders(ids.length)}) AND state + 0 = ?`,
    [granted, toSeconds(now), now, now, ...ids, waiting],
    ids.length,
  );
}

function describeGrant({ requestId, label, nodes }: WholeGrant): Entry[] {
  const event = { kind: 'granted', reason: 'request' };
  const ids = nodes.map(({ id }) => id).join(', ');
  return [
    ...nodes.map((node) => entryOf('node', node, { detail: `request ${requestId}`, ...event })),
    entryOf('request', { id: requestId, provider: null, label }, { detail: ids, ...event }),
  ];
}

/** An event of a node or a request. */
export function entryOf(
  kind: 'node' | 'request',
  { id, provider, label }: { id: number; provider: string | null; label: string },
  event: Entry['event'],
): Entry {
  return { kind: 'entry', subject: { kind, id, provider, name: label }, event };
}

export async function writeEntries(statements: Statements, entries: readonly Entry[], now: number): Promise<void> {
  await Promise.all(entryStatements(entries, now).map(({ sql, values }) => statements.run(sql, values)));
}
