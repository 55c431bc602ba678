/** A pool on the rig: configuration, credentials, and what the cloud and the database say they hold. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { RealPool, dburiOf, writeAtOnce, type Entry, type RealPoolOptions } from './real-pool.ts';
import { cloudEntry, cloudHoldings, emptyProject, type Holdings } from './rig-project.ts';
import { askOpenStack, tellOpenStack, type Rig } from './rig.ts';

const execute = promisify(execFile);

const COMPARE_INTERVAL_MS = 500;

/** Servers take seconds there, one after the other, and minutes where the machine is busy. */
const PATIENCE_MS = 900_000;

export interface RigPool {
  readonly pool: RealPool;
  readonly rig: Rig;
  /** Secret of the application credential that the daemon logs in with. */
  readonly secret: string;
  configure(settings: RigSettings): void;
  /** Has `clouds.yaml` name the cloud by the password of an entry of the rig's own. */
  pointTo(entry: 'rig' | 'rig-other'): void;
  /** Starts a daemon whose log is at level debug. */
  start(): DaemonProcess;
  /** Ends the daemons, and removes what the test made for itself. */
  close(): Promise<void>;
}

export interface RigSettings {
  readonly providers: readonly Entry[];
  readonly labels: readonly Entry[];
}

/** Opens a pool in an empty project, on its own MariaDB database unless told another; `makePool` gets the options that it needs. */
export async function openRigPool(
  rig: Rig,
  makePool: (options: RealPoolOptions) => Promise<RealPool> = (options) => RealPool.open('MariaDB', options),
): Promise<RigPool> {
  await emptyProject(rig, 'rig');
  // An application credential of its own, so that its secret can be searched for.
  const secret = systemRandom.hex(24);
  const credential = `nodepool-test-${systemRandom.hex(4)}`;
  const { id } = await askOpenStack<{ id: string }>(
    rig,
    'rig',
    ...['application', 'credential', 'create', credential, '--secret', secret],
  );
  const access = mkdtempSync(join(tmpdir(), 'nodepool-rig-'));
  const cloudsPath = join(access, 'clouds.yaml');
  const write = (entry: Entry): void => writeAtOnce(cloudsPath, JSON.stringify({ clouds: { rig: entry } }), 0o600);
  write(credentialEntry(rig, { id, secret }));
  const env = { OS_CLIENT_CONFIG_FILE: cloudsPath };
  const pool = await makePool({ patienceMs: PATIENCE_MS, env });
  const scripts = join(pool.directory, 'scripts');
  mkdirSync(scripts);
  // A login there is root on this machine: it changes nothing outside of what the pool itself writes.
  writeFileSync(join(scripts, 'setup.sh'), '#!/bin/sh\necho "set up as $1"\n', { mode: 0o755 });
  // For machines of their own.
  writeFileSync(join(scripts, 'mark.sh'), '#!/bin/sh\necho "made on $1" >/etc/made-by-nodepool\n', { mode: 0o755 });
  const logging = join(pool.directory, 'logging.yaml');
  writeFileSync(logging, 'level: debug\nformat: json\n');
  return {
    pool,
    rig,
    secret,
    start: () => pool.start('daemon', '-l', logging),
    configure: ({ providers, labels }) => {
      const settings = { 'script-dir': scripts, dburi: dburiOf(pool.database.config), targets: [{ name: 'zuul' }] };
      pool.writeConfig(JSON.stringify({ ...settings, providers, labels }));
    },
    pointTo: (entry) => write(cloudEntry(rig, entry)),
    close: async () => {
      await pool.close();
      await emptyProject(rig, 'rig');
      rmSync(access, { recursive: true });
      await tellOpenStack(rig, 'rig', 'application', 'credential', 'delete', id);
    },
  };
}

function credentialEntry(rig: Rig, { id, secret }: { id: string; secret: string }): Entry {
  const openrc = readFileSync(join(rig.state, 'openrc'), 'utf8');
  return {
    auth_type: 'v3applicationcredential',
    auth: {
      auth_url: /OS_AUTH_URL=(\S+)/.exec(openrc)?.[1],
      application_credential_id: id,
      application_credential_secret: secret,
    },
    region_name: /OS_REGION_NAME=(\S+)/.exec(openrc)?.[1],
  };
}

/** A provider on the rig's tier A whose image is called `plain`. */
export function aRigProvider(rig: Rig, overrides: Entry = {}): Entry {
  return {
    name: 'rig',
    cloud: 'rig',
    'max-servers': 12,
    rate: 0.05,
    'api-timeout': 30,
    'boot-timeout': 120,
    'launch-timeout': 600,
    'floating-ips': false,
    networks: [{ name: 'private' }],
    images: [aRigImage(rig)],
    ...overrides,
  };
}

export function aRigImage(rig: Rig, overrides: Entry = {}): Entry {
  return {
    name: 'plain',
    'base-image': 'rig-fake',
    'min-ram': 512,
    'name-filter': 'rig.',
    setup: 'setup.sh',
    username: 'root',
    'private-key': join(rig.state, 'ssh', 'id_ed25519'),
    'key-name': 'rig',
    ...overrides,
  };
}

/** As the rows have it. */
export async function recordedHoldings(pool: RealPool, withFloatingIps: string | null): Promise<Holdings> {
  const { nodes, images } = await pool.database.store.readPool();
  const servers = [...nodes, ...nodes.flatMap(({ subnodes }) => subnodes), ...images]
    .map(({ serverId }) => serverId)
    .filter((id) => id !== null);
  return {
    servers: [...servers].sort(),
    images: images.flatMap(({ cloudImageId }) => (cloudImageId === null ? [] : [cloudImageId])).sort(),
    floatingIps: nodes
      .filter(({ provider }) => provider === withFloatingIps)
      .map(({ ip }) => ip ?? '')
      .sort(),
    keypairs: [],
    ports: servers.map(() => 'compute:rig-az1'),
  };
}

/** What the cloud and the rows hold as soon as that is the same, or when it has not become the same in time. */
export async function compareHoldings(
  { rig, pool }: RigPool,
  withFloatingIps: string | null,
  patienceMs: number,
): Promise<{ readonly cloud: Holdings; readonly rows: Holdings }> {
  const giveUpAt = systemClock.now() + patienceMs;
  for (;;) {
    const [cloud, rows] = [await cloudHoldings(rig), await recordedHoldings(pool, withFloatingIps)];
    if (isDeepStrictEqual(cloud, rows) || systemClock.now() > giveUpAt) return { cloud, rows };
    await systemClock.sleep(COMPARE_INTERVAL_MS);
  }
}

/** All rows of all tables, as JSON by table. */
export async function everyRow({ database: { knex } }: RealPool): Promise<Readonly<Record<string, string>>> {
  const [tables] = (await knex.raw('SHOW TABLES')) as [Record<string, string>[]];
  const names = tables.flatMap((row) => Object.values(row));
  const dumps = names.map(async (name) => [`table ${name}`, JSON.stringify(await knex.select().from(name))] as const);
  return Object.fromEntries(await Promise.all(dumps));
}

/** Runs a command on a node as its user, and answers what it printed. */
export async function runOnNode(rig: Rig, { ip }: NodeRecord, command: string): Promise<string> {
  const key = ['-i', join(rig.state, 'ssh', 'id_ed25519')];
  const options = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
  const { stdout } = await execute('ssh', ['-q', ...key, ...options, `root@${ip ?? ''}`, command]);
  return stdout;
}
