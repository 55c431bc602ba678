import type { Clock } from '../lib/clock.ts';
import type { FailurePlace, FailureRecord } from '../lifecycle/records.ts';
import type { Database } from './database.ts';
import { digestKey } from './sql.ts';
import type { Store } from './store.ts';

export type FailureRow = readonly [
  kind: FailureRecord['kind'],
  provider: string,
  image: string | null,
  az: string | null,
  count: number,
  lastAt: number,
  lastError: string,
  retryAt: number,
];
export const FAILURE_COLUMNS = 'kind, provider, image, az, count, last_ms, last_error, retry_ms';

export function failureFromRow(row: FailureRow): FailureRecord {
  const [kind, provider, image, az, count, lastAt, lastError, retryAt] = row;
  return { kind, provider, image, az, count, lastAt, lastError, retryAt };
}

/** Failures per place since the last success there. */
export function createFailures({ database, clock }: { database: Database; clock: Clock }): Store['failures'] {
  const insert = `${database.insertMissing} INTO failure (place, ${FAILURE_COLUMNS}) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)`;
  const count = 'UPDATE failure SET count = count + 1, last_ms = ?, last_error = ? WHERE place = ?';
  return {
    record: (place, error, retryAt) =>
      database.transaction(async (statements) => {
        const { kind, provider, image, az } = place;
        const key = keyOf(place);
        const now = clock.now();
        await statements.run(insert, [key, kind, provider, image, az, now, error, now]);
        await statements.run(count, [now, error, key]);
        const [row] = await statements.tuples<[count: number]>('SELECT count FROM failure WHERE place = ?', [key]);
        await statements.run('UPDATE failure SET retry_ms = ? WHERE place = ?', [retryAt(row?.[0] ?? 1), key]);
      }),
    clear: async (place) => {
      await database.run('DELETE FROM failure WHERE place = ?', [keyOf(place)]);
    },
    // By the end of its rest: a place that rests for longer than history is kept must not be tried sooner for that.
    purge: async (before) => {
      await database.run('DELETE FROM failure WHERE retry_ms < ?', [before]);
    },
  };
}

function keyOf({ kind, provider, image, az }: FailurePlace): string {
  return digestKey(kind, provider, image, az);
}
