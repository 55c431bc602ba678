/** A provider that is pointed to another cloud, region or project while it has servers and images where it was. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../../src/config/types.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createFakeDriver } from '../../../src/providers/fake/index.ts';
import type { DriverFactory } from '../../../src/providers/provider.ts';
import { createProviders, type Providers } from '../../../src/providers/registry.ts';
import { aConfig, aLabel, aProvider } from '../../support/builders.ts';
import { openMemoryStore } from '../../support/memory-store.ts';
import { createSite, runFor, startDaemon, type Daemon, type Site } from '../../support/site.ts';

const DFW = aConfig({ labels: [aLabel({ minReady: 2 })], providers: [aProvider({ regionName: 'DFW' })] });
const ORD = aConfig({ labels: [aLabel({ minReady: 2 })], providers: [aProvider({ regionName: 'ORD' })] });
const NOTHING = aConfig({ labels: [], providers: [aProvider({ regionName: 'DFW', images: new Map() })] });
const MINUTE = 60_000;

/** Every region is a cloud of its own, but for those in `sameAs`, which are names of another one. */
function createRegions({ clock, random, clouds }: Site, sameAs: Readonly<Record<string, string>>): Providers {
  const fake = createFakeDriver({ clock, random, log: silentLog, clouds });
  const driver: DriverFactory = (config) => {
    const region = config.regionName!;
    return { ...fake({ ...config, name: sameAs[region] ?? region }), location: `region ${region}` };
  };
  return createProviders({ factories: { fake: driver }, clock, onCall: () => undefined, log: silentLog });
}

/** A pool that has filled in DFW. */
async function withPool({ sameAs = {}, config = DFW }: { sameAs?: Record<string, string>; config?: Config } = {}) {
  const site = createSite(config);
  const { store } = await openMemoryStore(site);
  onTestFinished(() => store.close());
  const start = (): Daemon => startDaemon(site, { store, overrides: { providers: createRegions(site, sameAs) } });
  let daemon = start();
  const run = (ms: number): Promise<void> => runFor(site, [daemon], ms);
  const restart = (): void => void (daemon = start());
  const pool = async () => {
    const { nodes, images, failures } = await store.readPool();
    return {
      rows: [...nodes, ...images].map(({ state, serverId }) => `${state} ${serverId ?? ''}`),
      servers: Object.fromEntries([...site.clouds].map(([region, cloud]) => [region, cloud.servers().length])),
      failures: failures.map(({ lastError }) => lastError),
    };
  };
  await run(5 * MINUTE);
  return { site, store, run, restart, pool };
}

describe('a provider that is pointed to another cloud', () => {
  it.each(['while the daemon runs', 'while no daemon runs'])(
    '%s does nothing there and loses nothing where it was, until it is pointed back',
    async (when) => {
      const { site, store, run, restart, pool } = await withPool();
      const before = await pool();
      expect(before).toMatchObject({ servers: { DFW: 2 }, failures: [] });
      site.config = ORD;
      if (when === 'while no daemon runs') restart();
      const [node] = (await store.readPool()).nodes;
      await store.moveNode({ id: node!.id, from: 'ready', to: 'delete', by: 'operator' });
      await run(10 * MINUTE);
      const rows = before.rows.map((row) => (row === `ready ${node!.serverId}` ? `delete ${node!.serverId}` : row));
      expect(await pool()).toEqual({
        rows,
        servers: { DFW: 2, ORD: 0 },
        failures: [
          'provider cloud cannot be used: it is set to region ORD, but has 3 servers and images at region DFW; nothing is ' +
            'done until one of them is found where it is set to: point it back, and give another cloud a provider of its own',
        ],
      });
      site.config = DFW;
      await run(5 * MINUTE);
      const after = await pool();
      expect(after).toMatchObject({ servers: { DFW: 2, ORD: 0 }, failures: [] });
      expect(after.rows).not.toContain(`delete ${node!.serverId}`);
    },
  );

  it('works there when it had nothing where it was', async () => {
    const { site, run, pool } = await withPool({ config: NOTHING });
    site.config = ORD;
    await run(5 * MINUTE);
    expect(await pool()).toMatchObject({ servers: { DFW: 0, ORD: 2 }, failures: [] });
  });
});

it('a provider whose cloud has another address now goes on when what it has is found there', async () => {
  const { site, store, run, pool } = await withPool({ sameAs: { ORD: 'DFW' } });
  const before = await pool();
  site.config = ORD;
  await run(5 * MINUTE);
  expect(await pool()).toEqual(before);
  expect(await store.locations.all()).toEqual(new Map([['cloud', 'region ORD']]));
});
