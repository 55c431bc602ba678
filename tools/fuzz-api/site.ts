import { createApi } from '../../src/api/api.ts';
import type { Config } from '../../src/config/types.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { logLines } from '../../src/lib/log.ts';
import { openApiPool, type ApiPool, type ApiToken } from '../../test/support/api-pool.ts';
import { aConfig, aLabel, aProvider } from '../../test/support/builders.ts';
import { logText } from '../../test/support/log-text.ts';

/** The HTTP interface on an embedded database with some nodes, for the fuzzer to work on. */
export interface Site {
  readonly port: number;
  readonly tokens: readonly ApiToken[];
  /** Keeps nodes ready, and tables small, as a daemon would. */
  tend(): Promise<void>;
  close(): Promise<void>;
}

const READY = 30;
const TEND_MS = 200;

function configOf(rateLimit: number): Config {
  return aConfig({
    labels: [aLabel(), aLabel({ name: 'large' }), aLabel({ name: 'off', minReady: -1 })],
    providers: [aProvider({ maxServers: 1000 })],
    api: { host: '127.0.0.1', port: 0, rateLimit },
  });
}

/** @param onLine told of each line of the log */
export async function openSite(onLine: (level: string, line: string) => void): Promise<Site> {
  const log = logLines((line) => onLine(line.level, logText(line)));
  const config = configOf(0);
  const limited = configOf(5);
  const pool = await openApiPool({ clock, config });
  let isLimited = false;
  const counts = { nodesAhead: 0, ready: 0, building: 1, why: ['the cloud is full'], expectedAt: null };
  const api = createApi({
    store: pool.store,
    config: () => (isLimited ? limited : config),
    clock,
    log,
    version: '0.0.0',
    explain: async (id) => (id % 2 === 0 ? null : { position: 1, ...counts }),
    unready: async () => (isLimited ? 'the pool is not looked after' : null),
    onChange: () => undefined,
  });
  api.configure(config);
  while (api.address() === null) await clock.sleep(5);
  const tokens = [
    await pool.token(['admin'], { name: 'admin' }),
    await pool.token(['requests'], { name: 'user' }),
    await pool.token(['requests'], { name: 'other user' }),
    await pool.token(['read'], { name: 'reader' }),
    await pool.token(['requests', 'read'], { name: 'both' }),
    await pool.token([], { name: 'nobody' }),
    await pool.token(['admin'], { name: 'expired', expiresAt: clock.now() }),
  ];
  let round = 0;
  return {
    port: api.address()!.port,
    tokens,
    tend: async () => {
      await clock.sleep(TEND_MS);
      round += 1;
      // Now and then the rate is limited and the daemon is not ready.
      isLimited = round % 20 === 0;
      await tendPool(pool);
    },
    close: async () => {
      await api.close();
      await pool.close();
    },
  };
}

/** Does what is due for nodes and requests, without a cloud. */
async function tendPool({ store, ready }: ApiPool): Promise<void> {
  const { nodes, requests } = await store.readPool();
  const gone = nodes.filter(({ state }) => state === 'delete');
  await Promise.all(gone.map(({ id }) => store.removeNode(id, { kind: 'removed', reason: null })));
  const failed = nodes.filter(({ state, jobDoneAt }) => state === 'used' && jobDoneAt !== null);
  await Promise.all(failed.map(({ id }) => store.moveNode({ id, from: 'used', to: 'delete', by: 'cleanup' })));
  const now = clock.now();
  const expired = requests.filter(({ expiresAt }) => expiresAt !== null && expiresAt <= now);
  // Nobody gives back what the fuzzer asks for.
  const abandoned = requests.filter(({ id, createdAt }) => createdAt < now - 5000 && id % 3 !== 0);
  await Promise.all(expired.map(({ id }) => store.requests.end({ id, reason: 'expired', expiredBy: now })));
  await Promise.all(abandoned.map(({ id }) => store.requests.end({ id, reason: 'released' })));
  await store.requests.purge(now - 10_000);
  const count = nodes.filter(({ state }) => state === 'ready').length;
  if (count < READY) await ready(READY - count, { subnodes: count % 3 });
}
