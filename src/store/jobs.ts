/** Rules that hold nodes on which jobs fail. The original's table, whose columns hold no more than name and number. */
import type { JobRecord } from '../lifecycle/records.ts';
import { clip } from './columns.ts';
import type { Database } from './database.ts';
import type { Store } from './store.ts';

export type JobRow = readonly [
  id: number,
  name: string | null,
  label: string | null,
  holdOnFailure: number | null,
  reason: string | null,
  holdMs: number | null,
  expiresAt: number | null,
];
export const JOB_COLUMNS = 'id, name, label_name, hold_on_failure, reason, hold_ms, expires_ms';

export function jobFromRow([id, name, label, holdOnFailure, reason, holdMs, expiresAt]: JobRow): JobRecord {
  return { id, name: name ?? '', label, holdOnFailure: holdOnFailure ?? 0, reason, holdMs, expiresAt };
}

export function createJobs({ database }: { database: Database }): Store['jobs'] {
  return {
    add: async (job) => {
      const { label, holdOnFailure, reason, holdMs, expiresAt } = job;
      const name = clip(job.name);
      const insert =
        'INSERT INTO job (name, label_name, hold_on_failure, reason, hold_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)';
      const values = [name, label, holdOnFailure, reason, holdMs, expiresAt];
      return { ...job, name, id: (await database.run(insert, values)).insertId };
    },
    remove: async (id) => (await database.run('DELETE FROM job WHERE id = ?', [id])).matched === 1,
  };
}
