/** Making requests, many in one transaction, and granting what can be granted at once. */
import { NodepoolError } from '../lib/errors.ts';
import { groupBy } from '../lib/group-by.ts';
import type { Random } from '../lib/random.ts';
import { byRank, handOut } from '../lifecycle/hand-out.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES } from '../lifecycle/request-states.ts';
import type { Statements } from './database.ts';
import { describeGranted, grantNodes, IS_FREE, writeGrants, type GrantDeps, type WholeGrant } from './grant-nodes.ts';
import { insertRequests, keyOf, readRequests, wishDigest, type Opening } from './new-requests.ts';
import { readWithNodes, SHOWN_COLUMNS, shownFromRow, type ShownNode, type ShownRow } from './read-requests.ts';
import { placeholders } from './sql.ts';
import type { Shelf, Stock } from './stock.ts';
import type { OpenedRequest, RequestWithNodes } from './store.ts';

export interface OpenDeps extends GrantDeps {
  readonly random: Random;
  /** Gets what is read beyond need. */
  readonly stock: Stock;
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
    insertRequests(deps, { openings, keys, batch, state: 'waiting' }),
    readRequests(statements, keys),
    readOffers(deps, openings, batch),
  ]);
  const made = new Map<number, RequestRecord>();
  const opened = openings.map(({ request }, index): Answer | Error => {
    const row = rows.get(keys[index]!);
    if (row === undefined) return new Error('a request with this key is in a state that this version does not know');
    if (row.wish !== wishDigest(request)) return reusedKey();
    const { id } = row.request;
    const isReplay = row.batch !== batch || made.has(id);
    if (!isReplay) made.set(id, row.request);
    return { id, isReplay };
  });
  const ids = opened.flatMap((result) => (result instanceof Error ? [] : [result.id]));
  const found = await grantAndRead(deps, { made, offers, ids });
  return opened.map((result) => {
    if (result instanceof Error) return result;
    const { id, isReplay } = result;
    return { id, isReplay, ...found.get(id)! };
  });
}

interface Answer {
  readonly id: number;
  readonly isReplay: boolean;
}

function reusedKey(): NodepoolError {
  const text = 'the idempotency key was used for a request that asked for something else; take a new key';
  return new NodepoolError('conflict', text);
}

/** What there is for new requests of a label. */
interface Offer extends Shelf {
  /** The rank of the first of those who waited before; infinite: nobody did. */
  readonly first: number;
  readonly nodes: readonly ShownNode[];
}

function readOffers({ statements, stock }: OpenDeps, openings: readonly Opening[], batch: string): Promise<Offer[]> {
  const groups = [...groupBy(openings, ({ request }) => request.label)];
  return Promise.all(
    groups.map(async ([label, group]) => {
      const needed = group.reduce((sum, { request }) => sum + request.count, 0);
      const targets = commonTargets(group);
      const [first, nodes] = await Promise.all([
        readFirstRank(statements, label, batch),
        readFree(statements, { label, targets, count: needed + stock.spare(label) }),
      ]);
      return { label, targets, first, nodes };
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
    // To read nodes takes more than one exchange: then the end comes after it, by itself.
    unknown.length === 0 ? statements.commit().then(() => null) : readWithNodes(statements, unknown),
  ]);
  putLeft(deps.stock, { made, offers, grants });
  return new Map([...known, ...(found ?? [])]);
}

interface Served {
  readonly made: ReadonlyMap<number, RequestRecord>;
  readonly offers: readonly Offer[];
  readonly grants: readonly WholeGrant[];
}

/** What those of this turn were not granted is for the next ones, unless somebody waits for it. */
function putLeft(stock: Stock, { made, offers, grants }: Served): void {
  const given = new Set(grants.flatMap(({ nodes }) => nodes.map(({ id }) => id)));
  const served = new Set(grants.map(({ requestId }) => requestId));
  const awaited = new Set([...made.values()].filter(({ id }) => !served.has(id)).map(({ label }) => label));
  for (const offer of offers) {
    const isLeft = offer.first === Infinity && !awaited.has(offer.label);
    stock.put(offer, isLeft ? offer.nodes.filter(({ node }) => !given.has(node.id)) : []);
  }
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
    const request = made.get(requestId)!;
    const granted = { ...request, state: 'granted', grantedAt: now, expiresAt: now + request.ttlMs } as const;
    if (ofGrant.some(({ hasSubnodes }) => hasSubnodes)) requests.delete(requestId);
    else requests.set(requestId, describeGranted(granted, ofGrant));
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
  const select = `SELECT ${SHOWN_COLUMNS} FROM node WHERE label_name = ? AND ${IS_FREE} AND target_name IN (${placeholders(targets.length)}) ORDER BY id LIMIT ?`;
  const rows = await statements.tuples<ShownRow>(select, [label, ...targets, count]);
  // Compared once more: the collation of an old table may take names for equal that differ in case.
  return rows
    .flatMap((row) => shownFromRow(row) ?? [])
    .filter(({ node }) => node.label === label && targets.includes(node.target));
}
