import type { ProviderConfig } from '../../config/types.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Random } from '../../lib/random.ts';
import type { DriverFactory, Finding } from '../provider.ts';
import { FakeCloud } from './cloud.ts';
import { createFakeShell } from './shell.ts';

export interface FakeDriverDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The clouds by provider name. Whoever passes a map of its own can look into them and let them outlive the driver. */
  readonly clouds?: Map<string, FakeCloud>;
}

/**
 * As a listing costs the fake nothing, this decides how long a new server waits to be noticed: 50 ms are not felt in a
 * pool that fills, and leave the daemon at most twenty passes a second over a cloud of ten thousand servers.
 */
const LIST_INTERVAL_MS = 50;

const CONCURRENCY = 100;

/**
 * The driver of the fake cloud. A provider keeps its cloud when its configuration changes: only settings change.
 */
export function createFakeDriver({ clock, random, log, clouds = new Map() }: FakeDriverDeps): DriverFactory {
  return (config) => {
    let cloud = clouds.get(config.name);
    if (cloud) cloud.configure(config);
    else clouds.set(config.name, (cloud = new FakeCloud({ clock, random, config, block: clouds.size })));
    return {
      cloud,
      shell: createFakeShell(cloud, log),
      traits: {
        listIntervalMs: LIST_INTERVAL_MS,
        pollIntervalMs: LIST_INTERVAL_MS,
        listingLagMs: config.fake.listingLagMs,
        concurrency: CONCURRENCY,
      },
      location: null,
      inspect: async () => [inspectFake(config)],
      isOutdated: () => false,
      close: async () => undefined,
    };
  };
}

/** Whatever a configuration names is there: all that can be wrong is what it asks for itself. */
function inspectFake({ name, fake }: ProviderConfig): Finding {
  return fake.down
    ? { level: 'error', about: 'cloud', text: `the fake cloud ${name} answers nothing: its setting down is on` }
    : { level: 'ok', about: 'cloud', text: `the fake cloud ${name} has whatever the configuration names` };
}
