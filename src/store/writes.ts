/**
 * The SQL of grouped writes. Writes of one shape become one statement: a column that gets the same value in all
 * rows is set plainly, one that differs by `CASE id WHEN ? THEN ? … END`. Everything here works in MySQL and
 * SQLite alike.
 */
import { STATE_CODES } from '../lifecycle/node-states.ts';
import type { Columns, Table } from './columns.ts';
import type { Value } from './database.ts';
import { chunks, placeholders } from './sql.ts';
import type { EventInput } from './store.ts';

/** Sets columns of a row that still has the values of `guard`. */
export interface Update {
  readonly kind: 'update';
  readonly table: Table;
  readonly id: number;
  readonly guard: Columns;
  /** For a subnode: only while its node is BUILDING. */
  readonly whileNodeBuilds?: boolean;
  readonly set: Columns;
  readonly event?: EventInput | undefined;
}

/** Deletes a row (a node's with its subnodes') that still has the values of `guard`. */
export interface Removal {
  readonly kind: 'removal';
  readonly table: Table;
  readonly id: number;
  readonly guard: Columns;
  readonly event: EventInput;
}

/** An event that goes with no other write. */
export interface Entry {
  readonly kind: 'entry';
  readonly subject: {
    readonly kind: string;
    readonly id: number;
    readonly provider: string | null;
    readonly name: string | null;
  };
  readonly event: EventInput;
}

export type RowWrite = Update | Removal;
export type Write = RowWrite | Entry;

export interface Sql {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** Writes with equal keys differ only in ids and in the values they set. */
export function shapeOf(write: RowWrite): string {
  const { kind, table, guard } = write;
  if (kind === 'removal') return JSON.stringify([kind, table, guard]);
  return JSON.stringify([kind, table, guard, write.whileNodeBuilds === true, Object.keys(write.set)]);
}

/** Which of the writes (all of one shape) would match now. */
export function matchingIds(group: readonly RowWrite[]): Sql {
  const { condition, values } = conditionOf(group);
  return { sql: `SELECT id FROM ${group[0]!.table} WHERE ${condition}`, values };
}

/** One statement for writes that all have one shape. */
export function writeStatement(group: readonly RowWrite[]): Sql {
  const first = group[0]!;
  const { condition, values } = conditionOf(group);
  if (first.kind === 'removal') return { sql: `DELETE FROM ${first.table} WHERE ${condition}`, values };
  const updates = group as readonly Update[];
  // A row that foreign SQL inserted gets its creation time for good before anything refers to it. MySQL assigns
  // from left to right: this comes before `state_time`.
  const assignments = ['created_ms = COALESCE(created_ms, COALESCE(state_time, 0) * 1000)'];
  const assigned: Value[] = [];
  for (const column of Object.keys(first.set)) {
    const expression = expressionOf(updates.map(({ id, set }) => [id, set[column] ?? null]));
    assignments.push(`${column} = ${expression.sql}`);
    assigned.push(...expression.values);
  }
  assignments.push('revision = revision + 1');
  return {
    sql: `UPDATE ${first.table} SET ${assignments.join(', ')} WHERE ${condition}`,
    values: [...assigned, ...values],
  };
}

/** Deletes the subnode rows of nodes that are being removed. */
export function subnodeRemoval(removals: readonly RowWrite[]): Sql {
  return {
    sql: `DELETE FROM subnode WHERE node_id IN (${placeholders(removals.length)})`,
    values: removals.map(({ id }) => id),
  };
}

function conditionOf(group: readonly RowWrite[]): { condition: string; values: Value[] } {
  const { table, guard, ...first } = group[0]!;
  const conditions = [`id IN (${placeholders(group.length)})`];
  const values: Value[] = group.map(({ id }) => id);
  for (const [column, value] of Object.entries(guard)) {
    conditions.push(value === null ? `${column} IS NULL` : `${column} = ?`);
    if (value !== null) values.push(value);
  }
  if (first.kind === 'update' && first.whileNodeBuilds === true) {
    conditions.push(
      `EXISTS (SELECT 1 FROM node WHERE node.id = ${table}.node_id AND node.state = ${STATE_CODES.building})`,
    );
  }
  return { condition: conditions.join(' AND '), values };
}

/** The value for each id: a plain one if all are equal. */
function expressionOf(pairs: readonly (readonly [number, Value])[], id = 'id'): Sql {
  const [, value] = pairs[0]!;
  if (pairs.every(([, other]) => other === value)) return { sql: '?', values: [value] };
  return { sql: `CASE ${id} ${pairs.map(() => 'WHEN ? THEN ?').join(' ')} END`, values: pairs.flat() };
}

/** In one statement. */
const ENTRIES = 200;
export const EVENT_COLUMNS = '(at_ms, subject_kind, subject_id, root_id, provider, name, kind, reason, detail)';

/** Where an event's subject is read from: its id, the id its history is kept under, its provider and name. */
const SUBJECTS: Readonly<Record<Table, { kind: string; columns: string; from: string }>> = {
  node: { kind: 'node', columns: 'r.id, r.id, r.provider_name, r.label_name', from: 'node r' },
  subnode: {
    kind: 'subnode',
    columns: 'r.id, r.node_id, n.provider_name, n.label_name',
    from: 'subnode r JOIN node n ON n.id = r.node_id',
  },
  snapshot_image: { kind: 'image', columns: 'r.id, r.id, r.provider_name, r.image_name', from: 'snapshot_image r' },
  dib_image: { kind: 'disk-image', columns: 'r.id, r.id, NULL, r.image_name', from: 'dib_image r' },
};

export interface EventOfRow {
  readonly table: Table;
  readonly id: number;
  readonly event: EventInput;
}

/** Events of a kind and reason about rows of one table; `at` is their time in epoch milliseconds. */
export function eventStatement(group: readonly EventOfRow[], at: number): Sql {
  const { table, event } = group[0]!;
  const subject = SUBJECTS[table];
  const detail = expressionOf(
    group.map(({ id, event: { detail = null } }) => [id, detail]),
    'r.id',
  );
  return {
    sql: `INSERT INTO event ${EVENT_COLUMNS} SELECT ?, '${subject.kind}', ${subject.columns}, ?, ?, ${detail.sql} FROM ${subject.from} WHERE r.id IN (${placeholders(group.length)})`,
    values: [at, event.kind, event.reason, ...detail.values, ...group.map(({ id }) => id)],
  };
}

/** Events of all nodes of a launch; their batch tokens begin with `batch`. */
export function launchEvents(batch: string, at: number): Sql {
  const { kind, columns, from } = SUBJECTS.node;
  return {
    sql: `INSERT INTO event ${EVENT_COLUMNS} SELECT ?, '${kind}', ${columns}, 'launch', r.reason, NULL FROM ${from} WHERE r.launch_batch LIKE ?`,
    values: [at, `${batch}-%`],
  };
}

/** Statements that add the entries to the history; `at` is their time in epoch milliseconds. */
export function entryStatements(entries: readonly Entry[], at: number): Sql[] {
  return chunks(entries, ENTRIES).map((chunk) => entryStatement(chunk, at));
}

function entryStatement(entries: readonly Entry[], at: number): Sql {
  const row = `(${placeholders(9)})`;
  return {
    sql: `INSERT INTO event ${EVENT_COLUMNS} VALUES ${entries.map(() => row).join(', ')}`,
    values: entries.flatMap(({ subject, event }) => [
      at,
      subject.kind,
      subject.id,
      subject.id,
      subject.provider,
      subject.name,
      event.kind,
      event.reason,
      event.detail ?? null,
    ]),
  };
}
