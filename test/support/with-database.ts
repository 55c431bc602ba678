/** Databases for tests: each its own, a file of SQLite or a database of the private MariaDB. */
import { rmSync } from 'node:fs';
import { copyFile, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { inject } from 'vitest';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { systemRandom, type Random } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { Store } from '../../src/store/store.ts';
import { administer, createMariadbDatabase } from './mariadb.ts';

export const DATABASES = ['SQLite', 'MariaDB'] as const;
export type DatabaseKind = (typeof DATABASES)[number];

export interface OpenedDatabase {
  readonly config: DatabaseConfig;
  /** A connection for SQL by hand, as an operator or another program has it. */
  readonly knex: Knex;
  /** Deletes the database. */
  close(): Promise<void>;
}

export interface OpenedStore extends OpenedDatabase {
  readonly store: Store;
  /** The statements by hand that the original's README tells operators to run. */
  wipe(): Promise<void>;
}

export interface StoreDeps {
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A database without tables. */
export async function openEmptyDatabase(kind: DatabaseKind): Promise<OpenedDatabase> {
  return kind === 'SQLite' ? openSqlite() : openMariadb();
}

/** A database with the schema, empty. Cheap, because the schema is made once: a file is copied, a database used again. */
export async function openFreshDatabase(kind: DatabaseKind): Promise<OpenedDatabase> {
  if (kind === 'SQLite') {
    template ??= makeTemplate();
    return openSqlite(await template);
  }
  const database = free.pop() ?? (await withSchema(await openMariadb()));
  return { ...database, close: () => giveBack(database) };
}

/** A store on a fresh database. */
export async function openFreshStore(kind: DatabaseKind, deps: StoreDeps = {}): Promise<OpenedStore> {
  const database = await openFreshDatabase(kind);
  const store = anotherStore(database, deps);
  return {
    ...database,
    store,
    wipe: async () => {
      await database.knex.raw('delete from snapshot_image');
      await database.knex.raw('delete from node');
    },
    close: async () => {
      await store.close();
      await database.close();
    },
  };
}

/** One more store on a database, with a connection of its own, as in another process. The caller closes it. */
export function anotherStore(
  { config }: OpenedDatabase,
  { clock = systemClock, random = systemRandom }: StoreDeps = {},
): Store {
  return createStore({ knex: connect(config), clock, random });
}

/** @param source file with which it begins; none: empty */
async function openSqlite(source?: string): Promise<OpenedDatabase> {
  const directory = await mkdtemp(join(inject('sqliteDirectory'), 'store-'));
  const config = { kind: 'sqlite', file: join(directory, 'nodepool.sqlite') } as const;
  if (source !== undefined) await copyFile(source, config.file);
  const knex = connect(config);
  return {
    config,
    knex,
    close: async () => {
      await knex.destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function withSchema(database: OpenedDatabase): Promise<OpenedDatabase> {
  await migrate({ knex: database.knex, clock: systemClock, random: systemRandom });
  return database;
}

let template: Promise<string> | undefined;

/** An SQLite file with the schema, for this worker process. */
async function makeTemplate(): Promise<string> {
  const { config, knex } = await withSchema(await openSqlite());
  // Everything into the file that is copied, nothing left in the log beside it.
  await knex.raw('PRAGMA wal_checkpoint(TRUNCATE)');
  await knex.destroy();
  const { file } = config as { file: string };
  return file;
}

async function openMariadb(): Promise<OpenedDatabase> {
  const port = inject('mariadbPort');
  const config = await createMariadbDatabase(port);
  const knex = connect(config);
  return {
    config,
    knex,
    close: async () => {
      await knex.destroy();
      await administer(port, `DROP DATABASE ${config.database}`);
    },
  };
}

/** Databases with the schema that no test uses now. They go with their server. */
const free: OpenedDatabase[] = [];
const TABLES = [
  'node',
  'subnode',
  'snapshot_image',
  'dib_image',
  'image_pause',
  'job',
  'request',
  'token',
  'lease',
  'event',
  'intent',
  'failure',
  'provider_location',
  'installation',
];

async function giveBack(database: OpenedDatabase): Promise<void> {
  for (const table of TABLES) await database.knex.raw(`DELETE FROM ${table}`);
  free.push(database);
}
