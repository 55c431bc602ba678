/**
 * The original's README tells operators to empty two tables by hand when in doubt. That must do no harm: what the
 * rows owned in the clouds is swept, and the pool refills.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { LogLine } from '../support/daemon-process.ts';
import { aConfig, aLabel, aProvider } from '../support/builders.ts';
import { doubledServers, serverCount } from '../support/invariants.ts';
import { aLabelEntry, aProviderEntry, aSetEntry, RealPool, until } from '../support/real-pool.ts';
import { createSite, drive, isSettled, serversOf, startDaemon } from '../support/site.ts';
import { DATABASES, openFreshStore } from '../support/with-database.ts';

const isError = ({ level }: LogLine): boolean => level === 'error';

describe.each(DATABASES)('rows deleted by hand on %s while a daemon runs', (kind) => {
  let pool: RealPool;
  afterEach(() => pool.close());

  it('are made good: their servers are swept, the pool refills, and nothing counts as an error', async () => {
    pool = await RealPool.open(kind);
    // Five servers and a template have room for nothing more: without the sweep nothing could be launched again.
    const provider = aProviderEntry({ 'max-servers': 5, fake: { quota: 6 } });
    pool.configure({ providers: [provider], labels: [aLabelEntry({ 'min-ready': 3 }), aSetEntry()] });
    const daemon = pool.start();
    const before = await pool.full({ small: 3, set: 1 });
    const lost = before.flatMap(({ serverId, subnodes }) => [serverId, ...subnodes.map((subnode) => subnode.serverId)]);
    await pool.database.wipe();

    const after = await pool.full({ small: 3, set: 1 });
    const servers = after.flatMap(({ serverId, subnodes }) => [
      serverId,
      ...subnodes.map((subnode) => subnode.serverId),
    ]);
    expect(servers.filter((id) => lost.includes(id))).toEqual([]);
    const isSweep = ({ msg }: LogLine): boolean => msg.startsWith('deleted a leaked server');
    await Promise.all(lost.map((id) => daemon.logged((line) => isSweep(line) && line['server'] === id)));
    expect(await pool.ask('alien-list')).toEqual([]);
    expect(await pool.ask('alien-image-list')).toEqual([]);
    // Of the old set's subnodes nothing is left, which could turn up in another set.
    const rows = await pool.database.knex('subnode').select<{ node_id: number }[]>('node_id');
    expect(rows.map(({ node_id: node }) => node)).toEqual(after.flatMap(({ id, subnodes }) => subnodes.map(() => id)));
    expect(daemon.lines.filter(isError)).toEqual([]);
  });
});

describe('rows deleted by hand in mid-launch', () => {
  let pool: RealPool;
  afterEach(() => pool.close());

  it('are made good too', async () => {
    pool = await RealPool.open('MariaDB');
    const slow = aProviderEntry({ fake: { 'boot-time': 0.4, 'api-delay': 0.1 } });
    pool.configure({ providers: [slow], labels: [aLabelEntry({ 'min-ready': 3 }), aSetEntry()] });
    const daemon = pool.start();
    await daemon.logged(({ msg }) => msg === 'nodes launched');
    await until('a server was created', async () =>
      (await pool.nodes()).some(({ serverId }) => serverId) ? true : null,
    );
    await pool.database.wipe();
    await pool.full({ small: 3, set: 1 });
    await until('the sweep is done', async () =>
      (await pool.ask<unknown[]>('alien-list')).length === 0 ? true : null,
    );
    expect(daemon.lines.filter(isError)).toEqual([]);
  });
});

describe('rows deleted by hand between two runs', () => {
  let pool: RealPool;
  afterEach(() => pool.close());

  it('do not keep the next daemon from filling the pool', async () => {
    pool = await RealPool.open('SQLite');
    pool.configure({ labels: [aLabelEntry(), aSetEntry()] });
    const first = pool.start();
    await pool.full({ small: 2, set: 1 });
    first.kill('SIGTERM');
    await first.ended;
    await pool.database.wipe();

    const second = pool.start();
    await pool.full({ small: 2, set: 1 });
    expect(second.lines.filter(isError)).toEqual([]);
  });
});

const MAX_SERVERS = 6;

describe.each(DATABASES)('rows deleted by hand on %s between two runs, with a cloud that outlives them', (kind) => {
  it.each([0, 2000])('are made good: the cloud is swept and never overfilled (listings %i ms late)', async (lagMs) => {
    const fake = { ...aProvider().fake, bootTimeMs: 500, deleteTimeMs: 700, listingLagMs: lagMs };
    const provider = aProvider({ maxServers: MAX_SERVERS, apiTimeoutMs: 3000, fake });
    const labels = [aLabel({ name: 'plain', minReady: 3 }), aLabel({ name: 'set', minReady: 1, subnodes: 1 })];
    const site = createSite(aConfig({ providers: [provider], labels }));
    const { store, wipe, close } = await openFreshStore(kind, { clock: site.clock });
    const goal = {
      until: (daemon: Parameters<typeof isSettled>[1]) => isSettled(site, daemon),
      invariant: () => {
        expect(serverCount(site, 'cloud')).toBeLessThanOrEqual(MAX_SERVERS);
        expect(doubledServers(site)).toEqual([]);
      },
    };
    const first = startDaemon(site, { store });
    await drive(site, first, goal);
    await first.core.release();
    const lost = serversOf(site).map(({ id }) => id);
    expect(lost).toHaveLength(5);
    await wipe();

    await drive(site, startDaemon(site, { store }), goal);
    expect(serversOf(site).filter(({ id }) => lost.includes(id))).toEqual([]);
    await close();
  });
});
