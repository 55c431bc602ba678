/**
 * `npm run bench:requests [-- GRANTS]`: what it takes to hand out nodes over HTTP, with 50 clients, a pool of 1000 and
 * MariaDB; to plan with 10,000 requests waiting; and to read the queues of a Gearman server with 2000 functions.
 * The clients share the machine with the daemon and the database.
 */
import { program } from 'commander';
import { parseCount } from '../../src/cli/options.ts';
import { startMariadb } from '../../test/support/mariadb.ts';
import { findFreePort } from '../../test/support/server-process.ts';
import { fill } from '../bench/loads.ts';
import { createBenchSite, type BenchSite } from '../bench/site.ts';
import { readUse } from '../bench/measure.ts';
import { openClients, type Clients } from './clients.ts';
import { measurePlanning, measureQueues } from './pure.ts';

const POOL = 1000;
const CLIENTS = 50;
const GRANTS_PER_SECOND = 500;
/** The whole proof, of some four minutes; a tenth of it tells a trend. */
const DEFAULT_GRANTS = 100_000;

function print(title: string, figures: Readonly<Record<string, number>>): void {
  process.stdout.write(`\n${title}\n`);
  for (const [name, value] of Object.entries(figures))
    process.stdout.write(`  ${name.padEnd(34)} ${value.toFixed(value < 10 ? 2 : 0).padStart(10)}\n`);
}

async function measureHandOut(grants: number): Promise<void> {
  const mariadb = await startMariadb();
  try {
    const apiPort = await findFreePort();
    const site = await createBenchSite({ nodes: POOL, mysql: await mariadb.createDatabase(), apiPort });
    const { pid, stop } = await fill(site, POOL);
    const clients = await openClients({ site, port: apiPort, label: 'bench', clients: CLIENTS });
    try {
      await measureClients(site, clients, { grants, pid });
    } finally {
      await clients.close();
      await stop();
      await site.close();
    }
  } finally {
    await mariadb.stop();
  }
}

async function measureClients(
  site: BenchSite,
  clients: Clients,
  { grants, pid }: { grants: number; pid: number },
): Promise<void> {
  const warm = await clients.run({ grants: 500, perSecond: GRANTS_PER_SECOND });
  print('warming up', warm);
  const before = { ...readUse(pid), questions: await site.questions() };
  const paced = await clients.run({ grants, perSecond: GRANTS_PER_SECOND });
  const use = readUse(pid);
  print(`${grants} grants, ${GRANTS_PER_SECOND} wanted per second, ${CLIENTS} clients, pool of ${POOL}`, {
    ...paced,
    'queries per grant and node': ((await site.questions()) - before.questions) / grants,
    'daemon CPU ms per grant and node': (use.cpuMs - before.cpuMs) / grants,
    'daemon peak MB': use.peakMb,
  });
  print(`as fast as ${CLIENTS} clients can`, await clients.run({ grants: 5000, perSecond: Infinity }));
  print('altogether', { 'nodes granted twice': clients.doubles(), 'nodes granted': clients.granted() });
}

const command = program.name('npm run bench:requests --').argument('[grants]', 'how many', parseCount, DEFAULT_GRANTS);
const [grants] = command.parse().processedArgs as [number];
print('planning', measurePlanning());
print('queues', measureQueues());
await measureHandOut(grants);
