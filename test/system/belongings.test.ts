/** What belongs to servers beside themselves: it comes and goes with them, and what is left over is swept. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config, ProviderConfig } from '../../src/config/types.ts';
import type { Accessory } from '../../src/providers/provider.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { createSite, drive, isSettled, startDaemon, type Daemon, type Site } from '../support/site.ts';
import { openFreshStore, type OpenedStore } from '../support/with-database.ts';

let opened: OpenedStore;
let site: Site;
beforeEach(async () => {
  site = createSite(configWith());
  opened = await openFreshStore('SQLite', { clock: site.clock });
});
afterEach(() => opened.close());

/** A cloud whose servers need floating IPs. */
function configWith(overrides: Partial<ProviderConfig> = {}): Config {
  const fake = { ...aProvider().fake, bootTimeMs: 2000, deleteTimeMs: 500 };
  return aConfig({ providers: [aProvider({ pool: 'public', fake, ...overrides })], labels: [aLabel({ minReady: 2 })] });
}

const accessories = (kind: Accessory['kind']): readonly Accessory[] =>
  site.clouds
    .get('cloud')!
    .accessories()
    .filter((accessory) => accessory.kind === kind);

const settled = (daemon: Daemon): Promise<boolean> => isSettled(site, daemon);

/** A pool that has built its image and has its nodes. */
async function aFullPool(): Promise<Daemon> {
  const daemon = startDaemon(site, { store: opened.store });
  await drive(site, daemon, { until: settled });
  return daemon;
}

describe('a floating IP', () => {
  it('is given to every server that needs one, once', async () => {
    await aFullPool();
    const { nodes } = await opened.store.readPool();
    const { attachFloatingIp } = site.clouds.get('cloud')!.recordedCalls();
    const users = accessories('floating-ip').flatMap(({ serverId }) => serverId ?? []);
    expect(users.toSorted()).toEqual(nodes.map(({ serverId }) => serverId).toSorted());
    // Two nodes and the template.
    expect(attachFloatingIp).toBe(3);
  });

  it('that a deleted server has left behind is swept, and those in use are not', async () => {
    const daemon = await aFullPool();
    const before = (await opened.store.readPool()).nodes.map(({ id }) => id);
    await opened.store.moveNode({ id: before[0]!, from: 'ready', to: 'delete', by: 'operator' });
    await drive(site, daemon, {
      until: async () => (await settled(daemon)) && accessories('floating-ip').length === 2,
      withinMs: 300_000,
    });
    const { nodes } = await opened.store.readPool();
    expect(
      accessories('floating-ip')
        .map(({ serverId }) => serverId)
        .toSorted(),
    ).toEqual(nodes.map(({ serverId }) => serverId).toSorted());
    expect(nodes.map(({ id }) => id)).toContain(before[1]);
  });

  it('of which there are too few makes the provider rest, and nothing is leaked', async () => {
    const daemon = startDaemon(site, { store: opened.store });
    // A pass makes the cloud.
    await daemon.core.tick();
    site.clouds.get('cloud')!.offer({ floatingIps: 0 });
    const isRefused = async (): Promise<boolean> =>
      (await opened.store.readPool()).failures.some(
        ({ kind, provider }) => kind === 'provider' && provider === 'cloud',
      );
    await drive(site, daemon, { until: isRefused });
    site.clouds.get('cloud')!.offer({ floatingIps: null });
    await drive(site, daemon, { until: settled, withinMs: 1_200_000 });
  });
});

describe('the key of a template', () => {
  it('is gone when the image is READY, in the cloud and on disk', async () => {
    await aFullPool();
    expect(site.clouds.get('cloud')!.recordedCalls().createKeypair).toBe(1);
    expect([accessories('keypair'), [...site.templateKeys.keys()]]).toEqual([[], []]);
  });

  it('lets a daemon that starts anew go on with the build of its predecessor', async () => {
    const first = startDaemon(site, { store: opened.store });
    await drive(site, first, { until: () => Promise.resolve(site.templateKeys.size === 1) });
    await drive(site, startDaemon(site, { store: opened.store }), { until: settled });
    const { images } = await opened.store.readPool();
    expect(images).toMatchObject([{ id: 1, state: 'ready' }]);
  });

  it('that is on another host makes the build begin anew, at once and without a count', async () => {
    const first = startDaemon(site, { store: opened.store });
    const isBooting = async (): Promise<boolean> => (await opened.store.readPool()).images[0]?.serverId != null;
    await drive(site, first, { until: isBooting });
    site.templateKeys.clear();
    await drive(site, startDaemon(site, { store: opened.store }), { until: settled });
    const [event] = await opened.store.events.latest(['build-failed'], 1);
    expect(event).toMatchObject({ subjectId: 1, reason: 'script-interrupted' });
    expect((await opened.store.readPool()).failures).toEqual([]);
  });

  it('of a build whose row was deleted by hand is swept', async () => {
    const daemon = startDaemon(site, { store: opened.store });
    await drive(site, daemon, { until: () => Promise.resolve(accessories('keypair').length === 1) });
    const [lost] = accessories('keypair');
    await opened.wipe();
    const isSwept = (): boolean =>
      accessories('keypair').every(({ id }) => id !== lost?.id) && !site.templateKeys.has(lost?.id ?? '');
    await drive(site, daemon, { until: () => Promise.resolve(isSwept()), withinMs: 300_000 });
    expect(await opened.store.events.latest(['leak-deleted'], 9)).toContainEqual(
      expect.objectContaining({ detail: expect.stringMatching(/^key pair nodepool-/) as string }),
    );
  });
});

describe('the host key of a server', () => {
  it('is on record for every node, as its console shows it', async () => {
    await aFullPool();
    const { nodes } = await opened.store.readPool();
    expect(nodes.map(({ hostKey }) => hostKey)).toEqual(
      nodes.map(() => expect.stringMatching(/^ssh-ed25519 AAAA/) as string),
    );
    expect(new Set(nodes.map(({ hostKey }) => hostKey)).size).toBe(2);
  });

  it('that differs from that on its console fails the launch, whose console is kept', async () => {
    const daemon = startDaemon(site, { store: opened.store });
    const unanswered = async (): Promise<boolean> =>
      (await opened.store.readPool()).nodes.some(({ serverId }) => serverId !== null);
    await drive(site, daemon, { until: unanswered });
    const [node] = (await opened.store.readPool()).nodes.filter(({ serverId }) => serverId !== null);
    site.clouds.get('cloud')!.afflict(node!.serverId!, 'host-key-changed');
    await drive(site, daemon, { until: settled });
    const events = await opened.store.events.of('node', node!.id);
    expect(events.map(({ kind, reason }) => [kind, reason])).toEqual(
      expect.arrayContaining([
        ['launch-failed', 'host-key-changed'],
        ['console', 'host-key-changed'],
      ]),
    );
  });
});
