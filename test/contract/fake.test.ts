import type { FakeCloudConfig } from '../../src/config/types.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeDriver } from '../../src/providers/fake/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import { aConfig, aProvider } from '../support/builders.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { describeProviderContract } from './provider-contract.ts';

const SLOW: Partial<FakeCloudConfig> = { bootTimeMs: 20_000, deleteTimeMs: 15_000 };

const clouds: Readonly<Record<string, Partial<FakeCloudConfig>>> = {
  'an instant fake cloud': {},
  'a slow fake cloud': SLOW,
  'a slow fake cloud that lists late': { ...SLOW, listingLagMs: 7000 },
};

for (const [name, settings] of Object.entries(clouds)) {
  const subject = (wrap: (clock: FakeClock) => Provider) => () => {
    const clock = createFakeClock();
    const { cloud, traits } = wrap(clock);
    const passTime = (ms: number): Promise<void> => clock.advance(ms);
    return { cloud, traits, passTime, baseImage: 'Fake Precise', unknownServer: 'no-server', unknownImage: 'no-image' };
  };
  const config = aProvider({ fake: { ...aProvider().fake, ...settings } });
  const driver = (clock: FakeClock) => createFakeDriver({ clock, random: createSeededRandom(1), log: silentLog });

  describeProviderContract(
    `${name}, bare`,
    subject((clock) => driver(clock)(config)),
  );
  describeProviderContract(
    `${name}, supervised`,
    subject((clock) => {
      const factories = { fake: driver(clock) };
      const providers = createProviders({ factories, clock, onCall: () => undefined, log: silentLog });
      providers.configure(aConfig({ providers: [config] }));
      return providers.get('cloud') as Provider;
    }),
  );
}
