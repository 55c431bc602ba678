/**
 * Clients that ask, extend, give back and forget, while two daemons run on the database and the one that acts is killed.
 * Whatever comes of it, each node is granted once, each request ends once, and the pool is full in the end.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Random } from '../../src/lib/random.ts';
import type { Store } from '../../src/store/store.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { createSite, drive, isSettled, startDaemon, type Daemon, type Site } from '../support/site.ts';
import { anotherStore, DATABASES, openFreshStore, type OpenedStore } from '../support/with-database.ts';
import { query } from '../store/harness.ts';

const CLIENTS = 8;
const STEPS = 80;
const TTL_MS = 20_000;
const TARGETS = ['zuul'];

const config = aConfig({
  labels: [aLabel({ name: 'small', minReady: 4 }), aLabel({ name: 'set', minReady: 1, subnodes: 1 })],
  providers: [aProvider({ maxServers: 16, fake: { ...aProvider().fake, bootTimeMs: 500, deleteTimeMs: 300 } })],
});

/** Somebody with a connection of his own, who holds at most one request. */
class Client {
  readonly #store: Store;
  readonly #random: Random;
  #request: number | null = null;

  constructor(store: Store, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  async act(now: number): Promise<void> {
    const { requests } = this.#store;
    const dice = this.#random.fraction();
    if (this.#request === null) {
      const label = dice < 0.7 ? 'small' : 'set';
      const wish = { label, count: dice < 0.2 ? 3 : 1, priority: Math.floor(dice * 3) };
      const ttl = { ttlMs: TTL_MS, hasDefaultTtl: false };
      const who = { requestor: 'client', reason: null, tokenId: null, idempotencyKey: null };
      this.#request = (await requests.open({ ...wish, ...ttl, ...who }, TARGETS)).request.id;
    } else if (dice < 0.3) {
      await requests.end({ id: this.#request, reason: 'released' });
      this.#request = null;
    } else if (dice < 0.5) await requests.extend(this.#request, now + TTL_MS);
    // Forgotten: its lease runs out.
    else if (dice < 0.6) this.#request = null;
  }
}

/** Rows that may not be: a node granted twice, a request that ended twice, a set that is not whole. */
async function violations({ knex }: OpenedStore): Promise<readonly unknown[]> {
  const twice = (kind: string, subject: string): string =>
    `SELECT subject_id FROM event WHERE kind = '${kind}' AND subject_kind = '${subject}' GROUP BY subject_id HAVING COUNT(*) > 1`;
  const parts = `SELECT request.id FROM request WHERE granted_ms IS NOT NULL AND node_count <>
    (SELECT COUNT(*) FROM event WHERE event.kind = 'granted' AND subject_kind = 'node' AND detail = CONCAT('request ', request.id))`;
  const found = await Promise.all(
    [twice('granted', 'node'), twice('ended', 'request'), parts].map((sql) => query(knex, sql)),
  );
  return found.flat();
}

async function pass(site: Site, daemons: readonly Daemon[], clients: readonly Client[]): Promise<void> {
  const living = daemons.filter(({ mortal }) => !mortal.isDead);
  await Promise.all([
    // One that is killed in a pass fails in it.
    ...living.map((daemon) =>
      daemon.core.tick().catch((error: unknown) => void (daemon.mortal.isDead || raise(error))),
    ),
    ...clients.map((client) => client.act(site.clock.now())),
  ]);
  await Promise.all(living.map(({ core }) => core.settled()));
  await site.clock.advance(500);
}

function raise(error: unknown): never {
  throw error;
}

describe.each(DATABASES)('clients, two daemons and a kill on %s', (kind) => {
  it.each([1, 2])('grant no node twice, end every request once, and leave a full pool (seed %i)', async (seed) => {
    const site = createSite(config, seed);
    const opened = await openFreshStore(kind, { clock: site.clock });
    onTestFinished(() => opened.close());
    const other = (): Store => {
      const store = anotherStore(opened, { clock: site.clock });
      onTestFinished(() => store.close());
      return store;
    };
    const overrides = { isDeadHolder: () => false };
    const first = startDaemon(site, { store: opened.store, death: { at: 200 + seed * 7, side: 'before' }, overrides });
    await drive(site, first, { until: (daemon) => isSettled(site, daemon) });
    const second = startDaemon(site, { store: other(), overrides });
    // As of three processes.
    const connections = [other(), other(), other()];
    const clients = Array.from({ length: CLIENTS }, (_, index) => new Client(connections[index % 3]!, site.random));
    for (let step = 0; step < STEPS; step += 1) {
      await pass(site, [first, second], clients);
      expect(await violations(opened)).toEqual([]);
    }
    expect(first.mortal.isDead).toBe(true);
    // Nobody asks any more: every lease runs out, and what was used is replaced.
    await drive(site, second, {
      until: async (daemon) => (await daemon.store.readPool()).requests.length === 0 && (await isSettled(site, daemon)),
    });
    expect(await violations(opened)).toEqual([]);
    const open = await query(opened.knex, 'SELECT id FROM request WHERE state <> 3 OR ended_ms IS NULL');
    const granted = await query<{ count: number }>(
      opened.knex,
      'SELECT COUNT(*) AS count FROM request WHERE granted_ms IS NOT NULL',
    );
    expect(open).toEqual([]);
    expect(Number(granted[0]?.count)).toBeGreaterThan(20);
  });
});
