/**
 * `npm run bench:openstack [-- NODES...]`: runs the pool with the driver for OpenStack and real SSH on the double of
 * `tools/openstack-double`, and prints what it costs the cloud, what time it adds, and how long it blocks. Servers boot
 * for 8 to 12 s and answer SSH 2 to 5 s later. Compare only runs of one machine; counts hold everywhere.
 */
import { startMariadb } from '../../test/support/mariadb.ts';
import type { CloudSettings } from './cloud-process.ts';
import { callFigures } from './calls.ts';
import { awaitImage, empty, fill, pressQuota, replace, type Figures } from './loads.ts';
import { openSite, type Pool, type Site } from './site.ts';

const DEFAULT_SIZES = [100, 1000];
/** Seconds between two calls, as a cloud with a generous limit is configured. */
const FAST = 0.05;
/** The default of the configuration. */
const DEFAULT_RATE = 1;
/** At the default rate a node costs seconds. */
const FEW = 30;

const BEHAVIOUR: CloudSettings['behaviour'] = {
  bootMs: 8000,
  bootSpreadMs: 4000,
  deleteMs: 3000,
  imageMs: 1000,
  apiDelayMs: 100,
};

const CLOUD: CloudSettings = { quota: 1_000_000, behaviour: BEHAVIOUR, foreign: 0, showsHostKeys: false };

const mariadb = await startMariadb();

async function onSite<T>(pool: Pool, cloud: CloudSettings, act: (site: Site) => Promise<T>): Promise<T> {
  const site = await openSite({ ...pool, minReady: 0 }, cloud, await mariadb.createDatabase());
  try {
    await awaitImage(site);
    return await act(site);
  } finally {
    await site.close();
  }
}

function print(title: string, figures: Figures): void {
  process.stdout.write(`\n${title}\n`);
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`  ${name.padEnd(40)} ${value.toFixed(value < 10 ? 2 : 0).padStart(10)}\n`);
  }
}

interface Case {
  readonly title: string;
  readonly nodes: number;
  readonly rate: number;
  readonly cloud?: CloudSettings;
  readonly replaces?: boolean;
}

async function measure({ title, nodes, rate, cloud = CLOUD, replaces = false }: Case): Promise<void> {
  const pool: Pool = { minReady: nodes, maxServers: 2 * nodes, rate };
  const name = `${nodes} nodes, rate ${rate} s${title}`;
  await onSite(pool, cloud, async (site) => {
    const filled = await fill(site, pool);
    print(`${name}: filling the pool`, filled.figures);
    if (replaces) print(`${name}: replacing all nodes`, (await replace(site, pool)).figures);
    const emptied = await empty(site, pool);
    print(`${name}: deleting all nodes`, emptied.figures);
    const requests = [...filled.requests, ...emptied.requests];
    print(`${name}: cloud calls per node life`, callFigures(requests, nodes));
  });
}

/** Wants half as much again as there is room for, some of which others have taken. */
async function measureQuota(room: number): Promise<void> {
  const foreign = 10;
  const pool: Pool = { minReady: Math.ceil(room * 1.5), maxServers: 10 * room, rate: FAST };
  const figures = await onSite(pool, { ...CLOUD, quota: room + foreign, foreign }, (site) =>
    pressQuota(site, pool, room),
  );
  print(`${pool.minReady} nodes wanted, room for ${room} beside ${foreign} servers of others`, figures);
}

const given = process.argv.slice(2).map(Number);
try {
  for (const nodes of given.length > 0 ? given : DEFAULT_SIZES) {
    await measure({ title: '', nodes, rate: FAST, replaces: true });
  }
  if (given.length === 0) {
    const showing = { ...CLOUD, showsHostKeys: true };
    await measure({ title: ', host keys on consoles', nodes: 100, rate: FAST, cloud: showing });
    await measure({ title: '', nodes: FEW, rate: DEFAULT_RATE });
    await measureQuota(50);
  }
} finally {
  await mariadb.stop();
}
