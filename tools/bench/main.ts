/**
 * `npm run bench [-- SIZE...]`: fills pools on an instant fake cloud, on MariaDB and on SQLite, and prints what
 * that takes. Compare only runs of one machine; load drifts.
 */
import { createSocket } from 'node:dgram';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { startMariadb } from '../../test/support/mariadb.ts';
import { churn, commands, fill, idle, react, replace, type Figures } from './loads.ts';
import { createBenchSite, type SiteOptions } from './site.ts';

const DEFAULT_SIZES = [10, 100, 1000, 10_000];
/** Key pairs cost a tenth of a second each: measured with few nodes only. */
const KEYED_NODES = 100;
const DETAILED_UP_TO = 1000;

async function measure(options: SiteOptions): Promise<Figures> {
  const site = await createBenchSite(options);
  try {
    const { figures, pid, stop } = await fill(site, options.nodes);
    try {
      const isDetailed =
        options.nodes <= DETAILED_UP_TO && options.withKeys !== true && options.statsdPort === undefined;
      if (!isDetailed) return figures;
      const more = [
        await idle(site, pid),
        await commands(site),
        await replace(site),
        await react(site),
        await churn(site, options.nodes),
      ];
      return Object.assign({ ...figures }, ...more) as Figures;
    } finally {
      await stop();
    }
  } finally {
    await site.close();
  }
}

function print(title: string, figures: Figures): void {
  process.stdout.write(`\n${title}\n`);
  for (const [name, value] of Object.entries(figures)) {
    if (!Number.isNaN(value))
      process.stdout.write(`  ${name.padEnd(28)} ${value.toFixed(value < 10 ? 2 : 0).padStart(10)}\n`);
  }
}

async function measureStatsd(mysql: DatabaseConfig): Promise<void> {
  const receiver = createSocket('udp4');
  let packets = 0;
  receiver.on('message', () => (packets += 1));
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
  const figures = await measure({ nodes: 1000, mysql, statsdPort: receiver.address().port });
  receiver.close();
  print('1000 nodes, MariaDB, statsd on', { ...figures, 'packets received': packets });
}

const sizes = process.argv.slice(2).map(Number);
const mariadb = await startMariadb();
try {
  for (const nodes of sizes.length > 0 ? sizes : DEFAULT_SIZES) {
    print(`${nodes} nodes, MariaDB`, await measure({ nodes, mysql: await mariadb.createDatabase() }));
    print(`${nodes} nodes, SQLite`, await measure({ nodes, mysql: null }));
  }
  if (sizes.length === 0) {
    await measureStatsd(await mariadb.createDatabase());
    print(
      `${KEYED_NODES} nodes with key pairs, MariaDB`,
      await measure({ nodes: KEYED_NODES, mysql: await mariadb.createDatabase(), withKeys: true }),
    );
  }
} finally {
  await mariadb.stop();
}
