/**
 * A site in memory: clock, clouds and database that outlive the daemons run on them. Daemons are driven pass by
 * pass on the fake clock; nothing sleeps.
 */
import type { Config } from '../../src/config/types.ts';
import { EngineCore } from '../../src/daemon/engine.ts';
import type { EngineDeps } from '../../src/daemon/deps.ts';
import { noDemand } from '../../src/demand/no-demand.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import type { Random } from '../../src/lib/random.ts';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import { nullMetrics } from '../../src/metrics/statsd.ts';
import type { Plan } from '../../src/planning/actions.ts';
import type { FakeCloud } from '../../src/providers/fake/cloud.ts';
import { createFakeDriver } from '../../src/providers/fake/index.ts';
import type { DriverFactory, Server } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import type { TemplateKeys } from '../../src/remote/template-keys.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeDiskImages, ImagesDisk } from './disk-images.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { Mortal, type Death } from './mortal.ts';
import { noTargets } from './no-targets.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface Site {
  readonly clock: FakeClock;
  readonly random: Random;
  readonly clouds: Map<string, FakeCloud>;
  /** Keys of template servers on the disk of the host. */
  readonly templateKeys: Map<string, string>;
  /** Where disk images are kept. */
  readonly disk: ImagesDisk;
  config: Config;
}

export function createSite(config: Config, seed = 1): Site {
  const random = createSeededRandom(seed);
  const disk = new ImagesDisk();
  return { clock: createFakeClock(), random, clouds: new Map(), templateKeys: new Map(), disk, config };
}

export interface Daemon {
  readonly core: EngineCore;
  readonly store: Store;
  readonly mortal: Mortal;
}

export interface DaemonOptions {
  readonly store: Store;
  readonly death?: Death;
  readonly holder?: string;
  readonly log?: Log;
  readonly overrides?: Partial<EngineDeps>;
}

let holders = 0;

/** Starts a daemon on the site. It takes over the leases of all others, as after their death. */
export function startDaemon(
  site: Site,
  { store, death, holder = `test/${++holders}/x`, log = silentLog, overrides = {} }: DaemonOptions,
): Daemon {
  const mortal = new Mortal(death);
  const { targets = noTargets, ...others } = overrides;
  const { clock, random, clouds } = site;
  const driver = createFakeDriver({ clock, random, log, clouds });
  const mortalDriver: DriverFactory = (config) => mortal.provider(driver(config));
  const providers = createProviders({ factories: { fake: mortalDriver }, clock, onCall: () => undefined, log });
  const deps: EngineDeps = {
    store: mortal.store(store),
    config: () => site.config,
    refreshConfig: () => Promise.resolve(),
    providers,
    clock,
    random,
    log,
    metrics: nullMetrics,
    keys: { make: () => Promise.resolve({ privateKey: 'private\n', publicKey: 'public\n' }) },
    templateKeys: mortal.templateKeys(keysOn(site.templateKeys)),
    diskImages: mortal.diskImages(new FakeDiskImages({ clock, disk: site.disk, buildMs: 0 })),
    workers: { builds: 1, uploads: 4 },
    demand: noDemand,
    targets: mortal.targets(targets),
    followers: [],
    host: 'here',
    // No log of a build can be written there, not even by root.
    stateDir: '/dev/null',
    holder,
    isDeadHolder: (other) => other !== holder,
    switches: { launches: true, deletes: true, images: true },
    scope: null,
    env: {},
    ...others,
  };
  return { core: new EngineCore(deps, () => undefined), store, mortal };
}

/** Keys of templates on a disk in memory. */
export function keysOn(disk: Map<string, string>): TemplateKeys {
  return {
    prepare: (key) => {
      if (!disk.has(key)) disk.set(key, `ssh-rsa ${key}`);
      return Promise.resolve({ publicKey: disk.get(key) as string });
    },
    path: (key) => `/keys/${key}`,
    remove: (key) => {
      disk.delete(key);
      return Promise.resolve();
    },
    records: () => Promise.resolve([...disk.keys()]),
  };
}

export interface Goal {
  /** The drive ends when this holds. */
  readonly until: (daemon: Daemon) => Promise<boolean>;
  /** Simulated time that it may take, in milliseconds. */
  readonly withinMs?: number;
  /** Looked at after each pass. */
  readonly invariant?: (daemon: Daemon) => void | Promise<void>;
}

