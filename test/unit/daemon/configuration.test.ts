import { expect, it } from 'vitest';
import type { Providers } from '../../../src/providers/registry.ts';
import { aConfig } from '../../support/builders.ts';
import { openMemoryStore } from '../../support/memory-store.ts';
import { createSite, startDaemon } from '../../support/site.ts';

it('is looked at each second, and shown to the providers though it is the same: they have files of their own', async () => {
  const site = createSite(aConfig({ providers: [], labels: [] }));
  const { clock } = site;
  const { store, knex } = await openMemoryStore(site);
  let looks = 0;
  let shown = 0;
  const providers: Providers = {
    configure: () => (shown += 1),
    get: () => null,
    entries: () => [],
    placed: () => [],
    bar: () => undefined,
    forget: () => undefined,
  };
  const refreshConfig = () => Promise.resolve((looks += 1));
  const { core } = startDaemon(site, { store, overrides: { providers, refreshConfig } });
  for (const [ms, expected] of [
    [0, 1],
    [999, 1],
    [1, 2],
    [10, 2],
    [990, 3],
  ] as const) {
    await clock.advance(ms);
    await core.tick();
    expect([looks, shown]).toEqual([expected, expected]);
  }
  // A clock that was set back does not put the next look off.
  clock.set(clock.now() - 3_600_000);
  await core.tick();
  expect([looks, shown]).toEqual([4, 4]);
  await core.settled();
  await store.close();
  await knex.destroy();
});
