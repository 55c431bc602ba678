/** A pool to measure: a configuration file, a database with one READY image, a daemon, the command line. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Knex } from 'knex';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { connect } from '../../src/store/connect.ts';
import { migrate } from '../../src/store/migrate.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { NODE_FLAGS } from '../../src/process/node-flags.ts';
import { until } from './measure.ts';

export interface SiteOptions {
  readonly nodes: number;
  /** null: an embedded database of its own. */
  readonly mysql: DatabaseConfig | null;
  /** A ready script makes each node get a key pair. */
  readonly withKeys?: boolean;
  /** Port of the HTTP interface, without a limit of its rate; absent: any. */
  readonly apiPort?: number;
  /** Port of a statsd receiver. */
  readonly statsdPort?: number;
}

export interface BenchSite {
  readonly knex: Knex;
  readonly directory: string;
  startDaemon(): ChildProcess & { readonly pid: number };
  /** Runs `nodepool`; answers its wall time in milliseconds. */
  nodepool(...args: string[]): Promise<number>;
  rows<Row>(sql: string): Promise<readonly Row[]>;
  count(where?: string): Promise<number>;
  /** Statements that the database server has answered; NaN for an embedded one. */
  questions(): Promise<number>;
  close(): Promise<void>;
}

const BIN = join(import.meta.dirname, '../../../bin');

export async function createBenchSite(options: SiteOptions): Promise<BenchSite> {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  const database: DatabaseConfig = options.mysql ?? { kind: 'sqlite', file: join(directory, 'bench.sqlite') };
  const config = join(directory, 'nodepool.yaml');
  writeFileSync(config, configText(options, database));
  const knex = connect(database);
  await prepareDatabase(knex);
  const env = {
    ...process.env,
    NODEPOOL_STATE_DIR: directory,
    ...(options.statsdPort === undefined ? {} : { STATSD_HOST: '127.0.0.1', STATSD_PORT: String(options.statsdPort) }),
  };
  return {
    knex,
    directory,
    startDaemon: () => {
      const child = spawn(process.execPath, [...NODE_FLAGS, join(BIN, 'nodepoold'), '-d', '-c', config], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return Object.assign(child, { pid: child.pid ?? 0 });
    },
    nodepool: (...args) => timeProcess([join(BIN, 'nodepool'), '-c', config, ...args], env),
    rows: (sql) => queryRows(knex, sql),
    count: async (where = 'state = 2') => {
      const [row] = await queryRows<{ count: number }>(knex, `SELECT COUNT(*) AS count FROM node WHERE ${where}`);
      return Number(row?.count ?? 0);
    },
    questions: () => readQuestions(knex, database),
    close: async () => {
      await knex.destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configText({ nodes, withKeys = false, apiPort = 0 }: SiteOptions, database: DatabaseConfig): string {
  const uri =
    database.kind === 'sqlite'
      ? `sqlite:///${database.file}`
      : `mysql://${database.user}:${database.password}@${database.host}:${database.port}/${database.database}`;
  return `dburi: '${uri}'
api: {port: ${apiPort}, rate-limit: 0}
labels:
  - name: bench
    image: bench
    min-ready: ${nodes}${withKeys ? '\n    ready-script: ready.sh' : ''}
    providers: [{name: bench-cloud}]
providers:
  - name: bench-cloud
    driver: fake
    max-servers: 20000
    rate: 0
    fake: {boot-time: 0, delete-time: 0}
    images: [{name: bench, min-ram: 1024, base-image: base, setup: setup.sh}]
targets: [{name: bench-target}]
`;
}

/** Empty tables, and one READY image, as in the measurements of the original. */
async function prepareDatabase(knex: Knex): Promise<void> {
  await migrate({ knex, clock: systemClock, random: systemRandom });
  for (const table of ['node', 'subnode', 'snapshot_image', 'event', 'failure', 'intent', 'lease', 'request'])
    await knex.raw(`DELETE FROM ${table}`);
}

/** Resolves when the daemon has built its image: a fake cloud is new with each daemon. */
export async function awaitImage(site: BenchSite): Promise<void> {
  await until(async () => (await site.rows('SELECT id FROM snapshot_image WHERE state = 2')).length > 0);
}

async function queryRows<Row>(knex: Knex, sql: string): Promise<readonly Row[]> {
  const answer: unknown = await knex.raw(sql);
  // mysql2 answers with rows and a description of the columns.
  return (Array.isArray(answer) && Array.isArray(answer[0]) ? answer[0] : answer) as readonly Row[];
}

async function timeProcess(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  if (code !== 0) throw new Error(`nodepool ended with ${code}`);
  return performance.now() - startedAt;
}

async function readQuestions(knex: Knex, database: DatabaseConfig): Promise<number> {
  if (database.kind === 'sqlite') return NaN;
  const [row] = await queryRows<{ Value: string }>(knex, "SHOW GLOBAL STATUS LIKE 'Questions'");
  return Number(row?.Value ?? NaN);
}
