import { isDeepStrictEqual } from 'node:util';
import type { Config, ProviderConfig } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, NodepoolError } from '../lib/errors.ts';
import { Limiter } from '../lib/limiter.ts';
import type { Log } from '../lib/log.ts';
import type { DriverFactory } from './provider.ts';
import { createUsage } from './usage.ts';
import { supervise, type CallReport, type SupervisedProvider } from './supervised.ts';

/** The providers that the daemon works with. */
export interface Providers {
  /**
   * Brings the providers in line with `config`, and with what else they are made from: makes new ones, and makes those
   * again whose configuration changed by value, that are outdated, or whose driver failed. What has left the configuration
   * stays until it is forgotten, so that it can drain. Never throws; calls under way at a provider that is replaced go on,
   * and when they have ended it is closed. To be called often: as long as nothing changed it costs next to nothing.
   */
  configure(config: Pick<Config, 'providers'>): void;
  get(name: string): SupervisedProvider | null;
  /** In the order of the first configuration that had them. */
  entries(): Iterable<readonly [string, SupervisedProvider]>;
  /** Those that have a driver that works, barred or not. */
  placed(): Iterable<Placed>;
  /**
   * Has every call at the provider fail with `fault`; null: no more. One whose location changes is barred from then on,
   * until somebody decides.
   */
  bar(name: string, fault: string | null): void;
  /** Drops a provider that has nothing left to drain. */
  forget(name: string): void;
}

/** A provider with the {@link Provider.location} of its driver. It can be called while it is barred. */
export interface Placed {
  readonly name: string;
  readonly location: string | null;
  readonly provider: SupervisedProvider;
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
  readonly location: string | null;
  /** Handed out instead; null: it is not barred. */
  bar: SupervisedProvider | null;
  /** Why its driver could not be made; null: it works. */
  readonly fault: string | null;
  readonly isOutdated: () => boolean;
  /** Nobody is handed it any more. */
  readonly retire: () => void;
}

export function createProviders(deps: ProvidersDeps): Providers {
  const entries = new Map<string, Entry>();
  const faults = createFaultReport(deps.log);

  const refresh = (config: ProviderConfig): void => {
    const { name } = config;
    const old = entries.get(name) ?? null;
    const isSame = old !== null && isDeepStrictEqual(old.config, config);
    if (isSame && !old.isOutdated()) return faults.end(name);
    const entry = makeEntry(config, deps, old);
    if (entry.fault === null) {
      faults.end(name);
      if (old) deps.log.info({ provider: name }, 'the provider has its new configuration');
    } else if (isSame && old.fault === null) {
      // A file that is being written, or that somebody got wrong, does not stop what works.
      return faults.begin(name, `${entry.fault}; what was read before stays in force`);
    } else {
      faults.begin(name, entry.fault);
    }
    entries.set(name, entry);
    old?.retire();
  };

  return {
    configure: ({ providers }) => {
      const leaving = [...entries.values()].filter(({ config }) => !providers.has(config.name));
      for (const config of [...providers.values(), ...leaving.map((entry) => entry.config)]) refresh(config);
    },
    get: (name) => entries.get(name)?.bar ?? entries.get(name)?.provider ?? null,
    entries: () => [...entries].map(([name, { bar, provider }]) => [name, bar ?? provider] as const),
    placed: () => [...entries.values()].filter(({ fault }) => fault === null).map(describePlaced),
    bar: (name, fault) => {
      const entry = entries.get(name);
      if (entry) entry.bar = fault === null ? null : brokenProvider(fault);
    },
    forget: (name) => {
      entries.get(name)?.retire();
      entries.delete(name);
      faults.end(name);
    },
  };
}

function describePlaced({ config: { name }, location, provider }: Entry): Placed {
  return { name, location, provider };
}

/** Says what is wrong with a provider once, for as long as it is. */
function createFaultReport(log: Log): { begin(provider: string, fault: string): void; end(provider: string): void } {
  const known = new Map<string, string>();
  return {
    begin: (provider, fault) => {
      if (known.get(provider) !== fault) log.error({ provider }, fault);
      known.set(provider, fault);
    },
    end: (provider) => void known.delete(provider),
  };
}

function makeEntry(config: ProviderConfig, deps: ProvidersDeps, old: Entry | null): Entry {
  const { name } = config;
  const formerly = old?.location ?? null;
  try {
    const made = makeProvider(config, deps);
    // What is under way must not go on at another location before somebody has decided whether it may.
    const isElsewhere = formerly !== null && made.location !== formerly;
    const bar = isElsewhere ? brokenProvider(`provider ${name} is at another location`) : (old?.bar ?? null);
    return { config, fault: null, bar, ...made };
  } catch (error) {
    // One provider with a bad configuration must not stop the others: it answers every call with this sentence.
    const fault = `provider ${name} cannot be used: ${describeError(error)}`;
    const provider = brokenProvider(fault);
    return { config, provider, location: formerly, bar: null, fault, isOutdated: () => true, retire: () => undefined };
  }
}

function makeProvider(config: ProviderConfig, deps: ProvidersDeps): Omit<Entry, 'config' | 'fault' | 'bar'> {
  const { factories, clock, onCall, log } = deps;
  const factory = Object.hasOwn(factories, config.driver) ? factories[config.driver] : undefined;
  if (!factory) {
    const known = Object.keys(factories).join(', ');
    throw new NodepoolError('config', `this version has no driver "${config.driver}" (it has: ${known})`);
  }
  const driver = factory(config);
  const { cloud, shell, traits } = driver;
  const limiter = new Limiter({ clock, rateMs: config.rateMs, concurrency: traits.concurrency });
  const usage = createUsage(() =>
    driver.close().catch((error: unknown) => {
      // It is of no use to anybody, open or closed.
      log.warn({ provider: config.name, err: error }, 'a provider that was replaced could not be closed');
    }),
  );
  const supervision = { provider: config.name, limiter, usage, apiTimeoutMs: config.apiTimeoutMs, clock, onCall };
  const provider: SupervisedProvider = {
    cloud: supervise(cloud, supervision),
    shell,
    traits,
    inspect: (signal) => usage.during(() => driver.inspect(signal)),
  };
  return { provider, location: driver.location, isOutdated: () => driver.isOutdated(), retire: usage.retire };
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
      uploadImage: fail,
      findImage: fail,
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
