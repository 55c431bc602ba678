/** What the pool is made to do on the double, and what comes of it. Names of figures carry their unit. */
import { median, percentile, readUse, until } from '../bench/measure.ts';
import { deletionFigures, refusals } from './calls.ts';
import type { Request } from './cloud-process.ts';
import type { Pool, Site } from './site.ts';

export type Figures = Readonly<Record<string, number>>;

export interface Load {
  /** What was asked of the cloud. */
  readonly requests: readonly Request[];
  readonly figures: Figures;
}

/** The daemon looks at its configuration once a second. */
const CONFIG_MS = 1500;
/** At quota the pool is watched for so long. */
const AT_QUOTA_MS = 15_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What was asked of the cloud, and what the daemon used, while `act` ran. */
async function watch({ cloud, daemon }: Site, nodes: number, act: () => Promise<void>): Promise<Load> {
  await cloud.ask('forgetRequests');
  await daemon.ask('loop');
  const before = readUse(daemon.pid);
  const startedAt = performance.now();
  await act();
  const seconds = (performance.now() - startedAt) / 1000;
  const { maxMs, p99Ms, ownMaxMs, gcMaxMs } = await daemon.ask('loop');
  const { cpuMs, peakMb } = readUse(daemon.pid);
  return {
    requests: await cloud.ask('requests'),
    figures: {
      seconds,
      'CPU ms per node': (cpuMs - before.cpuMs) / nodes,
      '% of a core': (cpuMs - before.cpuMs) / seconds / 10,
      'loop blocked by own work, longest ms': ownMaxMs,
      'pause for garbage, longest ms': gcMaxMs,
      'loop late, longest ms': maxMs,
      'loop late, p99 ms': p99Ms,
      'peak MB': peakMb,
    },
  };
}

const patience = { everyMs: 100, limitS: 1800 };

export async function awaitImage(site: Site): Promise<void> {
  await until(async () => (await site.count('snapshot_image', 'state = 2')) > 0, patience);
}

/** Waits until so many nodes with ids above `after` are READY. */
async function awaitReady(site: Site, nodes: number, after = 0): Promise<void> {
  await until(async () => (await site.count('node', `state = 2 AND id > ${after}`)) >= nodes, patience);
}

/** Marks all READY nodes as `nodepool delete` does, in one statement; answers when. */
async function markAll(site: Site): Promise<number> {
  const at = Date.now();
  await site.rows('UPDATE node SET state = 4 WHERE state = 2');
  return at;
}

/** From an empty pool to a full one. */
export async function fill(site: Site, pool: Pool): Promise<Load> {
  const { minReady: nodes } = pool;
  const { requests, figures } = await watch(site, nodes, async () => {
    site.configure(pool);
    await awaitReady(site, nodes);
  });
  return { requests, figures: { ...(await readyShares(site)), ...figures } };
}

/** All nodes at once are replaced by others, for which there is room before the old ones have gone. */
export async function replace(site: Site, { minReady: nodes, rate }: Pool): Promise<Load> {
  const [newest] = await site.rows<{ id: number }>('SELECT MAX(id) AS id FROM node');
  let markedAt = 0;
  const { requests, figures } = await watch(site, nodes, async () => {
    markedAt = await markAll(site);
    await awaitReady(site, nodes, newest?.id);
  });
  const deletions = deletionFigures(requests, { markedAt, nodes, rateMs: rate * 1000 });
  return { requests, figures: { ...deletions, ...(await readyShares(site, newest?.id)), ...figures } };
}

/** All nodes go at once, and none comes. */
export async function empty(site: Site, pool: Pool): Promise<Load> {
  const { minReady: nodes, rate } = pool;
  site.configure({ ...pool, minReady: 0 });
  await pause(CONFIG_MS);
  let markedAt = 0;
  const { requests, figures } = await watch(site, nodes, async () => {
    markedAt = await markAll(site);
    await until(async () => (await site.count('node', 'id > 0')) === 0, patience);
  });
  return { requests, figures: { ...deletionFigures(requests, { markedAt, nodes, rateMs: rate * 1000 }), ...figures } };
}

/**
 * A pool that wants more than the quota gives: it fills up, rests, loses a third, and is filled again. `room`: what the
 * quota leaves beside the servers of others.
 */
export async function pressQuota(site: Site, pool: Pool, room: number): Promise<Figures> {
  const { requests } = await watch(site, room, async () => {
    site.configure(pool);
    await awaitReady(site, room);
    await pause(AT_QUOTA_MS);
    const [newest] = await site.rows<{ id: number }>('SELECT MAX(id) AS id FROM node');
    const lost = Math.floor(room / 3);
    await site.rows(`UPDATE node SET state = 4 WHERE state = 2 LIMIT ${lost}`);
    await awaitReady(site, lost, newest?.id ?? 0);
    await pause(AT_QUOTA_MS);
  });
  return refusals(requests);
}

/** READY minus the moment from which a node could be logged in to, for the READY nodes with ids above `after`. */
async function readyShares(site: Site, after = 0): Promise<Figures> {
  const lives = await site.cloud.ask('lives');
  const reachable = new Map(lives.map(({ id, activeAt, sshAt }) => [id, Math.max(activeAt, sshAt)]));
  const rows = await site.rows<{ id: string; readyAt: number }>(
    `SELECT node.external_id AS id, event.at_ms AS readyAt FROM event JOIN node ON node.id = event.subject_id
     WHERE event.kind = 'ready' AND event.subject_kind = 'node' AND node.id > ${after}`,
  );
  const shares = rows.map(({ id, readyAt }) => Number(readyAt) - (reachable.get(id) ?? NaN));
  return {
    'own share of time to ready, p50 ms': median(shares),
    'own share of time to ready, p99 ms': percentile(shares, 0.99),
    'own share of time to ready, longest ms': Math.max(...shares),
  };
}
