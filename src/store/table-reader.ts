import type { Statements } from './database.ts';
import { chunks, placeholders } from './sql.ts';

const IDS_PER_STATEMENT = 500;

type Version = readonly [id: number, revision: number, state: number | null, stateTime: number | null];

interface Known<Rec> {
  readonly version: Version;
  /** null: in a state that we do not know. */
  readonly record: Rec | null;
}

interface TableSource<Row extends readonly [id: number, ...rest: unknown[]], Rec> {
  readonly table: string;
  /** SQL condition on its rows; absent: all. */
  readonly condition?: string;
  /** The first is the id. */
  readonly columns: string;
  readonly toRecord: (row: Row) => Rec | null;
}

/** Keeps the records of one table and reads again only the rows that changed. */
export class TableReader<Row extends readonly [id: number, ...rest: unknown[]], Rec> {
  readonly #source: TableSource<Row, Rec>;
  #known = new Map<number, Known<Rec>>();

  constructor(source: TableSource<Row, Rec>) {
    this.#source = source;
  }

  /** In the order of their ids. An unchanged row keeps its object. */
  records(): Rec[] {
    return [...this.#known.values()].flatMap(({ record }) => record ?? []);
  }

  async refresh(statements: Statements): Promise<void> {
    const { table, condition, toRecord } = this.#source;
    const where = condition === undefined ? '' : ` WHERE ${condition}`;
    const select = `SELECT id, revision, state, state_time FROM ${table}${where}`;
    // Sorted here: for an order MySQL would rather read the whole table than those in the index that fulfil the condition.
    const versions = (await statements.tuples<Version>(select)).sort(([a], [b]) => a - b);
    const stale = versions.filter((version) => !this.#hasSeen(version)).map(([id]) => id);
    const rows = new Map((await this.#readRows(statements, stale, versions.length)).map((row) => [row[0], row]));
    const fresh = new Map<number, Known<Rec>>();
    for (const version of versions) {
      const id = version[0];
      const row = rows.get(id);
      const before = this.#known.get(id);
      if (before && isSame(before.version, version)) fresh.set(id, before);
      else fresh.set(id, { version, record: row ? toRecord(row) : null });
    }
    this.#known = fresh;
  }

  #hasSeen(version: Version): boolean {
    const known = this.#known.get(version[0]);
    return known !== undefined && isSame(known.version, version);
  }

  async #readRows(statements: Statements, stale: readonly number[], total: number): Promise<Row[]> {
    const { table, columns, condition } = this.#source;
    const all = `SELECT ${columns} FROM ${table}`;
    // Many ids cost more than the rows that need not be read.
    if (stale.length * 2 > total) return statements.tuples(condition === undefined ? all : `${all} WHERE ${condition}`);
    const rows = chunks(stale, IDS_PER_STATEMENT).map((ids) =>
      statements.tuples<Row>(`${all} WHERE id IN (${placeholders(ids.length)})`, ids),
    );
    return (await Promise.all(rows)).flat();
  }
}

function isSame(a: Version, b: Version): boolean {
  return a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
