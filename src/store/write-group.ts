/**
 * Many compare-and-sets in one transaction. The statement of a group tells only how many rows matched. If that
 * is all of them, everybody won. If not, the transaction is rolled back and repeated the careful way: first the
 * rows that still match are read and locked, then only these are written, with their events.
 */
import { groupBy } from '../lib/group-by.ts';
import { repeatContested } from './contested.ts';
import type { Database, Outcome, Statements, Transaction } from './database.ts';
import { chunks } from './sql.ts';
import { entryStatements, eventStatement, matchingIds, shapeOf, subnodeRemoval, writeStatement } from './writes.ts';
import type { Entry, EventOfRow, RowWrite, Sql, Write } from './writes.ts';

/** Rows per statement: the cost of `CASE` grows with its square. */
const CHUNK = 200;
/** Careful tries: more than one is needed only if the node of a subnode moves in between. */
const CAREFUL_TRIES = 5;

/**
 * Writes all in one transaction, at most one write per row; answers those that lost.
 * @param at time of the events, in epoch milliseconds
 */
export function writeGroup(database: Database, writes: readonly Write[], at: number): Promise<ReadonlySet<Write>> {
  return repeatContested(CAREFUL_TRIES, (tries) =>
    database.transaction(async (statements) => {
      const lost = tries === 0 ? new Set<Write>() : await findLosers(database, statements, writes);
      const winners = writes.filter((write) => !lost.has(write));
      await writeAll(statements, winners, at);
      return lost;
    }),
  );
}

/** Locks the rows that match. */
async function findLosers(database: Database, statements: Statements, writes: readonly Write[]): Promise<Set<Write>> {
  const losers = groupsOf(writes).map(async (group) => {
    const { sql, values } = matchingIds(group);
    const locking = database.dialect === 'mysql' ? `${sql} FOR UPDATE` : sql;
    const matching = new Set((await statements.tuples<[number]>(locking, values)).map(([id]) => id));
    return group.filter((write) => !matching.has(write.id));
  });
  return new Set((await Promise.all(losers)).flat());
}

/** All statements are sent together, in this order. */
async function writeAll(statements: Transaction, writes: readonly Write[], at: number): Promise<void> {
  const groups = groupsOf(writes);
  await Promise.all([
    ...groups.filter((group) => !isRemoval(group)).map((group) => writeRows(statements, group)),
    // Events read from the rows what they are about: before these are deleted.
    ...eventStatements(writes, at).map((statement) => run(statements, statement)),
    ...groups.filter(isRemoval).map((group) => writeRows(statements, group)),
    statements.commit(),
  ]);
}

/** Rejects with `Contested` when one of the rows does not match. */
async function writeRows(statements: Statements, group: readonly RowWrite[]): Promise<void> {
  const isOfNodes = isRemoval(group) && group[0]?.table === 'node';
  const { sql, values } = writeStatement(group);
  await Promise.all([
    statements.run(sql, values, group.length),
    isOfNodes ? run(statements, subnodeRemoval(group)) : null,
  ]);
}

function eventStatements(writes: readonly Write[], at: number): Sql[] {
  const ofRows = writes.flatMap((write): EventOfRow[] => {
    if (write.kind === 'entry' || !write.event) return [];
    return [{ table: write.table, id: write.id, event: write.event }];
  });
  const groups = alike(ofRows, ({ table, event }) => JSON.stringify([table, event.kind, event.reason]));
  const entries = writes.filter((write): write is Entry => write.kind === 'entry');
  return [...groups.map((group) => eventStatement(group, at)), ...entryStatements(entries, at)];
}

/** Row writes by shape, ordered by id so that two processes lock rows in the same order. */
function groupsOf(writes: readonly Write[]): RowWrite[][] {
  const ofRows = writes.filter((write): write is RowWrite => write.kind !== 'entry');
  return alike(
    ofRows.sort((a, b) => a.id - b.id),
    shapeOf,
  );
}

function isRemoval(group: readonly RowWrite[]): boolean {
  return group[0]?.kind === 'removal';
}

function run(statements: Statements, { sql, values }: Sql): Promise<Outcome> {
  return statements.run(sql, values);
}

/** Items with equal keys, in chunks. */
function alike<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...groupBy(items, keyOf).values()].flatMap((group) => chunks(group, CHUNK));
}
