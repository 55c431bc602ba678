/** The loads of the measurements of the original, run against this daemon. All times are from the outside. */
import type { BenchSite } from './site.ts';
import { awaitImage } from './site.ts';
import { median, percentile, readUse, until } from './measure.ts';

export type Figures = Readonly<Record<string, number>>;

/** Time given to the daemon to come to rest, in milliseconds. */
const SETTLE_MS = 3000;
const IDLE_MS = 5000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Fills an empty pool. The fake cloud is new with each daemon, so the image is made first; the nodes' label is
 * what the pool then fills. Seconds count from the daemon's start.
 */
export async function fill(
  site: BenchSite,
  nodes: number,
): Promise<{ figures: Figures; pid: number; stop: () => Promise<void> }> {
  const questionsBefore = await site.questions();
  const polls = { count: 0 };
  const daemon = site.startDaemon();
  const stop = stopper(daemon);
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  await awaitImage(site);
  const imageS = elapsed();
  await until(async () => {
    polls.count += 1;
    return (await site.count()) >= nodes;
  });
  const seconds = elapsed();
  const use = readUse(daemon.pid);
  const questions = (await site.questions()) - questionsBefore - polls.count;
  const shares = await readyTimes(site);
  return {
    pid: daemon.pid,
    stop,
    figures: {
      'seconds from start': seconds,
      'nodes per second': nodes / (seconds - imageS),
      'CPU ms per node': use.cpuMs / nodes,
      'queries per node': questions / nodes,
      'ready p50 ms': median(shares),
      'ready p99 ms': percentile(shares, 0.99),
      'peak MB': use.peakMb,
    },
  };
}

/** From each node's row to READY, in milliseconds: on an instant cloud, all of it is the controller's share. */
async function readyTimes(site: BenchSite): Promise<number[]> {
  const rows = await site.rows<{ at_ms: number; created_ms: number }>(
    `SELECT event.at_ms, node.created_ms FROM event JOIN node ON node.id = event.subject_id
     WHERE event.kind = 'ready' AND event.subject_kind = 'node'`,
  );
  return rows.map((row) => Number(row.at_ms) - Number(row.created_ms));
}

/** What a full pool costs while nothing happens. */
export async function idle(site: BenchSite, pid: number): Promise<Figures> {
  await pause(SETTLE_MS);
  const before = { use: readUse(pid), questions: await site.questions(), at: performance.now() };
  await pause(IDLE_MS);
  const seconds = (performance.now() - before.at) / 1000;
  return {
    'idle % of a core': (readUse(pid).cpuMs - before.use.cpuMs) / seconds / 10,
    'idle queries per second': ((await site.questions()) - before.questions - 1) / seconds,
  };
}

/** From the start of `nodepool delete` to one more READY node with a higher id. */
export async function react(site: BenchSite): Promise<Figures> {
  const totals: number[] = [];
  const cli: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { oldest, newest } = await ends(site);
    const startedAt = performance.now();
    const command = site.nodepool('delete', String(oldest));
    const isReplaced = until(async () => (await site.count(`state = 2 AND id > ${newest}`)) > 0, { everyMs: 5 });
    cli.push(await command);
    await isReplaced;
    totals.push(performance.now() - startedAt);
    await pause(1000);
  }
  return { 'react ms': median(totals), 'of which the CLI ms': median(cli) };
}

/** From the moment one node is marked in the database, without the command line, to its replacement READY. */
export async function replace(site: BenchSite): Promise<Figures> {
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const { oldest, newest } = await ends(site);
    const startedAt = performance.now();
    await site.knex.raw(`UPDATE node SET state = 4 WHERE id = ${oldest}`);
    await until(async () => (await site.count(`state = 2 AND id > ${newest}`)) > 0, { everyMs: 5 });
    times.push(performance.now() - startedAt);
    await pause(500);
  }
  return { 'replaced by the daemon ms': median(times) };
}

/** One UPDATE marks all nodes; all are replaced, and all old rows gone. */
export async function churn(site: BenchSite, nodes: number): Promise<Figures> {
  const { newest } = await ends(site);
  const startedAt = performance.now();
  await site.knex.raw('UPDATE node SET state = 4 WHERE state = 2');
  await until(async () => (await site.count(`state = 2 AND id > ${newest}`)) >= nodes);
  const replacedS = (performance.now() - startedAt) / 1000;
  await until(async () => (await site.count(`id <= ${newest}`)) === 0);
  return { 'churn replaced s': replacedS, 'churn gone s': (performance.now() - startedAt) / 1000 };
}

/** Ids of the oldest READY node and of the newest node of all. */
async function ends(site: BenchSite): Promise<{ oldest: number; newest: number }> {
  const [row] = await site.rows<{ oldest: number; newest: number }>(
    'SELECT MIN(CASE WHEN state = 2 THEN id END) AS oldest, MAX(id) AS newest FROM node',
  );
  if (row === undefined) throw new Error('the pool is empty');
  return row;
}

/** Whole processes, median of five. */
export async function commands(site: BenchSite): Promise<Figures> {
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) times.push(await site.nodepool('node-list'));
  return { 'node-list ms': median(times) };
}

function stopper(daemon: ReturnType<BenchSite['startDaemon']>): () => Promise<void> {
  const ended = new Promise<void>((resolve) => daemon.on('exit', () => resolve()));
  return async () => {
    daemon.kill('SIGTERM');
    await ended;
  };
}
