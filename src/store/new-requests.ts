/** Rows of requests that are being made. */
import { toSeconds } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import { REQUEST_STATE_CODES, requestRank } from '../lifecycle/request-states.ts';
import { clip } from './columns.ts';
import type { Database, Statements, Value } from './database.ts';
import { REQUEST_COLUMNS, requestFromRow, type RequestRow } from './request-rows.ts';
import { digestKey, placeholders } from './sql.ts';
import type { NewRequest } from './store.ts';

/** A request that is to be made, and the targets whose nodes may be granted to it. */
export interface Opening {
  readonly request: NewRequest;
  readonly targets: readonly string[];
}

export function keyOf({ tokenId, idempotencyKey }: NewRequest, random: Random): string {
  return idempotencyKey === null ? random.hex(32) : digestKey('request', String(tokenId), idempotencyKey);
}

/** Of what was asked for, not of what the configuration makes of it: with another default, it is still the same wish. */
export function wishDigest(request: NewRequest): string {
  const { label, count, priority, requestor, reason, ttlMs, hasDefaultTtl } = request;
  return digestKey(label, requestor, reason, JSON.stringify([count, priority, hasDefaultTtl ? null : ttlMs]));
}

interface Insertion {
  readonly openings: readonly Opening[];
  /** Of each opening: what is unique about it. */
  readonly keys: readonly string[];
  readonly batch: string;
  readonly state: 'waiting' | 'granted';
}

const INSERTED =
  'dedup, wish, batch, label_name, node_count, priority, rank_ms, requestor, reason, token_id, ttl_ms, state, state_time, created_ms, granted_ms, expires_ms';

/** Rows whose key is there stay as they are. (`INSERT IGNORE` would also swallow values that do not fit.) */
const KEEP = { mysql: 'ON DUPLICATE KEY UPDATE dedup = dedup', sqlite: 'ON CONFLICT (dedup) DO NOTHING' };

export async function insertRequests(
  { database, statements, now }: { database: Database; statements: Statements; now: number },
  { openings, keys, batch, state }: Insertion,
): Promise<void> {
  const isGranted = state === 'granted';
  const rows = openings.map(({ request }, index): Value[] => {
    const { label, count, priority, requestor, reason, tokenId, ttlMs } = request;
    const wish = [clip(label), count, priority, requestRank(now, priority), clip(requestor), reason, tokenId, ttlMs];
    const times = [toSeconds(now), now, isGranted ? now : null, isGranted ? now + ttlMs : null];
    return [keys[index]!, wishDigest(request), batch, ...wish, REQUEST_STATE_CODES[state], ...times];
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
export async function readRequests(statements: Statements, keys: readonly string[]): Promise<Map<string, ReadRow>> {
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
