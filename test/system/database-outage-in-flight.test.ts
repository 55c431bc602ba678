/**
 * A database that goes away while writes and cloud calls are under way. A call that fails may have had its effect.
 * In process, on a cloud that the test sees into, with time in the test's hands.
 */
import { describe, expect, it } from 'vitest';
import type { Config, FakeCloudConfig } from '../../src/config/types.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { isNodepoolError } from '../../src/lib/errors.ts';
import type { Plan } from '../../src/planning/actions.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { doubledServers, serverCount } from '../support/invariants.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createSite, describePool, isSettled, startDaemon, type Daemon, type Site } from '../support/site.ts';
import { Traffic } from '../support/traffic.ts';
import { Unreliable } from '../support/unreliable.ts';
import { anotherStore, DATABASES, openFreshStore, type DatabaseKind } from '../support/with-database.ts';

const MAX_SERVERS = 8;
const SEEDS = 12;

function configOf(fake: Partial<FakeCloudConfig> = {}): Config {
  const settings = {
    ...aProvider().fake,
    bootTimeMs: 800,
    apiDelayMs: 300,
    deleteTimeMs: 500,
    listingLagMs: 400,
    ...fake,
  };
  const provider = aProvider({ maxServers: MAX_SERVERS, apiTimeoutMs: 3000, fake: settings });
  const labels = [aLabel({ name: 'plain', minReady: 3 }), aLabel({ name: 'set', minReady: 1, subnodes: 1 })];
  return aConfig({ providers: [provider], labels });
}

/** A daemon on a database that can go away. */
class Scene {
  readonly site: Site;
  readonly daemon: Daemon;
  readonly database: Unreliable;
  readonly #traffic = new Traffic();

  private constructor(site: Site, store: Daemon['store'], seed: number) {
    this.site = site;
    this.database = new Unreliable(createSeededRandom(seed));
    const daemon = startDaemon(site, { store: this.#traffic.watch(this.database.wrap(store)) });
    // Looked at by the test, the database is always there.
    this.daemon = { ...daemon, store };
  }

  /** Runs `act` on a scene of its own. */
  static async play(kind: DatabaseKind, seed: number, act: (scene: Scene) => Promise<void>): Promise<void> {
    const site = createSite(configOf(), seed);
    const opened = await openFreshStore(kind, { clock: site.clock });
    const clock: Clock = { now: () => site.clock.now(), sleep: (ms, signal) => systemClock.sleep(ms, signal) };
    const store = anotherStore(opened, { clock });
    try {
      await act(new Scene(site, store, seed));
    } finally {
      await store.close();
      await opened.close();
    }
  }

  /** One pass and all that comes of it without time going on. Null as well when the database was away. */
  async pass(): Promise<Plan | null> {
    const plan = await this.daemon.core.tick().catch((error: unknown) => {
      if (isNodepoolError(error, 'database-unavailable')) return null;
      throw error;
    });
    await this.#traffic.quiet();
    expect(doubledServers(this.site)).toEqual([]);
    expect(serverCount(this.site, 'cloud')).toBeLessThanOrEqual(MAX_SERVERS);
    return plan;
  }

  async passUntil(isReached: () => Promise<boolean>, withinMs = 900_000): Promise<void> {
    const giveUpAt = this.site.clock.now() + withinMs;
    while (!(await isReached())) {
      if (this.site.clock.now() > giveUpAt)
        throw new Error(`not reached: ${await describePool(this.site, this.daemon)}`);
      await this.pass();
      await this.site.clock.advance(100);
    }
  }

  async settle(): Promise<void> {
    this.database.isDown = false;
    await this.passUntil(() => isSettled(this.site, this.daemon));
  }

  /** Passes for `ms` while the database is away. */
  async outage(ms: number): Promise<void> {
    this.database.isDown = true;
    const endsAt = this.site.clock.now() + ms;
    while (this.site.clock.now() < endsAt) {
      await this.pass();
      await this.site.clock.advance(200);
    }
    this.database.isDown = false;
  }

  async nodeIds(): Promise<readonly number[]> {
    return (await this.daemon.store.readPool()).nodes.map(({ id }) => id);
  }

  calls(): object {
    return { ...this.site.clouds.get('cloud')?.recordedCalls() };
  }
}

describe.each(DATABASES)('a daemon whose %s is away', (kind) => {
  it('starts nothing at all, however much there is to do', () =>
    Scene.play(kind, 1, async (scene) => {
      await scene.settle();
      const { store } = scene.daemon;
      const [node] = (await store.readPool()).nodes;
      await store.moveNode({ id: node?.id ?? 0, from: 'ready', to: 'delete', by: 'operator' });
      const before = scene.calls();
      await scene.outage(120_000);
      expect(scene.calls()).toEqual(before);
      await scene.settle();
      expect(await scene.nodeIds()).not.toContain(node?.id);
    }));

  it('adopts the servers whose creation it could not write down', () =>
    Scene.play(kind, 2, async (scene) => {
      const { site, daemon } = scene;
      const hasAttempts = async (): Promise<boolean> => {
        const { nodes } = await daemon.store.readPool();
        return nodes.length > 0 && nodes.every(({ attempt, serverId }) => attempt === 1 && serverId === null);
      };
      await scene.passUntil(hasAttempts);
      const launched = await scene.nodeIds();
      // Longer than the calls take, and longer than the leases last: the calls are answered meanwhile.
      await scene.outage(30_000);
      expect((await daemon.store.readPool()).nodes.every(({ serverId }) => serverId === null)).toBe(true);
      const servers = site.clouds
        .get('cloud')
        ?.servers()
        .map(({ id }) => id);
      await scene.settle();
      expect(await scene.nodeIds()).toEqual(launched);
      const { nodes } = await daemon.store.readPool();
      const owned = nodes.flatMap(({ serverId, subnodes }) => [
        serverId,
        ...subnodes.map((subnode) => subnode.serverId),
      ]);
      expect(servers).toEqual(expect.arrayContaining(owned));
    }));

  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    'again and again, at any moment, settles when it is back (seed %i)',
    (seed) =>
      Scene.play(kind, seed, async (scene) => {
        const random = createSeededRandom(seed + 1000);
        const { site, daemon, database } = scene;
        site.config = configOf({ failBoots: 0.1, failCreates: 0.1 });
        database.lostAnswers = 0.3;
        for (let step = 0; step < 120; step += 1) {
          if (random.fraction() < 0.1) database.isDown = !database.isDown;
          await scene.pass();
          await site.clock.advance(20 + random.fraction() * (random.fraction() < 0.1 ? 15_000 : 500));
          const ready = (await daemon.store.readPool()).nodes.find(({ state }) => state === 'ready');
          if (ready && random.fraction() < 0.1)
            await daemon.store.moveNode({ id: ready.id, from: 'ready', to: 'delete', by: 'operator' });
        }
        site.config = configOf();
        await scene.settle();
      }),
  );
});
