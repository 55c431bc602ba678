import type { Database } from './database.ts';
import { chunks, placeholders } from './sql.ts';

/** Rows that are deleted at once: a long history must not lock the table for long. */
const MOST = 5000;
const ROWS_PER_STATEMENT = 500;

interface Purge {
  readonly table: 'event' | 'request';
  /** Column with the time that counts, which has an index. */
  readonly time: 'at_ms' | 'ended_ms';
  /** Epoch milliseconds. */
  readonly before: number;
}

/**
 * Deletes what is older than `before`, the oldest first, some thousands at most; answers how many. They are looked up
 * first, because MySQL would lock all rows for a `DELETE` that looks for them itself.
 */
export async function purgeOldest(database: Database, { table, time, before }: Purge): Promise<number> {
  const select = `SELECT id FROM ${table} WHERE ${time} < ? ORDER BY ${time} LIMIT ${MOST}`;
  const ids = (await database.tuples<[number]>(select, [before])).map(([id]) => id);
  let deleted = 0;
  for (const chunk of chunks(ids, ROWS_PER_STATEMENT)) {
    deleted += (await database.run(`DELETE FROM ${table} WHERE id IN (${placeholders(chunk.length)})`, chunk)).matched;
  }
  return deleted;
}
