/** Two daemons on one database, of which one has been given the new configuration before the other. */
import { expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import { aConfig, aLabel, aProvider } from '../../support/builders.ts';
import { openMemoryStore } from '../../support/memory-store.ts';
import { createSite, runFor, startDaemon, type Daemon } from '../../support/site.ts';

const FORMER = aConfig();
/** It has the provider `new`, and a label there. */
const NEXT = aConfig({
  labels: [aLabel(), aLabel({ name: 'more', providers: ['new'] })],
  providers: [aProvider(), aProvider({ name: 'new' })],
});
const MINUTE = 60_000;

it('a provider that only one of them knows is left to that one, and is not when that is gone for good', async () => {
  const site = createSite(FORMER);
  const { store } = await openMemoryStore(site);
  onTestFinished(() => store.close());
  let starts = 0;
  const start = (config: Config): Daemon => {
    const overrides = { isDeadHolder: () => false, config: () => config };
    return startDaemon(site, { store, holder: `daemon/${++starts}/x`, overrides });
  };
  const late = start(FORMER);
  const early = start(NEXT);
  await runFor(site, [late, early], MINUTE);
  const imagesThere = async (): Promise<string[]> =>
    (await store.readPool()).images.filter(({ provider }) => provider === 'new').map(({ state }) => state);
  expect(await imagesThere()).toEqual(['ready']);
  expect(await store.events.latest(['build-failed', 'retired'], 10)).toEqual([]);
  // It is started anew.
  await early.core.release();
  await runFor(site, [late], MINUTE);
  const again = start(NEXT);
  await runFor(site, [late, again], MINUTE);
  expect(await imagesThere()).toEqual(['ready']);
  await again.core.release();
  await runFor(site, [late], 10 * MINUTE);
  expect(await imagesThere()).toEqual([]);
});
