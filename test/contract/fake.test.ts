import type { FakeCloudConfig, ProviderConfig } from '../../src/config/types.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { FakeCloud } from '../../src/providers/fake/cloud.ts';
import { createFakeDriver } from '../../src/providers/fake/index.ts';
import type { Cloud, DriverFactory } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import type { SupervisedProvider } from '../../src/providers/supervised.ts';
import { aConfig, aProvider } from '../support/builders.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { DriverAtWork } from './contract-bench.ts';
import { describeProviderContract } from './provider-contract.ts';

const SLOW: Partial<FakeCloudConfig> = { bootTimeMs: 20_000, deleteTimeMs: 15_000 };

const clouds: Readonly<Record<string, Partial<FakeCloudConfig>>> = {
  'an instant fake cloud': {},
  'a slow fake cloud': SLOW,
  'a slow fake cloud that lists late': { ...SLOW, listingLagMs: 7000 },
};

/** A provider whose servers are reached by floating IPs has the key `pool`. */
const pools: Readonly<Record<string, Partial<ProviderConfig>>> = {
  'with public addresses': {},
  'with floating IPs': { pool: 'external' },
};

for (const [name, settings] of Object.entries(clouds)) {
  for (const [kind, keys] of Object.entries(pools)) {
    const config = aProvider({ ...keys, fake: { ...aProvider().fake, ...settings } });
    const subject = (wrap: (driver: DriverFactory, clock: FakeClock) => DriverAtWork) => () => {
      const clock = createFakeClock();
      const own = new Map<string, FakeCloud>();
      const driver = createFakeDriver({ clock, random: createSeededRandom(1), log: silentLog, clouds: own });
      return {
        ...wrap(driver, clock),
        baseImage: 'Fake Precise',
        unknownServer: 'no-server',
        unknownImage: 'no-image',
        floatingIps: config.pool !== null,
        publicKeyOf: async (keypair: string) => own.get(config.name)?.keypair(keypair) ?? null,
        passTime: (ms: number): Promise<void> => clock.advance(ms),
      };
    };
    describeProviderContract(
      `${name} ${kind}, bare`,
      subject((driver) => driver(config)),
    );
    describeProviderContract(
      `${name} ${kind}, supervised`,
      subject((driver, clock) => {
        const factories = { fake: driver };
        const providers = createProviders({ factories, clock, onCall: () => undefined, log: silentLog });
        providers.configure(aConfig({ providers: [config] }));
        const provider = providers.get('cloud') as SupervisedProvider;
        const createServer: Cloud['createServer'] = (spec, signal) =>
          provider.cloud.createServer(spec, signal, async () => undefined);
        return { ...provider, cloud: { ...provider.cloud, createServer } };
      }),
    );
  }
}
