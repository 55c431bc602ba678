import { afterEach } from 'vitest';
import type { ProviderConfig } from '../../src/config/types.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createOpenStackDriver } from '../../src/providers/openstack/index.ts';
import type { Cloud, DriverFactory } from '../../src/providers/provider.ts';
import { createProviders } from '../../src/providers/registry.ts';
import type { SupervisedProvider } from '../../src/providers/supervised.ts';
import {
  createOpenStackDouble,
  PASSWORD,
  type OpenStackDouble,
  type OpenStackDoubleOptions,
} from '../../tools/openstack-double/index.ts';
import { aConfig, aProvider } from '../support/builders.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { DriverAtWork } from './contract-bench.ts';
import { describeProviderContract, type ContractSubject } from './provider-contract.ts';

const SLOW = { bootMs: 15_000, bootSpreadMs: 10_000, deleteMs: 15_000, imageMs: 30_000 };

/** Reached at the addresses that servers have, or by floating IPs. */
const DIRECT: OpenStackDoubleOptions = { networks: [{ name: 'provider', cidr: '198.51.100.0/24', isShared: true }] };
const ROUTED: OpenStackDoubleOptions = {};

const clouds: Readonly<Record<string, OpenStackDoubleOptions>> = {
  'an instant OpenStack': DIRECT,
  'an instant OpenStack with floating IPs': ROUTED,
  'a slow OpenStack with floating IPs that lists late and page by page': {
    ...ROUTED,
    behaviour: { ...SLOW, listingLagMs: 4000, computePage: 1, imagePage: 1 },
  },
  'an OpenStack from before microversions': { ...DIRECT, microversions: null, hasProjectInUrl: true, behaviour: SLOW },
};

const open: OpenStackDouble[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((double) => double.close()));
});

const subject =
  (options: OpenStackDoubleOptions, wrap: (made: Made, clock: FakeClock) => DriverAtWork) =>
  async (): Promise<ContractSubject> => {
    const clock = createFakeClock();
    const random = createSeededRandom(1);
    const double = await createOpenStackDouble({ ...options, images: [{ name: 'Ubuntu' }], clock, random });
    open.push(double);
    const driver = createOpenStackDriver({ clock, random, log: silentLog, env: {}, home: '/nowhere', cwd: '/nowhere' });
    return {
      ...wrap({ driver, config: providerAt(double) }, clock),
      baseImage: 'Ubuntu',
      unknownServer: '00000000-0000-4000-8000-000000000000',
      unknownImage: '00000000-0000-4000-8000-000000000001',
      floatingIps: options.networks === undefined,
      publicKeyOf: async (keypair: string) => double.keypairs().find(({ name }) => name === keypair)?.publicKey ?? null,
      passTime: (ms: number): Promise<void> => clock.advance(ms),
    };
  };

for (const [name, options] of Object.entries(clouds)) {
  describeProviderContract(
    `${name}, bare`,
    subject(options, ({ driver, config }) => driver(config)),
  );
}

describeProviderContract(
  'an instant OpenStack with floating IPs, supervised',
  subject(ROUTED, ({ driver, config }, clock) => {
    const factories = { openstack: driver };
    const providers = createProviders({ factories, clock, onCall: () => undefined, log: silentLog });
    providers.configure(aConfig({ providers: [config] }));
    const provider = providers.get('cloud') as SupervisedProvider;
    const createServer: Cloud['createServer'] = (spec, signal) =>
      provider.cloud.createServer(spec, signal, async () => undefined);
    return { ...provider, cloud: { ...provider.cloud, createServer } };
  }),
);

interface Made {
  readonly driver: DriverFactory;
  readonly config: ProviderConfig;
}

function providerAt(double: OpenStackDouble): ProviderConfig {
  const credentials = {
    ...aProvider().credentials,
    username: 'nodepool',
    password: PASSWORD,
    authUrl: double.authUrl,
    projectName: 'nodepool',
  };
  return aProvider({ driver: 'openstack', credentials });
}
