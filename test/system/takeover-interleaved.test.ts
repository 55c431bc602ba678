/**
 * Two live daemons on one database and one cloud, whose passes, calls and leases are interleaved at random: they
 * freeze, hand over, and even both believe that they hold the same lease. Whatever comes of it, no record ever has
 * two servers, no cloud has more than it may, and the pool settles.
 */
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import type { Store } from '../../src/store/store.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { doubledServers, serverCount } from '../support/invariants.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createSite, describePool, drive, isSettled, startDaemon, type Daemon, type Site } from '../support/site.ts';
import { Traffic } from '../support/traffic.ts';
import {
  anotherStore,
  DATABASES,
  openFreshStore,
  type DatabaseKind,
  type OpenedStore,
} from '../support/with-database.ts';

const MAX_SERVERS = 6;
const STEPS = 120;
const SEEDS = 20;

function configOf(failBoots: number) {
  const fake = {
    ...aProvider().fake,
    bootTimeMs: 800,
    apiDelayMs: 300,
    deleteTimeMs: 500,
    listingLagMs: 700,
    failBoots,
  };
  const shared = { maxServers: MAX_SERVERS, apiTimeoutMs: 3000, fake };
  return aConfig({
    providers: [aProvider({ ...shared, name: 'east' }), aProvider({ ...shared, name: 'west' })],
    labels: [
      aLabel({ name: 'plain', minReady: 4, providers: ['east', 'west'] }),
      aLabel({ name: 'set', minReady: 2, subnodes: 1, providers: ['west', 'east'] }),
    ],
  });
}

interface Play {
  readonly site: Site;
  readonly opened: OpenedStore;
  readonly daemons: readonly Daemon[];
  readonly random: Random;
  readonly traffic: Traffic;
  /** Daemons that do not run, until when. */
  readonly frozen: Map<Daemon, number>;
}

const pick = <T>(random: Random, things: readonly T[]): T => things[Math.floor(random.fraction() * things.length)] as T;

async function pass({ site, frozen }: Play, daemon: Daemon): Promise<void> {
  if ((frozen.get(daemon) ?? 0) > site.clock.now()) return;
  await daemon.core.tick();
}

type Step = (play: Play) => Promise<unknown>;

const passOfOne: Step = (play) => pass(play, pick(play.random, play.daemons));
const passOfBoth: Step = (play) => Promise.all(play.daemons.map((daemon) => pass(play, daemon)));
const shortWait: Step = ({ site, random }) => site.clock.advance(10 + random.fraction() * 400);
const longWait: Step = ({ site, random }) => site.clock.advance(1000 + random.fraction() * 3000);

/** The lease can be had by another, while its holder believes in it until it looks again. */
const expireLease: Step = ({ opened, random }) =>
  opened.knex.raw(
    `UPDATE lease SET expires_at = 0 WHERE name = '${pick(random, ['supply', 'provider:east', 'provider:west'])}'`,
  );

const handOver: Step = ({ daemons, random }) => pick(random, daemons).core.release();

/** Longer than leases last: what its calls bring about comes while another one acts. */
const freeze: Step = async ({ site, frozen, daemons, random }) => {
  frozen.set(pick(random, daemons), site.clock.now() + 10_000 + random.fraction() * 15_000);
  return Promise.resolve();
};

const deleteNode: Step = async ({ opened: { store }, random }) => {
  const ready = (await store.readPool()).nodes.filter(({ state }) => state === 'ready');
  if (ready.length > 0)
    await store.moveNode({ id: pick(random, ready).id, from: 'ready', to: 'delete', by: 'operator' });
};

const STEP_KINDS: readonly Step[] = [
  ...[passOfOne, passOfOne, passOfOne, passOfBoth, passOfBoth],
  ...[shortWait, shortWait, shortWait, longWait],
  ...[expireLease, handOver, freeze, deleteNode],
];

function expectOrder({ site }: Play): void {
  expect(doubledServers(site)).toEqual([]);
  for (const name of site.clouds.keys()) expect(serverCount(site, name), name).toBeLessThanOrEqual(MAX_SERVERS);
}

/** Both daemons run as daemons do, until the pool has settled. */
async function settle(play: Play): Promise<void> {
  const { site, daemons, traffic } = play;
  play.frozen.clear();
  site.config = configOf(0);
  const giveUpAt = site.clock.now() + 900_000;
  while (site.clock.now() < giveUpAt) {
    for (const daemon of daemons) await daemon.core.tick();
    await traffic.quiet();
    expectOrder(play);
    if (await isSettled(site, daemons[0]!)) return;
    await site.clock.advance(250);
  }
  throw new Error(`the pool did not settle: ${await describePool(site, daemons[0]!)}`);
}

async function play(kind: DatabaseKind, seed: number): Promise<void> {
  const site = createSite(configOf(0.1), seed);
  const opened = await openFreshStore(kind, { clock: site.clock });
  // A write that lost against another waits for a moment of real time: the clock of the play stands still meanwhile.
  const clock: Clock = { now: () => site.clock.now(), sleep: (ms, signal) => systemClock.sleep(ms, signal) };
  const stores = [anotherStore(opened, { clock }), anotherStore(opened, { clock })];
  const traffic = new Traffic();
  const daemons = stores.map((store) =>
    startDaemon(site, { store: traffic.watch(store), overrides: { isDeadHolder: () => false } }),
  );
  const all: Play = { site, opened, daemons, traffic, random: createSeededRandom(seed), frozen: new Map() };
  try {
    for (let step = 0; step < STEPS; step += 1) {
      await pick(all.random, STEP_KINDS)(all);
      await traffic.quiet();
      expectOrder(all);
    }
    await settle(all);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    await opened.close();
  }
}

describe.each(DATABASES)('two daemons on %s, interleaved at random', (kind) => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    'never double a server, never exceed max-servers, and settle (seed %i)',
    (seed) => play(kind, seed),
  );
});

describe.each(DATABASES)('two daemons on %s that both believe to hold the supply', (kind) => {
  it('replace a node once', async () => {
    const site = createSite(aConfig());
    const opened = await openFreshStore(kind, { clock: site.clock });
    const other = anotherStore(opened, { clock: site.clock });
    const overrides = { isDeadHolder: () => false };
    let planned: Promise<unknown> = Promise.resolve();
    /** Launches when both have planned: neither sees what the other does. */
    const patient = (store: Store): Store => ({
      ...store,
      launchNodes: (...order) => planned.then(() => store.launchNodes(...order)),
    });
    const first = startDaemon(site, { store: patient(opened.store), overrides });
    await drive(site, first, { until: (daemon) => isSettled(site, daemon) });
    // If its leases have to be renewed, that is done now, and not when another daemon has taken one.
    await first.core.tick();
    await first.core.settled();
    const [node] = (await other.readPool()).nodes;

    await opened.knex.raw("UPDATE lease SET expires_at = 0 WHERE name = 'supply'");
    const second = startDaemon(site, { store: patient(other), overrides });
    await second.core.tick();
    await other.moveNode({ id: node?.id ?? 0, from: 'ready', to: 'delete', by: 'operator' });
    const planning = Promise.all([first.core.tick(), second.core.tick()]);
    planned = planning;
    const plans = await planning;
    const launches = plans.map((plan) => plan?.actions.filter(({ kind: what }) => what === 'launch-nodes').length);
    expect(launches, 'both order a replacement').toEqual([1, 1]);
    await Promise.all([first.core.settled(), second.core.settled()]);
    expect((await other.readPool()).nodes.map(({ state }) => state).sort()).toEqual(['building', 'delete', 'ready']);
    await other.close();
    await opened.close();
  });
});
