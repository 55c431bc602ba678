/** A pool on the double: cloud, database, configuration, daemon. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { MysqlConfig } from '../../test/support/mariadb.ts';
import type { CloudAccess, CloudAnswers, CloudSettings } from './cloud-process.ts';
import type { DaemonAnswers } from './daemon-process.ts';
import { start, type Started } from './questions.ts';

export interface Pool {
  readonly minReady: number;
  readonly maxServers: number;
  /** Seconds between two calls. */
  readonly rate: number;
}

export interface Site {
  readonly cloud: Started<CloudAnswers>;
  readonly daemon: Started<DaemonAnswers>;
  /** Writes the configuration anew; the daemon takes a second to see it. */
  configure(pool: Pool): void;
  rows<Row>(sql: string): Promise<readonly Row[]>;
  count(table: string, where: string): Promise<number>;
  close(): Promise<void>;
}

export async function openSite(pool: Pool, settings: CloudSettings, database: MysqlConfig): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-bench-'));
  const config = join(directory, 'nodepool.yaml');
  const cloud = start<CloudAnswers>(join(import.meta.dirname, 'cloud-process.js'), []);
  const access = await cloud.ask('open', settings);
  const configure = (wanted: Pool): void =>
    writeFileSync(config, configText({ pool: wanted, access, database, directory }));
  writeScripts(directory);
  configure(pool);
  const knex = connect(database);
  await migrate({ knex, clock: systemClock, random: systemRandom });
  const args = [config, String(access.sshPort)];
  const env = { NODEPOOL_STATE_DIR: directory };
  const daemon = start<DaemonAnswers>(join(import.meta.dirname, 'daemon-process.js'), args, env);
  const rows = async <Row>(sql: string): Promise<readonly Row[]> => {
    const [found] = (await knex.raw(sql)) as [readonly Row[]];
    return found;
  };
  return {
    cloud,
    daemon,
    configure,
    rows,
    count: async (table, where) => {
      const [row] = await rows<{ count: number }>(`SELECT COUNT(*) AS count FROM ${table} WHERE ${where}`);
      return Number(row?.count ?? 0);
    },
    close: async () => {
      await daemon.stop();
      await cloud.stop();
      await knex.destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The scripts are never run; the key is real. */
function writeScripts(directory: string): void {
  mkdirSync(join(directory, 'scripts'));
  writeFileSync(join(directory, 'scripts', 'setup.sh'), '#!/bin/sh\n', { mode: 0o755 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(directory, 'key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
}

interface Facts {
  readonly pool: Pool;
  readonly access: CloudAccess;
  readonly database: MysqlConfig;
  readonly directory: string;
}

/** JSON, which is YAML too. */
function configText({ pool, access, database: { user, password, host, port, database }, directory }: Facts): string {
  const image = {
    name: 'bench',
    'base-image': 'base-image',
    'min-ram': 1024,
    setup: 'setup.sh',
    username: 'bench',
    'private-key': join(directory, 'key'),
  };
  const provider = {
    name: 'cloud',
    'auth-url': access.authUrl,
    username: access.user,
    password: access.password,
    'project-name': access.user,
    'max-servers': pool.maxServers,
    rate: pool.rate,
    images: [image],
  };
  return JSON.stringify({
    'script-dir': join(directory, 'scripts'),
    dburi: `mysql://${user}:${password}@${host}:${port}/${database}`,
    labels: [{ name: 'bench', image: 'bench', 'min-ready': pool.minReady, providers: [{ name: 'cloud' }] }],
    providers: [provider],
    targets: [{ name: 'target' }],
  });
}
