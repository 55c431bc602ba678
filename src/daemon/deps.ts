import type { ActionDeps } from '../actions/context.ts';
import type { Config } from '../config/types.ts';
import type { GearmanDemand } from '../demand/gearman-demand.ts';
import type { Action } from '../planning/actions.ts';
import type { Switches, Workers } from '../planning/world.ts';
import type { Providers } from '../providers/registry.ts';

/** A part of the pool that an engine acts on, for a command that does a daemon's work. */
export interface Scope {
  readonly leases: readonly string[];
  readonly accepts: (action: Action) => boolean;
}

/** All that the engine needs; wired in `src/main.ts`, and by tests with a fake clock and cloud. */
export interface EngineDeps extends ActionDeps {
  /** The configuration in force. */
  readonly config: () => Config;
  /** Looks whether the configuration file changed; never throws. */
  readonly refreshConfig: () => Promise<unknown>;
  readonly providers: Providers;
  /** What the queues of Gearman servers ask for. */
  readonly demand: GearmanDemand;
  /** What follows the configuration, and works beside the loop: listeners for events, the HTTP interface. */
  readonly followers: readonly { configure(config: Config): void }[];
  /** Builds of disk images, and uploads, at once. */
  readonly workers: Workers;
  /** Name of this process in leases. */
  readonly holder: string;
  /** Whether a lease holder is known to be dead, so that its leases need not run out. */
  readonly isDeadHolder: (holder: string) => boolean;
  readonly switches: Switches;
  /** null: the whole pool. Otherwise only these leases are asked for, and only these actions started. */
  readonly scope: Scope | null;
}
