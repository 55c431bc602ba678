/** Ending requests, many in one transaction, and the use of their nodes with them. */
import { toSeconds } from '../lib/clock.ts';
import { groupBy } from '../lib/group-by.ts';
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { RequestEnd } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES } from '../lifecycle/request-states.ts';
import { entryOf, lockRows, writeEntries, type GrantDeps, type NodeFacts } from './grant-nodes.ts';
import { placeholders } from './sql.ts';
import type { RequestEnding } from './store.ts';

type StateRow = readonly [id: number, label: string, state: number, expiresAt: number | null];

/** A request that is to be ended. */
interface Ended {
  readonly id: number;
  readonly label: string;
  readonly reason: RequestEnd;
}

/** Answers, for each ending in turn, whether it took effect. */
export async function endRequests(deps: GrantDeps, endings: readonly RequestEnding[]): Promise<readonly boolean[]> {
  const ids = endings.map(({ id }) => id);
  const columns = 'id, label_name, state, expires_ms';
  const open = new Map(
    (await lockRows<StateRow>(deps, { table: 'request', columns, ids })).filter(isOpen).map((row) => [row[0], row]),
  );
  const ended: Ended[] = [];
  const effective = endings.map((ending) => {
    const row = open.get(ending.id);
    if (row === undefined || !isDue(ending, row)) return false;
    // Whatever else is to end it comes too late.
    open.delete(ending.id);
    ended.push({ id: ending.id, label: row[1], reason: reasonOf(ending, row) });
    return true;
  });
  for (const [reason, group] of groupBy(ended, (request) => request.reason)) await writeEndings(deps, group, reason);
  return effective;
}

function isOpen([, , state]: StateRow): boolean {
  return state === REQUEST_STATE_CODES.waiting || state === REQUEST_STATE_CODES.granted;
}

function isDue({ expiredBy }: RequestEnding, [, , , expiresAt]: StateRow): boolean {
  return expiredBy === undefined || (expiresAt !== null && expiresAt <= expiredBy);
}

/** It may have got its nodes since somebody decided to end it. */
function reasonOf({ reason }: RequestEnding, [, , state]: StateRow): RequestEnd {
  if (state === REQUEST_STATE_CODES.waiting) return 'cancelled';
  return reason === 'cancelled' ? 'released' : reason;
}

async function writeEndings(deps: GrantDeps, group: readonly Ended[], reason: RequestEnd): Promise<void> {
  const { statements, now } = deps;
  const ids = group.map(({ id }) => id);
  await statements.run(
    `UPDATE request SET state = ?, state_time = ?, ended_ms = ?, end_reason = ?, revision = revision + 1 WHERE id IN (${placeholders(ids.length)})`,
    [REQUEST_STATE_CODES.ended, toSeconds(now), now, reason, ...ids],
  );
  const nodes = reason === 'cancelled' ? [] : await lockUsed(deps, ids);
  if (nodes.length > 0) await writeNodes(deps, nodes, reason);
  const event = { kind: reason === 'failed' ? 'job-ended' : 'retired', reason: END_OF_NODE[reason] };
  const entries = [
    ...nodes.map((node) => entryOf('node', node, event)),
    ...group.map(({ id, label }) => entryOf('request', { id, provider: null, label }, { kind: 'ended', reason })),
  ];
  await writeEntries(statements, entries, now);
}

/** Why nodes go, by the end of their request. */
const END_OF_NODE = {
  cancelled: 'released',
  released: 'released',
  failed: 'job-failed',
  expired: 'lease-expired',
  lost: 'released',
} as const;

type NodeRow = readonly [id: number, provider: string, label: string, state: number];

/**
 * The nodes that the requests use. Their ids are looked up first, so that MySQL locks nothing but these rows: a gap of the
 * index by requests is where other requests are granted their nodes. While its own row is locked, a request gets no more.
 */
async function lockUsed(deps: GrantDeps, requestIds: readonly number[]): Promise<readonly NodeFacts[]> {
  const select = `SELECT id FROM node WHERE request_id IN (${placeholders(requestIds.length)}) AND state = ?`;
  const found = await deps.statements.tuples<[number]>(select, [...requestIds, STATE_CODES.used]);
  const ids = found.map(([id]) => id);
  const rows = await lockRows<NodeRow>(deps, { table: 'node', columns: 'id, provider_name, label_name, state', ids });
  // Others may have been held or deleted in between.
  const used = rows.filter(([, , , state]) => state === STATE_CODES.used);
  return used.map(([id, provider, label]) => ({ id, provider, label }));
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
    `UPDATE node SET created_ms = COALESCE(created_ms, COALESCE(state_time, 0) * 1000), ${set}, revision = revision + 1 WHERE id IN (${placeholders(ids.length)})`,
    [...values, ...ids],
  );
}
