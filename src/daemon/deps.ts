import type { Config } from '../config/types.ts';
import type { GearmanDemand } from '../demand/gearman-demand.ts';
import type { DiskImages } from '../images/disk-images.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Action } from '../planning/actions.ts';
import type { Switches, Workers } from '../planning/world.ts';
import type { Providers } from '../providers/registry.ts';
import type { KeyMaker } from '../remote/key-pair.ts';
import type { TemplateKeys } from '../remote/template-keys.ts';
import type { Store } from '../store/store.ts';
import type { Targets } from '../targets/targets.ts';

/** A part of the pool that an engine acts on, for a command that does a daemon's work. */
export interface Scope {
  readonly leases: readonly string[];
  readonly accepts: (action: Action) => boolean;
}

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
  readonly templateKeys: TemplateKeys;
  readonly diskImages: DiskImages;
  /** What the queues of Gearman servers ask for. */
  readonly demand: GearmanDemand;
  /** Who gets the nodes. */
  readonly targets: Targets;
  /** What follows the configuration, and works beside the loop: listeners for events, the HTTP interface. */
  readonly followers: readonly { configure(config: Config): void }[];
  /** Builds of disk images, and uploads, at once. */
  readonly workers: Workers;
  /** Name of this host, for operators. */
  readonly host: string;
  /** Where the program keeps what must outlive it. */
  readonly stateDir: string;
  /** Name of this process in leases. */
  readonly holder: string;
  /** Whether a lease holder is known to be dead, so that its leases need not run out. */
  readonly isDeadHolder: (holder: string) => boolean;
  readonly switches: Switches;
  /** null: the whole pool. Otherwise only these leases are asked for, and only these actions started. */
  readonly scope: Scope | null;
  /** Environment from which `NODEPOOL_*` is passed to scripts on servers. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
