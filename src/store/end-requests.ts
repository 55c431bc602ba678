/** Ending requests, many in one transaction, and the use of their nodes with them. */
import { toSeconds } from '../lib/clock.ts';
import { groupBy } from '../lib/group-by.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { RequestEnd, RequestRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES } from '../lifecycle/request-states.ts';
import { entryOf, lockRows, writeEntries, type GrantDeps, type NodeFacts } from './grant-nodes.ts';
import { readWithNodes } from './read-requests.ts';
import { REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { placeholders } from './sql.ts';
import type { RequestEnding, RequestWithNodes } from './store.ts';

export interface EndOutcome {
  /** It was this ending that ended it. */
  readonly hasEnded: boolean;
  /** The request as it is then; null: there is none. */
  readonly found: RequestWithNodes | null;
}

/** A request that is to be ended. */
interface Ended {
  readonly request: RequestRecord;
  readonly reason: RequestEnd;
}

export interface EndDeps extends GrantDeps {
  /** Whether to lock the nodes before they are written; else `Contested` tells that one of them is no more used. */
  readonly isCareful: boolean;
}

/** Answers for each ending in turn; an error is what its check threw. */
export async function endRequests(
  deps: EndDeps,
  endings: readonly RequestEnding[],
): Promise<readonly (EndOutcome | Error)[]> {
  const ids = endings.map(({ id }) => id);
  // Sent together, in this order.
  const [rows, owned] = await Promise.all([
    lockRows<RequestRow>(deps, { table: 'request', columns: REQUEST_COLUMNS, ids }),
    findOwned(deps, ids),
  ]);
  const requests = new Map(rows.map((row) => [row[0], requestFromRow(row)]));
  const ended = new Map<number, Ended>();
  const decisions = endings.map((ending) => decide(ending, requests.get(ending.id) ?? null, ended));
  const given = usedOnes(owned).filter(({ requestId }) => isGivenBack(ended.get(requestId)));
  const nodes = deps.isCareful ? await lockUsed(deps, given) : given;
  const known = describeEnded(deps, { ended, owned: deps.isCareful ? null : owned });
  const unknown = ids.filter((id) => !known.has(id));
  const [, read] = await Promise.all([
    writeEndings(deps, [...ended.values()], nodes),
    // To read nodes takes more than one exchange: then the end comes after it, by itself.
    unknown.length === 0 ? deps.statements.commit().then(() => null) : readWithNodes(deps.statements, unknown),
  ]);
  return decisions.map((decision, index) => {
    const id = ids[index]!;
    const found = known.get(id) ?? read?.get(id) ?? null;
    return decision instanceof Error ? decision : { hasEnded: decision, found };
  });
}

/** Whether the nodes of a request change with its end. */
function isGivenBack(ended: Ended | undefined): boolean {
  return ended !== undefined && ended.reason !== 'cancelled';
}

interface Endings {
  readonly ended: ReadonlyMap<number, Ended>;
  /** All nodes of the requests; null: others may have changed them meanwhile. */
  readonly owned: readonly NodeRow[] | null;
}

/** The ended requests that keep no node, as they are then: these need not be read again. */
function describeEnded({ now }: EndDeps, { ended, owned }: Endings): Map<number, RequestWithNodes> {
  const described = new Map<number, RequestWithNodes>();
  if (owned === null) return described;
  for (const [id, { request, reason }] of ended) {
    const after = { ...request, state: 'ended', endedAt: now, endReason: reason } as const;
    if (reason !== 'failed') described.set(id, { request: after, nodes: [], imageVersions: new Map() });
  }
  const going: readonly number[] = [STATE_CODES.used, STATE_CODES.delete];
  for (const [, , , state, requestId] of owned) if (!going.includes(state)) described.delete(requestId);
  return described;
}

/** Whether the ending takes effect: then it is added to `ended`. */
function decide(ending: RequestEnding, request: RequestRecord | null, ended: Map<number, Ended>): boolean | Error {
  if (request === null) return false;
  try {
    ending.check?.(request);
  } catch (error) {
    return error as Error;
  }
  // Whatever else is to end it comes too late.
  if (request.state === 'ended' || ended.has(request.id) || !isDue(ending, request)) return false;
  ended.set(request.id, { request, reason: reasonOf(ending, request) });
  return true;
}

function isDue({ expiredBy }: RequestEnding, { expiresAt }: RequestRecord): boolean {
  return expiredBy === undefined || (expiresAt !== null && expiresAt <= expiredBy);
}

/** It may have got its nodes since somebody decided to end it. */
function reasonOf({ reason }: RequestEnding, { state }: RequestRecord): RequestEnd {
  if (state === 'waiting') return 'cancelled';
  return reason === 'cancelled' ? 'released' : reason;
}

async function writeEndings(deps: GrantDeps, ended: readonly Ended[], nodes: readonly UsedNode[]): Promise<void> {
  const writes = [...groupBy(ended, ({ reason }) => reason)].map(([reason, group]) => {
    const requests = new Map(group.map(({ request }) => [request.id, request]));
    const ofGroup = nodes.filter(({ requestId }) => requests.has(requestId));
    return writeGroup(deps, { requests: [...requests.values()], nodes: ofGroup, reason });
  });
  await Promise.all(writes);
}

interface Group {
  readonly requests: readonly RequestRecord[];
  readonly nodes: readonly UsedNode[];
  readonly reason: RequestEnd;
}

async function writeGroup(deps: GrantDeps, { requests, nodes, reason }: Group): Promise<void> {
  const { statements, now } = deps;
  const ids = requests.map(({ id }) => id);
  const event = { kind: reason === 'failed' ? 'job-ended' : 'retired', reason: END_OF_NODE[reason] };
  const entries = [
    ...nodes.map((node) => entryOf('node', node, event)),
    ...requests.map(({ id, label }) => entryOf('request', { id, provider: null, label }, { kind: 'ended', reason })),
  ];
  await Promise.all([
    statements.run(
      `UPDATE request SET state = ?, state_time = ?, ended_ms = ?, end_reason = ?, revision = revision + 1 WHERE id IN (${placeholders(ids.length)})`,
      [REQUEST_STATE_CODES.ended, toSeconds(now), now, reason, ...ids],
    ),
    nodes.length === 0 ? null : writeNodes(deps, nodes, reason),
    writeEntries(statements, entries, now),
  ]);
}

/** Why nodes go, by the end of their request. */
const END_OF_NODE = {
  cancelled: 'released',
  released: 'released',
  failed: 'job-failed',
  expired: 'lease-expired',
  lost: 'released',
} as const;

interface UsedNode extends NodeFacts {
  readonly requestId: number;
}

type NodeRow = readonly [id: number, provider: string, label: string, state: number, requestId: number];
const NODE_COLUMNS = 'id, provider_name, label_name, state, request_id';

/** Nodes that were granted to the requests. While its own row is locked, a request gets no more. */
function findOwned({ statements }: GrantDeps, requestIds: readonly number[]): Promise<readonly NodeRow[]> {
  const select = `SELECT ${NODE_COLUMNS} FROM node WHERE request_id IN (${placeholders(requestIds.length)})`;
  return statements.tuples<NodeRow>(select, requestIds);
}

/**
 * Those of the nodes that are still used: others may have been held or deleted in between. Their ids are known by then, so
 * that MySQL locks nothing but these rows: a gap of the index by requests is where other requests are granted their nodes.
 */
async function lockUsed(deps: GrantDeps, nodes: readonly UsedNode[]): Promise<readonly UsedNode[]> {
  const ids = nodes.map(({ id }) => id);
  return usedOnes(await lockRows<NodeRow>(deps, { table: 'node', columns: NODE_COLUMNS, ids }));
}

function usedOnes(rows: readonly NodeRow[]): UsedNode[] {
  const used = rows.filter(([, , , state]) => state === STATE_CODES.used);
  return used.map(([id, provider, label, , requestId]) => ({ id, provider, label, requestId }));
}

/** Whether nodes after a failure are held or deleted the planner decides. */
async function writeNodes(
  { statements, now }: GrantDeps,
  nodes: readonly NodeFacts[],
  reason: RequestEnd,
): Promise<void> {
  const ids = nodes.map(({ id }) => id);
  const requestor = '(SELECT requestor FROM request WHERE request.id = node.request_id)';
  const [set, values] =
    reason === 'failed'
      ? [`job_name = ${requestor}, job_result = 'FAILURE', done_ms = ?`, [now]]
      : ['state = ?, state_time = ?, reason = ?', [STATE_CODES.delete, toSeconds(now), END_OF_NODE[reason]]];
  // A row that foreign SQL inserted gets its creation time for good: before `state_time`, as MySQL assigns in order.
  await statements.run(
    `UPDATE node SET created_ms = COALESCE(created_ms, COALESCE(state_time, 0) * 1000), ${set}, revision = revision + 1 WHERE id IN (${placeholders(ids.length)}) AND state + 0 = ?`,
    [...values, ...ids, STATE_CODES.used],
    ids.length,
  );
}
