/** Two daemons on one database, of which one has been given the new configuration before the other. */
import { expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import { connect } from '../../../src/store/connect.ts';
import { createStore } from '../../../src/store/create-store.ts';
import { migrate } from '../../../src/store/migrate.ts';
import type { Store } from '../../../src/store/store.ts';
import { aConfig, aLabel, aProvider } from '../../support/builders.ts';
import { createSite, startDaemon, type Daemon, type Site } from '../../support/site.ts';

const FORMER = aConfig();
/** It has the provider `new`, and a label there. */
const NEXT = aConfig({
  labels: [aLabel(), aLabel({ name: 'more', providers: ['new'] })],
  providers: [aProvider(), aProvider({ name: 'new' })],
});
const MINUTE = 60_000;

async function openStore({ clock, random }: Site): Promise<Store> {
  const knex = connect({ kind: 'sqlite', file: ':memory:' });
  await migrate({ knex, clock, random });
  const store = createStore({ knex, clock, random });
  onTestFinished(() => store.close());
  return store;
}

async function run({ clock }: Site, daemons: readonly Daemon[], ms: number): Promise<void> {
  for (const end = clock.now() + ms; clock.now() < end; await clock.advance(250)) {
    for (const { core } of daemons) {
      await core.tick();
      await core.settled();
    }
  }
}

it('a provider that only one of them knows is left to that one, and is not when that is gone for good', async () => {
  const site = createSite(FORMER);
  const store = await openStore(site);
  let starts = 0;
  const start = (config: Config): Daemon => {
    const overrides = { isDeadHolder: () => false, config: () => config };
    return startDaemon(site, { store, holder: `daemon/${++starts}/x`, overrides });
  };
  const late = start(FORMER);
  const early = start(NEXT);
  await run(site, [late, early], MINUTE);
  const imagesThere = async (): Promise<string[]> =>
    (await store.readPool()).images.filter(({ provider }) => provider === 'new').map(({ state }) => state);
  expect(await imagesThere()).toEqual(['ready']);
  expect(await store.events.latest(['build-failed', 'retired'], 10)).toEqual([]);
  // It is started anew.
  await early.core.release();
  await run(site, [late], MINUTE);
  const again = start(NEXT);
  await run(site, [late, again], MINUTE);
  expect(await imagesThere()).toEqual(['ready']);
  await again.core.release();
  await run(site, [late], 10 * MINUTE);
  expect(await imagesThere()).toEqual([]);
});
