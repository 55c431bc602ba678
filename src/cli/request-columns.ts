/** The columns of requests, and how a single one is shown. */
import type { Config } from '../config/types.ts';
import { REQUEST_ENDS, type RequestRecord } from '../lifecycle/records.ts';
import { viewRequest, type GrantedNodeView } from '../requests/view.ts';
import type { RequestWithNodes } from '../store/store.ts';
import type { OutputFormat } from './options.ts';
import { renderResult } from './output/format.ts';
import { drawFacts, drawListing, type Column } from './output/listing.ts';
import { ageInSeconds, formatTime } from './output/time.ts';

/** A request as listings show it. */
export interface RequestRow {
  readonly request: RequestRecord;
  /** Among those of its label that wait; null: it does not. */
  readonly position: number | null;
  /** Ids of its nodes. */
  readonly nodes: readonly number[];
}

/** @param now epoch milliseconds; ages are whole seconds. */
export function requestColumns(now: number): readonly Column<RequestRow>[] {
  return [
    ...WISH_COLUMNS,
    { title: 'Position', key: 'position', value: ({ position }) => position },
    ...askerColumns(now),
    {
      title: 'Lease ends in',
      key: 'lease_ends_in',
      unit: 'age',
      value: ({ request }) => leaseEndsIn(request, now),
    },
    { title: 'Nodes', key: 'nodes', value: ({ nodes }) => nodes },
    REASON,
    { title: 'Created', key: 'created_at', isDetail: true, value: ({ request }) => formatTime(request.createdAt) },
    { title: 'Granted', key: 'granted_at', isDetail: true, value: ({ request }) => formatTime(request.grantedAt) },
    { title: 'Lease ends', key: 'expires_at', isDetail: true, value: ({ request }) => formatTime(request.expiresAt) },
  ];
}

/** Columns of those that have ended. */
export function endedColumns(now: number): readonly Column<RequestRow>[] {
  return [
    ...WISH_COLUMNS,
    ...askerColumns(now),
    { title: 'Ended', key: 'ended_at', value: ({ request }) => formatTime(request.endedAt) },
    { title: 'End', key: 'end_reason', value: ({ request }) => request.endReason },
    { title: 'Why', key: 'end_why', value: ({ request }) => explainEnd(request) },
    REASON,
    { title: 'Created', key: 'created_at', isDetail: true, value: ({ request }) => formatTime(request.createdAt) },
    { title: 'Granted', key: 'granted_at', isDetail: true, value: ({ request }) => formatTime(request.grantedAt) },
  ];
}

const WISH_COLUMNS: readonly Column<RequestRow>[] = [
  { title: 'ID', key: 'id', value: ({ request }) => request.id },
  { title: 'Label', key: 'label', value: ({ request }) => request.label },
  { title: 'Count', key: 'count', value: ({ request }) => request.count },
  { title: 'State', key: 'state', value: ({ request }) => request.state },
  { title: 'Priority', key: 'priority', value: ({ request }) => request.priority },
];

function askerColumns(now: number): readonly Column<RequestRow>[] {
  return [
    { title: 'Requestor', key: 'requestor', value: ({ request }) => request.requestor },
    { title: 'Age', key: 'age', unit: 'age', value: ({ request }) => ageInSeconds(now, request.createdAt) },
  ];
}

const REASON: Column<RequestRow> = { title: 'Reason', key: 'reason', value: ({ request }) => request.reason };

function explainEnd({ endReason }: RequestRecord): string | null {
  return endReason === null ? null : REQUEST_ENDS[endReason];
}

/** Whole seconds; null: it has no lease (any more). */
function leaseEndsIn({ state, expiresAt }: RequestRecord, now: number): number | null {
  return state === 'granted' && expiresAt !== null ? Math.max(0, Math.ceil((expiresAt - now) / 1000)) : null;
}

interface Surroundings {
  readonly config: Config;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Prints a request with its nodes: for machines what the HTTP interface answers, for people what they need of it. */
export function renderRequest(
  format: OutputFormat,
  found: RequestWithNodes,
  { config, now }: Surroundings,
): Promise<string> {
  const view = viewRequest(found, config);
  return renderResult(format, view, () => drawRequest(found.request, view.nodes, now));
}

/** The facts of a request, then its nodes with how to log in. */
export function drawRequest(request: RequestRecord, nodes: readonly GrantedNodeView[], now: number): string {
  const facts = `Request\n${drawFacts(requestFacts(now), request)}`;
  return nodes.length === 0 ? facts : `${facts}\nNodes\n${drawListing(NODE_COLUMNS, nodes)}`;
}

function requestFacts(now: number): readonly Column<RequestRecord>[] {
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Label', key: 'label', value: ({ label }) => label },
    { title: 'Count', key: 'count', value: ({ count }) => count },
    { title: 'Priority', key: 'priority', value: ({ priority }) => priority },
    { title: 'Requestor', key: 'requestor', value: ({ requestor }) => requestor },
    { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
    { title: 'State', key: 'state', value: ({ state }) => state },
    { title: 'Created', key: 'created_at', value: ({ createdAt }) => formatTime(createdAt) },
    { title: 'Granted', key: 'granted_at', value: ({ grantedAt }) => formatTime(grantedAt) },
    { title: 'Lease lasts', key: 'ttl', unit: 'age', value: ({ ttlMs }) => Math.floor(ttlMs / 1000) },
    { title: 'Lease ends in', key: 'lease_ends_in', unit: 'age', value: (request) => leaseEndsIn(request, now) },
    { title: 'Ended', key: 'ended_at', value: ({ endedAt }) => formatTime(endedAt) },
    { title: 'Why', key: 'end_why', value: explainEnd },
  ];
}

const NODE_COLUMNS: readonly Column<GrantedNodeView>[] = [
  { title: 'ID', key: 'id', value: ({ id }) => id },
  { title: 'Provider', key: 'provider', value: ({ provider }) => provider },
  { title: 'AZ', key: 'az', value: ({ az }) => az },
  { title: 'State', key: 'state', value: ({ state }) => state },
  { title: 'Hostname', key: 'hostname', value: ({ hostname }) => hostname },
  { title: 'IP', key: 'ip', value: ({ ip }) => ip },
  { title: 'User', key: 'username', value: ({ username }) => username },
  { title: 'Subnodes', key: 'subnodes', value: ({ subnodes }) => subnodes.map(({ ip }) => ip ?? '?') },
  { title: 'Log in', key: 'login', value: ({ id }) => `nodepool ssh ${id}` },
];
