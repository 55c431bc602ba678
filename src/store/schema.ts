/**
 * The steps that migrations are made of. Each looks first and tolerates that somebody else did it meanwhile:
 * MySQL cannot roll back what changes tables, so a migration that was cut off, or that two processes run at
 * once, must converge when it is run again. No lock is needed, so none can be left behind.
 */
import { NodepoolError } from '../lib/errors.ts';
import type { Database, Statements } from './database.ts';

export interface TableSpec {
  readonly name: string;
  /** Types that both databases understand; `id` is added in front if the key is none of these. */
  readonly columns: Readonly<Record<string, string>>;
  /** Primary key; `id` by default. */
  readonly key?: string;
  readonly indexes: readonly (readonly string[])[];
  /** Columns that a table of this name has if it is Nodepool's. */
  readonly core?: readonly string[];
}

export interface Schema {
  /** Makes the table, or adds the columns and indexes it lacks. */
  table(spec: TableSpec): Promise<void>;
  /** Adds missing columns to a table that exists, and indexes over them. */
  extend(table: string, columns: TableSpec['columns'], indexes?: TableSpec['indexes']): Promise<void>;
  /** Undoes {@link extend}. */
  shrink(table: string, columns: readonly string[], indexes?: TableSpec['indexes']): Promise<void>;
  dropTable(table: string): Promise<void>;
  /** Runs a statement that may be repeated. */
  run(sql: string): Promise<void>;
}

/** What MySQL says when somebody else has just done the same: table, column, index exists; nothing to drop. */
const DONE_BY_ANOTHER = new Set([1050, 1060, 1061, 1091]);
const TRIES = 10;

export class SchemaSteps implements Schema {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #isMysql: boolean;

  /** @param statements where to run the steps: `database` itself, or a transaction on it */
  constructor(database: Database, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
    this.#isMysql = database.dialect === 'mysql';
  }

  async table(spec: TableSpec): Promise<void> {
    const { name, columns, indexes, core = [] } = spec;
    const present = await this.#columnsOf(name);
    if (present.size > 0 && core.some((column) => !present.has(column))) {
      const message = `${this.#database.place} has a table ${name} that is not Nodepool's; give Nodepool a database of its own`;
      throw new NodepoolError('database-unusable', message);
    }
    // MySQL makes a table with its indexes at once, which is much faster than one after the other.
    if (present.size === 0) await this.run(creation(spec, this.#isMysql));
    else await this.extend(name, columns);
    if (present.size === 0 && this.#isMysql) return;
    await this.#addIndexes(name, indexes);
    if (this.#isMysql) await this.#useTransactions(name);
  }

  async extend(table: string, columns: TableSpec['columns'], indexes: TableSpec['indexes'] = []): Promise<void> {
    await this.#settle(async () => {
      const present = await this.#columnsOf(table);
      const missing = Object.entries(columns).filter(([name]) => !present.has(name));
      return this.#alteration(
        table,
        missing.map(([name, type]) => `ADD COLUMN ${name} ${this.#isMysql ? inAnyLanguage(type) : type}`),
      );
    });
    await this.#addIndexes(table, indexes);
  }

  async shrink(table: string, columns: readonly string[], indexes: TableSpec['indexes'] = []): Promise<void> {
    for (const indexed of indexes) {
      const name = indexName(table, indexed);
      const drop = this.#isMysql ? `DROP INDEX ${name} ON ${table}` : `DROP INDEX ${name}`;
      await this.#settle(async () => ((await this.#indexesOf(table)).has(name) ? drop : null));
    }
    await this.#settle(async () => {
      const present = await this.#columnsOf(table);
      const surplus = columns.filter((name) => present.has(name));
      return this.#alteration(
        table,
        surplus.map((name) => `DROP COLUMN ${name}`),
      );
    });
  }

  async dropTable(table: string): Promise<void> {
    await this.run(`DROP TABLE IF EXISTS ${table}`);
  }

  async run(sql: string): Promise<void> {
    await this.#statements.run(sql);
  }

  async #addIndexes(table: string, indexes: TableSpec['indexes']): Promise<void> {
    await this.#settle(async () => {
      const present = await this.#indexesOf(table);
      const missing = indexes.find((columns) => !present.has(indexName(table, columns)));
      return missing ? `CREATE INDEX ${indexName(table, missing)} ON ${table} (${missing.join(', ')})` : null;
    });
  }

  /** Repeats "look what is missing, do it" until nothing is, while others do the same. */
  async #settle(look: () => Promise<string | null>): Promise<void> {
    for (let failures = 0; ;) {
      const sql = await look();
      if (sql === null) return;
      try {
        await this.run(sql);
      } catch (error) {
        failures += 1;
        if (failures === TRIES || !DONE_BY_ANOTHER.has((error as { errno?: number }).errno ?? 0)) throw error;
      }
    }
  }

  /** null: nothing to alter. SQLite takes one change per statement. */
  #alteration(table: string, changes: readonly string[]): string | null {
    if (changes.length === 0) return null;
    return `ALTER TABLE ${table} ${changes.slice(0, this.#isMysql ? changes.length : 1).join(', ')}`;
  }

  #columnsOf(table: string): Promise<Set<string>> {
    return this.#namesFrom(this.#isMysql ? MYSQL_COLUMNS : 'SELECT name FROM pragma_table_info(?)', table);
  }

  #indexesOf(table: string): Promise<Set<string>> {
    return this.#namesFrom(this.#isMysql ? MYSQL_INDEXES : 'SELECT name FROM pragma_index_list(?)', table);
  }

  async #namesFrom(sql: string, table: string): Promise<Set<string>> {
    const rows = await this.#statements.tuples<readonly [string]>(sql, [table]);
    return new Set(rows.map(([name]) => name.toLowerCase()));
  }

  /** Tables that the original made before August 2015 may be MyISAM, which has no transactions. */
  async #useTransactions(table: string): Promise<void> {
    const [row] = await this.#statements.tuples<readonly [string]>(MYSQL_ENGINE, [table]);
    if (row?.[0].toLowerCase() !== 'innodb') await this.run(`ALTER TABLE ${table} ENGINE = InnoDB`);
  }
}

const MYSQL_COLUMNS =
  'SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?';
const MYSQL_INDEXES =
  'SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ?';
const MYSQL_ENGINE = 'SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?';

/** The names that the original's indexes have. */
function indexName(table: string, columns: readonly string[]): string {
  return `ix_${table}_${columns.join('_')}`;
}

/** The type of a new column, of a text as our own tables have it: those of the original can be Latin 1. */
function inAnyLanguage(type: string): string {
  return type.replace(/^(?:VARCHAR\(\d+\)|(?:MEDIUM)?TEXT)/, `$& ${MYSQL_TEXT}`);
}

function creation({ name, columns, key = 'id', indexes }: TableSpec, isMysql: boolean): string {
  const lines = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
  if (!(key in columns)) lines.unshift(isMysql ? MYSQL_ID : SQLITE_ID);
  else lines.push(`PRIMARY KEY (${key})`);
  if (!isMysql) return `CREATE TABLE IF NOT EXISTS ${name} (${lines.join(', ')})`;
  lines.push(...indexes.map((indexed) => `INDEX ${indexName(name, indexed)} (${indexed.join(', ')})`));
  return `CREATE TABLE IF NOT EXISTS ${name} (${lines.join(', ')}) ${MYSQL_OPTIONS}`;
}

const MYSQL_ID = 'id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY';
const SQLITE_ID = 'id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT';
const MYSQL_TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const MYSQL_OPTIONS = `ENGINE = InnoDB DEFAULT ${MYSQL_TEXT}`;