/** Runs passes until the goal is reached or the daemon was killed; answers whether it lives. Throws when time is up. */
export async function drive(
  site: Site,
  daemon: Daemon,
  { until, withinMs = 600_000, invariant }: Goal,
): Promise<boolean> {
  const deadline = site.clock.now() + withinMs;
  while (site.clock.now() < deadline) {
    const plan = await daemon.core.tick().catch((error: unknown) => {
      if (!daemon.mortal.isDead) throw error;
      return null;
    });
    await daemon.core.settled();
    await invariant?.(daemon);
    if (daemon.mortal.isDead) return false;
    if (await until(daemon)) return true;
    await site.clock.advance(stepAfter(plan, daemon.core.nextWakeAt() - site.clock.now()));
  }
  throw new Error(`the goal was not reached within ${withinMs} ms: ${await describePool(site, daemon)}`);
}

/** Runs passes of all daemons for so long, in milliseconds. */
export async function runFor({ clock }: Site, daemons: readonly Daemon[], ms: number): Promise<void> {
  for (const end = clock.now() + ms; clock.now() < end; await clock.advance(250)) {
    for (const { core } of daemons) {
      await core.tick();
      await core.settled();
    }
  }
}

/** Time until the next pass. What ended in a pass is looked at soon, as when it wakes the loop; listings are awaited in longer steps. */
function stepAfter(plan: Plan | null, restMs: number): number {
  const isWorking = plan?.actions.some(({ kind }) => !kind.startsWith('list-')) ?? false;
  return isWorking ? 10 : Math.min(Math.max(restMs, 250), 1000);
}

/** The rows and servers, for messages. */
export async function describePool(site: Site, { store }: Daemon): Promise<string> {
  const { nodes, images, diskImages } = await store.readPool();
  const servers = serversOf(site).map(({ name, status }) => `${name} ${status}`);
  const rows = [
    ...nodes.map(({ id, label, state, reason }) => `node ${id} ${label} ${state} ${reason ?? ''}`),
    ...images.map(({ id, image, state, reason }) => `image ${id} ${image} ${state} ${reason ?? ''}`),
    ...diskImages.map(({ id, image, state, reason }) => `disk image ${id} ${image} ${state} ${reason ?? ''}`),
  ];
  return JSON.stringify({ rows, servers });
}

/** All servers of all clouds that are not being deleted. */
export function serversOf({ clouds }: Site): readonly Server[] {
  return [...clouds.values()].flatMap((cloud) => cloud.servers().filter(({ status }) => status !== 'deleting'));
}

/** Ids of the servers that the nodes' rows own, subnodes included. */
export function ownedServers(nodes: readonly NodeRecord[]): readonly string[] {
  return nodes
    .flatMap((node) => [node.serverId, ...node.subnodes.map(({ serverId }) => serverId)])
    .filter((id) => id !== null);
}

/**
 * Whether the pool is as the configuration wants it and nothing is under way: every label at exactly min-ready,
 * every server of the clouds owned by one row and every row's server there, one image each, and nothing left behind:
 * no key pair, and no floating IP that no server uses.
 */
export async function isSettled(site: Site, { store }: Daemon): Promise<boolean> {
  const { nodes, images } = await store.readPool();
  if (
    nodes.some(({ state }) => state !== 'ready') ||
    images.some(({ state, serverId }) => state !== 'ready' || serverId !== null)
  )
    return false;
  for (const label of site.config.labels.values()) {
    const own = nodes.filter((node) => node.label === label.name);
    if (own.length !== label.minReady || own.some(({ subnodes }) => subnodes.length !== label.subnodes)) return false;
  }
  const accessories = [...site.clouds.values()].flatMap((cloud) => cloud.accessories());
  if (accessories.some(({ kind, serverId }) => kind !== 'floating-ip' || serverId === null)) return false;
  const servers = serversOf(site)
    .map(({ id }) => String(id))
    .sort();
  const cloudImages = [...site.clouds.values()]
    .flatMap((cloud) => cloud.images())
    .filter(({ tags, status }) => tags !== null && status !== 'deleting');
  return (
    JSON.stringify(servers) === JSON.stringify([...ownedServers(nodes)].sort()) && cloudImages.length === images.length
  );
}
