/**
 * Brings the schema to the version of this program. Safe when several processes do it at once and when one was
 * killed in the middle: see `schema.ts`. knex's own migrator is not used, because its lock outlives a killed
 * process and then somebody has to remove it by hand.
 */
import { NodepoolError } from '../lib/errors.ts';
import { migrations as allMigrations } from '../../migrations/index.ts';
import { Database, type DatabaseDeps, type Statements } from './database.ts';
import { SchemaSteps, type Schema } from './schema.ts';

export interface Migration {
  readonly name: string;
  readonly up: (schema: Schema) => Promise<void>;
  /** Removes what `up` added. What belongs to the original stays. */
  readonly down: (schema: Schema) => Promise<void>;
}

const VERSIONS = {
  name: 'nodepool_schema',
  key: 'version',
  columns: { version: 'INTEGER NOT NULL', name: 'VARCHAR(255) NOT NULL' },
  indexes: [],
};
/** Changing a large table takes its time. */
const STATEMENT_TIMEOUT_MS = 600_000;

/**
 * Applies every migration that is missing; on a classic database this adopts its tables and rows.
 * @throws NodepoolError `database-unusable` when the schema is newer than this program or the tables are not Nodepool's
 */
export async function migrate(deps: DatabaseDeps, migrations: readonly Migration[] = allMigrations): Promise<void> {
  const database = new Database(deps, STATEMENT_TIMEOUT_MS);
  const found = await versionOf(database);
  if (found === migrations.length) return;
  refuseNewer(database, found, migrations.length);
  await atomically(database, async (statements) => {
    const schema = new SchemaSteps(database, statements);
    await schema.table(VERSIONS);
    // Somebody else may have done some meanwhile.
    const applied = await readVersion(statements);
    refuseNewer(database, applied, migrations.length);
    for (const [index, migration] of migrations.entries()) {
      if (index < applied) continue;
      await migration.up(schema);
      await statements.run(`${database.insertMissing} INTO ${VERSIONS.name} (version, name) VALUES (?, ?)`, [
        index + 1,
        migration.name,
      ]);
    }
  });
}

/**
 * Undoes the newest migration that was applied; answers the version that is left. No command does it, because any command
 * would migrate forward again: `migrations/README.md` says when and how it is run.
 */
export async function rollback(deps: DatabaseDeps, migrations: readonly Migration[] = allMigrations): Promise<number> {
  const database = new Database(deps, STATEMENT_TIMEOUT_MS);
  const found = await versionOf(database);
  refuseNewer(database, found, migrations.length);
  const migration = migrations[found - 1];
  if (!migration) return 0;
  await atomically(database, async (statements) => {
    await migration.down(new SchemaSteps(database, statements));
    await statements.run(`DELETE FROM ${VERSIONS.name} WHERE version = ?`, [found]);
  });
  return found - 1;
}

/** SQLite changes tables in transactions; MySQL commits before each change, so there a transaction means nothing. */
function atomically(database: Database, work: (statements: Statements) => Promise<void>): Promise<void> {
  return database.dialect === 'sqlite' ? database.transaction(work) : work(database);
}

/** Version of the schema; 0: not ours yet. */
async function versionOf(database: Database): Promise<number> {
  const exists =
    database.dialect === 'mysql'
      ? 'SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?'
      : "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
  const tables = await database.tuples(exists, [VERSIONS.name]);
  return tables.length === 0 ? 0 : readVersion(database);
}

async function readVersion(statements: Statements): Promise<number> {
  const [row] = await statements.tuples<[number | null]>(`SELECT MAX(version) FROM ${VERSIONS.name}`);
  return row?.[0] ?? 0;
}

function refuseNewer(database: Database, found: number, known: number): void {
  if (found <= known) return;
  const message = `${database.place} has schema version ${found}, this program knows ${known}; install the newer program or choose another database`;
  throw new NodepoolError('database-unusable', message);
}
