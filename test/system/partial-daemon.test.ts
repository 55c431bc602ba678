/** A daemon that was told to leave something undone, alone and beside one that does everything. */
import { expect, it } from 'vitest';
import { aConfig, aLabel } from '../support/builders.ts';
import { createSite, drive, startDaemon } from '../support/site.ts';
import { openFreshStore } from '../support/with-database.ts';

it('a daemon with --no-deletes works alone, gives way to a whole one, and takes over when that is gone', async () => {
  const site = createSite(aConfig({ labels: [aLabel({ minReady: 2 })] }));
  const { store, close } = await openFreshStore('SQLite', { clock: site.clock });
  try {
    const isDeadHolder = (): boolean => false;
    const switches = { launches: true, deletes: false, images: true };
    const partial = startDaemon(site, { store, overrides: { switches, isDeadHolder } });
    const whole = startDaemon(site, { store, overrides: { isDeadHolder } });
    const holderOf = async (name: string): Promise<string | undefined> =>
      (await store.leases.list()).find((lease) => lease.name === name)?.holder;

    const isFull = async (): Promise<boolean> =>
      (await store.readPool()).nodes.filter(({ state }) => state === 'ready').length === 2;
    await drive(site, partial, { until: isFull });
    const itsHolder = await holderOf('provider:cloud');
    expect(itsHolder).toBeDefined();
    const [node] = (await store.readPool()).nodes;
    await store.moveNode({ id: node!.id, from: 'ready', to: 'delete', by: 'operator' });

    const isGone = async (): Promise<boolean> => {
      await partial.core.tick();
      return (await store.readPool()).nodes.every(({ id }) => id !== node!.id);
    };
    await drive(site, whole, { until: isGone });
    const holders = [await holderOf('provider:cloud'), await holderOf('supply')];
    expect(holders).not.toContain(itsHolder);

    await whole.core.release();
    await site.clock.advance(1000);
    await partial.core.tick();
    expect(await holderOf('provider:cloud')).toBe(itsHolder);
    await partial.core.release();
  } finally {
    await close();
  }
});
