/**
 * A daemon that dies elsewhere cannot be known to be dead: its work is taken over when its leases have run out,
 * not before. In process, on one cloud that outlives it, with time in the test's hands.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_TTL_MS } from '../../src/daemon/lease-keeper.ts';
import type { Store } from '../../src/store/store.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { doubledServers, serverCount } from '../support/invariants.ts';
import type { Death } from '../support/mortal.ts';
import { createSite, drive, isSettled, startDaemon, type Daemon, type Site } from '../support/site.ts';
import { anotherStore, DATABASES, openFreshStore, type OpenedStore } from '../support/with-database.ts';

const MAX_SERVERS = 9;
/** Until a daemon looks again whether it gets a lease, and a pass. */
const LOOK_MS = 1500;
/** What was left to do, with what lost answers and late listings cost; less than until the next clean-up. */
const WORK_MS = 20_000;

const config = aConfig({
  providers: [
    aProvider({
      maxServers: MAX_SERVERS,
      apiTimeoutMs: 5000,
      fake: { ...aProvider().fake, bootTimeMs: 500, deleteTimeMs: 700, listingLagMs: 300 },
    }),
  ],
  labels: [aLabel({ name: 'plain', minReady: 3 }), aLabel({ name: 'set', minReady: 1, subnodes: 1 })],
});

describe.each(DATABASES)('a daemon on %s that nobody knows to be dead', (database) => {
  let site: Site;
  let opened: OpenedStore;
  let other: Store;

  beforeEach(async () => {
    site = createSite(config);
    opened = await openFreshStore(database, { clock: site.clock });
    other = anotherStore(opened, { clock: site.clock });
  });
  afterEach(async () => {
    await other.close();
    await opened.close();
  });

  const start = (store: Store, death?: Death): Daemon =>
    startDaemon(site, { store, ...(death && { death }), overrides: { isDeadHolder: () => false } });
  const nodeIds = async (): Promise<number[]> => (await other.readPool()).nodes.map(({ id }) => id);
  const goal = {
    until: (daemon: Daemon) => isSettled(site, daemon),
    invariant: () => {
      expect(serverCount(site, 'cloud')).toBeLessThanOrEqual(MAX_SERVERS);
      expect(doubledServers(site)).toEqual([]);
    },
  };

  /** Lets the other daemon look on as long as the leases last. Answers how long that was. */
  async function lookOn(watcher: Daemon): Promise<number> {
    const startedAt = site.clock.now();
    const [supply] = (await other.leases.list()).filter(({ name }) => name === 'supply');
    const rows = await other.readPool();
    while (site.clock.now() < (supply?.expiresAt ?? 0)) {
      const plan = await watcher.core.tick();
      expect(plan?.actions ?? []).toEqual([]);
      await site.clock.advance(250);
    }
    expect(await other.readPool()).toEqual(rows);
    return site.clock.now() - startedAt;
  }

  it.each([6, 11, 18, 25, 32, 39])(
    'keeps its work until its leases have run out, then another one goes on with it (killed at effect %i)',
    async (at) => {
      const first = start(opened.store, { at, side: 'after' });
      expect(await drive(site, first, goal), 'the first daemon lives').toBe(false);
      const launched = await nodeIds();
      const second = start(other);
      const waitedMs = await lookOn(second);
      expect(waitedMs).toBeGreaterThan(LEASE_TTL_MS / 2);

      const expiredAt = site.clock.now();
      const hasSupply = async (): Promise<boolean> =>
        (await other.leases.list()).some(({ name, epoch }) => name === 'supply' && epoch === 2);
      await drive(site, second, { ...goal, until: hasSupply, withinMs: LOOK_MS });
      expect(site.clock.now() - expiredAt).toBeLessThanOrEqual(LOOK_MS);
      await drive(site, second, { ...goal, withinMs: WORK_MS });
      // Everything that the first one had begun is still there: nothing was thrown away or made twice.
      expect(await other.events.latest(['retired', 'launch-failed', 'leak-deleted'], 10)).toEqual([]);
      expect(await nodeIds()).toEqual(expect.arrayContaining(launched));
    },
  );

  it('finds its leases lost when it was only frozen, and does nothing more', async () => {
    const frozen = start(opened.store);
    await drive(site, frozen, { ...goal, until: async () => (await nodeIds()).length > 0 });
    const second = start(other);
    await lookOn(second);
    await drive(site, second, goal);

    const plan = await frozen.core.tick();
    expect(plan?.actions).toEqual([]);
    await site.clock.advance(1000);
    expect((await frozen.core.tick())?.actions ?? []).toEqual([]);
    expect(await isSettled(site, second)).toBe(true);
  });
});
