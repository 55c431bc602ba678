/** The history: what happened to nodes, images and providers. It outlives the rows that it is about. */
import type { Batcher } from './batcher.ts';
import type { Database } from './database.ts';
import { purgeOldest } from './purge.ts';
import { placeholders } from './sql.ts';
import type { EventRecord, Store } from './store.ts';

type EventRow = readonly [
  id: number,
  at: number,
  subjectKind: EventRecord['subjectKind'],
  subjectId: number,
  provider: string | null,
  name: string | null,
  kind: string,
  reason: string | null,
  detail: string | null,
];
const COLUMNS = 'id, at_ms, subject_kind, subject_id, provider, name, kind, reason, detail';

export function createEvents({ database, batcher }: { database: Database; batcher: Batcher }): Store['events'] {
  async function read(rest: string, values: readonly (string | number)[]): Promise<EventRecord[]> {
    const rows = await database.tuples<EventRow>(`SELECT ${COLUMNS} FROM event ${rest}`, values);
    return rows.map(([id, at, subjectKind, subjectId, provider, name, kind, reason, detail]) => {
      return { id, at, subjectKind, subjectId, provider, name, kind, reason, detail };
    });
  }

  return {
    add: async ({ kind, id, provider = null, name = null }, event) => {
      await batcher.submit({ kind: 'entry', subject: { kind, id, provider, name }, event });
    },
    of: (kind, id) => {
      const kinds = kind === 'node' ? ['node', 'subnode'] : [kind];
      return read(`WHERE root_id = ? AND subject_kind IN (${placeholders(kinds.length)}) ORDER BY at_ms, id`, [
        id,
        ...kinds,
      ]);
    },
    latest: async (kinds, limit) => {
      // One query per kind: each ends at its limit, where a list of kinds would have all their events sorted.
      const found = await Promise.all(
        kinds.map((kind) => read('WHERE kind = ? ORDER BY id DESC LIMIT ?', [kind, limit])),
      );
      return found
        .flat()
        .sort((a, b) => b.id - a.id)
        .slice(0, limit);
    },
    purge: (before) => purgeOldest(database, { table: 'event', time: 'at_ms', before }),
  };
}
