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
import { grantedTo, grantNodes, writeGrants, type GrantDeps, type WholeGrant } from './grant-nodes.ts';
import {
  imageVersionsOf,
  readWithNodes,
  SHOWN_COLUMNS,
  shownFromRow,
  type ShownNode,
  type ShownRow,
} from './read-requests.ts';
import { REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { digestKey, placeholders } from './sql.ts';
import type { NewRequest, OpenedRequest, RequestWithNodes } from './store.ts';

/** A request that is to be made, and the targets whose nodes may be granted to it. */
export interface Opening {
  readonly request: NewRequest;
  readonly targets: readonly string[];
}

export interface OpenDeps extends GrantDeps {
  readonly random: Random;
  /** Whether to leave it to those who wait to be granted nodes that somebody else has taken meanwhile; else: `Contested`. */
  readonly isLastTry: boolean;
}

/** Makes the requests; an error is that of its request alone. */
export async function openRequests(
  deps: OpenDeps,
  openings: readonly Opening[],
): Promise<readonly (OpenedRequest | Error)[]> {
  const { statements, random } = deps;
  const batch = random.hex(8);
  const keys = openings.map(({ request }) => keyOf(request, random));
  // Sent together, in this order.
  const [, rows, offers] = await Promise.all([
    insertRequests(deps, { openings, keys, batch }),
    readRequests(statements, keys),
    readOffers(statements, openings, batch),
  ]);
  const made = new Map<number, RequestRecord>();
  const opened = openings.map(({ request }, index): Answer | Error => {
    const row = rows.get(keys[index]!);
    if (row === undefined) return new Error('a request with this key is in a state that this version does not know');
    if (row.wish !== wishOf(request)) return reusedKey();
    const { id } = row.request;
    const isReplay = row.batch !== batch || made.has(id);
    if (!isReplay) made.set(id, row.request);
    return { id, isReplay };
  });
  const ids = opened.flatMap((result) => (result instanceof Error ? [] : [result.id]));
  const found = await grantAndRead(deps, { made, offers, ids });
  return opened.map((result) => (result instanceof Error ? result : { ...found.get(result.id)!, ...result }));
}

interface Answer {
  readonly id: number;
  readonly isReplay: boolean;
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

/** What there is for new requests of a label. */
interface Offer {
  readonly label: string;
  /** The rank of the first of those who waited before; infinite: nobody did. */
  readonly first: number;
  readonly nodes: readonly ShownNode[];
}

function readOffers(statements: Statements, openings: readonly Opening[], batch: string): Promise<Offer[]> {
  const groups = [...groupBy(openings, ({ request }) => request.label)];
  return Promise.all(
    groups.map(async ([label, group]) => {
      const count = group.reduce((sum, { request }) => sum + request.count, 0);
      const [first, nodes] = await Promise.all([
        readFirstRank(statements, label, batch),
        readFree(statements, { label, targets: commonTargets(group), count }),
      ]);
      return { label, first, nodes };
    }),
  );
}

/** Whoever has somebody before him waits; the planner sees to those who wait. */
function findGrants(made: readonly RequestRecord[], offers: readonly Offer[]): WholeGrant[] {
  return offers.flatMap(({ label, first, nodes }) => {
    const askers = byRank(made.filter((request) => request.label === label)).filter(({ rank }) => rank < first);
    const records = new Map(nodes.map(({ node }) => [node.id, node]));
    return handOut(askers, [...records.values()]).map(({ requestId, nodeIds }) => {
      return { requestId, label, nodes: nodeIds.map((id) => records.get(id)!) };
    });
  });
}

interface Opened {
  readonly made: ReadonlyMap<number, RequestRecord>;
  readonly offers: readonly Offer[];
  /** Of the requests that are to be answered: those made now, and those that an idempotency key names. */
  readonly ids: readonly number[];
}

/** What is written is known, and need not be read again. */
async function grantAndRead(
  deps: OpenDeps,
  { made, offers, ids }: Opened,
): Promise<ReadonlyMap<number, RequestWithNodes>> {
  const { statements } = deps;
  const grants = findGrants([...made.values()], offers);
  if (deps.isLastTry) {
    const careful = grants.map(({ requestId, nodes }) => ({ requestId, nodeIds: nodes.map(({ id }) => id) }));
    await grantNodes(deps, careful);
    return readWithNodes(statements, ids);
  }
  const known = describeMade(deps, { made, grants, shown: offers.flatMap(({ nodes }) => nodes) });
  const unknown = ids.filter((id) => !known.has(id));
  const [, found] = await Promise.all([
    writeGrants(deps, grants),
    unknown.length === 0 ? null : readWithNodes(statements, unknown),
    statements.commit(),
  ]);
  return new Map([...known, ...(found ?? [])]);
}

interface Made {
  readonly made: ReadonlyMap<number, RequestRecord>;
  readonly grants: readonly WholeGrant[];
  readonly shown: readonly ShownNode[];
}

/** The new requests as they will be; one whose nodes have subnodes is left out: these have to be read. */
function describeMade({ now }: OpenDeps, { made, grants, shown }: Made): Map<number, RequestWithNodes> {
  const requests = new Map<number, RequestWithNodes>();
  for (const [id, request] of made) requests.set(id, { request, nodes: [], imageVersions: new Map() });
  const byId = new Map(shown.map((node) => [node.node.id, node]));
  for (const { requestId, nodes } of grants) {
    const ofGrant = nodes.flatMap(({ id }) => byId.get(id) ?? []);
    const { ttlMs, ...request } = made.get(requestId)!;
    if (ofGrant.some(({ hasSubnodes }) => hasSubnodes)) requests.delete(requestId);
    else
      requests.set(requestId, {
        request: { ...request, ttlMs, state: 'granted', grantedAt: now, expiresAt: now + ttlMs },
        nodes: ofGrant.map(({ node }) => ({ ...node, ...grantedTo(requestId, now) })),
        imageVersions: imageVersionsOf(ofGrant),
      });
  }
  return requests;
}

/** They differ only when the configuration has changed within a turn: then what is right for all. */
function commonTargets(group: readonly Opening[]): readonly string[] {
  return group
    .map(({ targets }) => targets)
    .reduce((common, targets) => common.filter((name) => targets.includes(name)));
}

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
): Promise<ShownNode[]> {
  if (targets.length === 0 || count === 0) return [];
  const select = `SELECT ${SHOWN_COLUMNS} FROM node WHERE label_name = ? AND state = ? AND COALESCE(request_id, 0) = 0 AND check_failures = 0 AND register_ms IS NULL AND target_name IN (${placeholders(targets.length)}) ORDER BY id LIMIT ?`;
  const rows = await statements.tuples<ShownRow>(select, [label, STATE_CODES.ready, ...targets, count]);
  // Compared once more: the collation of an old table may take names for equal that differ in case.
  return rows
    .flatMap((row) => shownFromRow(row) ?? [])
    .filter(({ node }) => node.label === label && targets.includes(node.target));
}
