/**
 * A daemon that is killed at every effect it has on the database or a cloud, before and after, in the middle of
 * launches, a subnode set, a snapshot build, deletions and sweeps; another one takes over. Whatever happened, in
 * the end no server is without an owner, none is there twice, every label has its min-ready nodes, and no key pair, key
 * or floating IP of what is gone is left.
 */
import { expect } from 'vitest';
import type { Config } from '../../src/config/types.ts';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { Store } from '../../src/store/store.ts';
import { aConfig, aLabel, aProvider, aProviderImage, imagesNamed } from './builders.ts';
import type { Death } from './mortal.ts';
import { createSite, drive, isSettled, ownedServers, serversOf, startDaemon, type Daemon, type Site } from './site.ts';
import { openFreshStore, type DatabaseKind } from './with-database.ts';

const MAX_SERVERS = 9;

function crashConfig(listingLagMs: number): Config {
  const provider = aProvider({
    maxServers: MAX_SERVERS,
    images: imagesNamed('ubuntu'),
    apiTimeoutMs: 5000,
    pool: 'public',
    fake: { ...aProvider().fake, bootTimeMs: 500, deleteTimeMs: 700, listingLagMs },
  });
  const image = aProviderImage({
    name: 'ubuntu',
    source: { kind: 'snapshot', baseImage: 'Fake Precise', setup: 'setup.sh' },
  });
  return aConfig({
    // What is left over is looked for more often, so that less time has to be played.
    cron: { ...aConfig().cron, cleanup: '* * * * * */5' },
    providers: [{ ...provider, images: new Map([['ubuntu', image]]) }],
    labels: [
      aLabel({ name: 'plain', minReady: 2, providers: [provider.name] }),
      aLabel({ name: 'set', minReady: 1, subnodes: 1, readyScript: 'ready.sh', providers: [provider.name] }),
    ],
  });
}

/** From nothing to a full pool; then nodes are deleted by an operator; then rows are deleted by hand. */
const PHASES: readonly ((store: Store, wipe: () => Promise<void>) => Promise<void>)[] = [
  async () => Promise.resolve(),
  async (store) => {
    const { nodes } = await store.readPool();
    for (const { id } of [
      nodes.find(({ label }) => label === 'plain'),
      nodes.find(({ label }) => label === 'set'),
    ].filter((node) => node !== undefined)) {
      await store.moveNode({ id, from: 'ready', to: 'delete', by: 'operator' });
    }
  },
  async (_store, wipe) => wipe(),
];

interface Run {
  readonly listingLagMs: number;
  readonly death: Death;
}

/** Plays the phases; answers how many effects the first daemon had. Throws when the pool does not settle. */
async function play(database: DatabaseKind, { listingLagMs, death }: Run): Promise<number> {
  const site = createSite(crashConfig(listingLagMs));
  const opened = await openFreshStore(database, { clock: site.clock });
  try {
    const first = startDaemon(site, { store: opened.store, death });
    let daemon: Daemon = first;
    for (const phase of PHASES) {
      await phase(opened.store, () => opened.wipe());
      const isAlive = await drive(site, daemon, goalOf(site));
      if (isAlive) continue;
      daemon = startDaemon(site, { store: opened.store });
      await drive(site, daemon, goalOf(site));
    }
    return first.mortal.effects;
  } finally {
    await opened.close();
  }
}

function goalOf(site: Site): Parameters<typeof drive>[2] {
  return {
    until: async (daemon) => (await isSettled(site, daemon)) && isTidy(site, (await daemon.store.readPool()).nodes),
    invariant: () => expect(serversOf(site).length, 'servers in the cloud').toBeLessThanOrEqual(MAX_SERVERS),
  };
}

/** Whether nothing is left of what belonged to servers, but for the floating IPs of those that are there. */
function isTidy({ clouds, templateKeys }: Site, nodes: readonly NodeRecord[]): boolean {
  const left = [...clouds.values()].flatMap((cloud) => cloud.accessories());
  const users = left.map(({ serverId }) => serverId);
  return (
    templateKeys.size === 0 &&
    left.every(({ kind }) => kind === 'floating-ip') &&
    JSON.stringify(users.toSorted()) === JSON.stringify([...ownedServers(nodes)].sort())
  );
}

/** Kills a daemon before and after each of its effects. Throws when the pool does not settle after one of them. */
export async function killAtEveryEffect(database: DatabaseKind, listingLagMs: number): Promise<void> {
  const effects = await play(database, { listingLagMs, death: { at: Infinity, side: 'before' } });
  // Late listings make the daemon wait; they must not make it do things over and over.
  expect(effects).toBeGreaterThan(50);
  expect(effects).toBeLessThan(250);
  for (let at = 1; at <= effects; at += 1) {
    for (const side of ['before', 'after'] as const) {
      await play(database, { listingLagMs, death: { at, side } }).catch((error: unknown) => {
        throw new Error(`killed ${side} effect ${at}: ${String(error)}`, { cause: error });
      });
    }
  }
}
