/** Rows of `request` as tuples, and what they mean. */
import { REQUEST_ENDS, type RequestEnd, type RequestRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES, requestStateFromCode } from '../lifecycle/request-states.ts';

/** Condition of those that planning looks at. */
export const OPEN_REQUESTS = `state IN (${REQUEST_STATE_CODES.waiting}, ${REQUEST_STATE_CODES.granted})`;

export type RequestRow = readonly [
  id: number,
  label: string,
  count: number,
  priority: number,
  rank: number,
  requestor: string,
  reason: string | null,
  tokenId: number | null,
  ttlMs: number,
  state: number,
  createdAt: number,
  grantedAt: number | null,
  expiresAt: number | null,
  endedAt: number | null,
  endReason: string | null,
];
export const REQUEST_COLUMNS =
  'id, label_name, node_count, priority, rank_ms, requestor, reason, token_id, ttl_ms, state, created_ms, granted_ms, expires_ms, ended_ms, end_reason';

/** null in a state that only another version of the program knows. */
export function requestFromRow(row: RequestRow): RequestRecord | null {
  const [id, label, count, priority, rank, requestor, reason, tokenId, ttlMs, code, ...times] = row;
  const [createdAt, grantedAt, expiresAt, endedAt, end] = times;
  const state = requestStateFromCode(code);
  if (state === null) return null;
  const endReason = isRequestEnd(end) ? end : null;
  const wish = { id, label, count, priority, rank, requestor, reason, tokenId, ttlMs };
  return { state, createdAt, grantedAt, expiresAt, endedAt, endReason, ...wish };
}

function isRequestEnd(text: string | null): text is RequestEnd {
  return text !== null && text in REQUEST_ENDS;
}
