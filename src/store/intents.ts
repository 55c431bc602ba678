import type { Clock } from '../lib/clock.ts';
import { isRecord, parseJson } from '../lib/json.ts';
import { INTENT_KINDS, type IntentKind, type IntentRecord } from '../lifecycle/records.ts';
import type { Database } from './database.ts';
import type { Store } from './store.ts';

export type IntentRow = readonly [
  id: number,
  kind: string,
  args: string,
  finishedAt: number | null,
  result: string | null,
  error: string | null,
];
export const INTENT_COLUMNS = 'id, kind, args, finished_ms, result, error';

/** null for a kind that only another version of the program knows. */
export function intentFromRow(row: IntentRow): IntentRecord | null {
  const [id, kind, json, finishedAt, answer, error] = row;
  if (!isIntentKind(kind)) return null;
  const args = parseJson(json);
  return {
    id,
    kind,
    args: isRecord(args) ? (args as IntentRecord['args']) : {},
    finishedAt,
    result: answer === null ? null : (parseJson(answer) ?? null),
    error,
  };
}

function isIntentKind(kind: string): kind is IntentKind {
  return (INTENT_KINDS as readonly string[]).includes(kind);
}

/** What operators ask of the daemon, and its answers. */
export function createIntents({ database, clock }: { database: Database; clock: Clock }): Store['intents'] {
  return {
    add: async (kind, args) => {
      const insert = 'INSERT INTO intent (kind, args, created_ms) VALUES (?, ?, ?)';
      const { insertId } = await database.run(insert, [kind, JSON.stringify(args), clock.now()]);
      return insertId;
    },
    find: async (id) => {
      const [row] = await database.tuples<IntentRow>(`SELECT ${INTENT_COLUMNS} FROM intent WHERE id = ?`, [id]);
      return row ? intentFromRow(row) : null;
    },
    finish: async (id, answer) => {
      const update = 'UPDATE intent SET finished_ms = ?, result = ?, error = ? WHERE id = ? AND finished_ms IS NULL';
      // `undefined` is no JSON.
      const [result, error] = 'error' in answer ? [null, answer.error] : [JSON.stringify(answer.result ?? null), null];
      const { matched } = await database.run(update, [clock.now(), result, error, id]);
      return matched === 1;
    },
    purge: async (before) => {
      await database.run('DELETE FROM intent WHERE finished_ms < ?', [before]);
    },
  };
}
