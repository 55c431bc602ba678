import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Switches } from '../planning/world.ts';
import type { Providers } from '../providers/registry.ts';
import type { KeyMaker } from '../remote/key-pair.ts';
import type { Store } from '../store/store.ts';

/** All that the engine needs; wired in `src/main.ts`, and by tests with a fake clock and cloud. */
export interface EngineDeps {
  readonly store: Store;
  /** The configuration in force. */
  readonly config: () => Config;
  /** Looks whether the configuration file changed; never throws. */
  readonly refreshConfig: () => Promise<unknown>;
  readonly providers: Providers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly keys: KeyMaker;
  /** Name of this process in leases. */
  readonly holder: string;
  /** Whether a lease holder is known to be dead, so that its leases need not run out. */
  readonly isDeadHolder: (holder: string) => boolean;
  readonly switches: Switches;
  /** Environment from which `NODEPOOL_*` is passed to scripts on servers. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
