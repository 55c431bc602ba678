import { isDeepStrictEqual } from 'node:util';
import type { Config, ProviderConfig } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { DriverFactory } from './provider.ts';
import { supervise, type CallReport, type SupervisedProvider } from './supervised.ts';

/** The providers that the daemon works with. */
export interface Providers {
  /**
   * Brings the providers in line with `config`: makes new ones, and makes those again whose configuration changed by
   * value or whose driver failed. What has left the configuration stays until it is forgotten, so that it can drain.
   * Never throws; calls under way at a provider that is replaced go on.
   */
  configure(config: Pick<Config, 'providers'>): void;
  get(name: string): SupervisedProvider | null;
  /** In the order of the first configuration that had them. */
  entries(): Iterable<readonly [string, SupervisedProvider]>;
  /** Drops a provider that has nothing left to drain. */
  forget(name: string): void;
}

export interface ProvidersDeps {
  /** Drivers by the name that the key `driver` gives them. */
  readonly factories: Readonly<Record<string, DriverFactory>>;
  readonly clock: Clock;
  readonly onCall: (report: CallReport) => void;
  readonly log: Log;
}

interface Entry {
  readonly config: ProviderConfig;
  readonly provider: SupervisedProvider;
  /** Why its driver could not be made; null: it works. */
  readonly fault: string | null;
}

export function createProviders(deps: ProvidersDeps): Providers {
  const entries = new Map<string, Entry>();

  const refresh = (config: ProviderConfig): void => {
    const old = entries.get(config.name);
    if (old?.fault === null && isDeepStrictEqual(old.config, config)) return;
    const entry = makeEntry(config, deps);
    entries.set(config.name, entry);
    if (entry.fault !== null && entry.fault !== old?.fault) deps.log.error({ provider: config.name }, entry.fault);
    if (entry.fault === null && old) deps.log.info({ provider: config.name }, 'the provider has its new configuration');
  };

  return {
    configure: (config) => {
      for (const provider of config.providers.values()) refresh(provider);
    },
    get: (name) => entries.get(name)?.provider ?? null,
    entries: () => [...entries].map(([name, { provider }]) => [name, provider] as const),
    forget: (name) => {
      entries.delete(name);
    },
  };
}

function makeEntry(config: ProviderConfig, deps: ProvidersDeps): Entry {
  try {
    return { config, provider: makeProvider(config, deps), fault: null };
  } catch (error) {
    // One provider with a bad configuration must not stop the others: it answers every call with this sentence.
    const fault = `provider ${config.name} cannot be used: ${describeError(error)}`;
    return { config, provider: brokenProvider(fault), fault };
  }
}

function makeProvider(config: ProviderConfig, deps: ProvidersDeps): SupervisedProvider {
  const { factories, clock, onCall } = deps;
  const factory = Object.hasOwn(factories, config.driver) ? factories[config.driver] : undefined;
  if (!factory) {
    const known = Object.keys(factories).join(', ');
    throw new NodepoolError('config', `this version has no driver "${config.driver}" (it has: ${known})`);
  }
  const driver = factory(config);
  const { cloud, shell, traits } = driver;
  const limiter = new Limiter({ clock, rateMs: config.rateMs, concurrency: traits.concurrency });
  const supervision = { provider: config.name, limiter, apiTimeoutMs: config.apiTimeoutMs, clock, onCall };
  return { cloud: supervise(cloud, supervision), shell, traits, inspect: (signal) => driver.inspect(signal) };
}

/**
 * Every call fails with `unavailable`, those of the shell too: that nobody can look at a server does not make it
 * `unreachable`, which would condemn its node.
 */
function brokenProvider(fault: string): SupervisedProvider {
  const fail = (): Promise<never> => Promise.reject(new NodepoolError('unavailable', fault));
  return {
    cloud: {
      listServers: fail,
      createServer: fail,
      deleteServer: fail,
      listImages: fail,
      saveImage: fail,
      deleteImage: fail,
      limits: fail,
      listAccessories: fail,
      deleteAccessory: fail,
      createKeypair: fail,
      attachFloatingIp: fail,
      readConsole: fail,
    },
    shell: { knock: fail, probe: fail, run: fail, writeFiles: fail },
    traits: { listIntervalMs: 10_000, pollIntervalMs: 10_000, listingLagMs: 0, concurrency: 1 },
    inspect: async () => [{ level: 'error', about: 'driver', text: fault }],
  };
}
