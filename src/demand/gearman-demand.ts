/** What the queues of the configured Gearman servers ask for. Each server is asked on its own, about once a second. */
import type { Config } from '../config/types.ts';
import type { GearmanConnection } from '../gearman/connection.ts';
import type { GearmanServers } from '../gearman/gearman-servers.ts';
import type { Clock } from '../lib/clock.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import type { Log } from '../lib/log.ts';
import { countQueueDemand } from './queue-demand.ts';
import { QueueWatch } from './queue-watch.ts';

/**
 * How long the last answer of a server counts that gives none. A restarted server is back before, and its pool must not
 * shrink in between; a dead one must not have nodes kept for jobs that nobody will ever run.
 */
const HOLD_MS = 30_000;

export interface GearmanDemandDeps {
  readonly servers: Pick<GearmanServers, 'configure' | 'connections'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when {@link GearmanDemand.current} has changed. Must not throw. */
  readonly onChange: () => void;
}

export type GearmanConfig = Pick<Config, 'gearmanServers' | 'labels'>;

export interface GearmanDemand {
  /** Also opens and closes connections as the configuration says. Costs nothing while it is the same object. */
  configure(config: GearmanConfig): void;
  /** Nodes wanted per label; only labels that have any. The same object while nothing changed. */
  current(): ReadonlyMap<string, number>;
  /** Asks no more, for good. The connections stay. */
  close(): void;
}

const NOTHING: GearmanConfig = { gearmanServers: [], labels: new Map() };

/** Without servers it does nothing and costs nothing. */
export function createGearmanDemand(deps: GearmanDemandDeps): GearmanDemand {
  const { servers, clock, log, onChange } = deps;
  const holds = createDeadlines(clock, HOLD_MS);
  let config = NOTHING;
  /** In the order of the configuration. */
  let watches = new Map<GearmanConnection, QueueWatch>();
  let demand: ReadonlyMap<string, number> = new Map();

  const recount = (): void => {
    const tables = Array.from(watches.values(), (watch) => watch.table());
    const counted = countQueueDemand(tables, config.labels);
    if (isEqual(counted, demand)) return;
    demand = counted;
    onChange();
  };

  const configure = (wanted: GearmanConfig): void => {
    if (wanted === config) return;
    config = wanted;
    servers.configure(wanted);
    const before = watches;
    watches = new Map();
    for (const connection of servers.connections()) {
      const watch = before.get(connection) ?? new QueueWatch(connection, { clock, log, holds, onAnswer: recount });
      watches.set(connection, watch);
    }
    for (const [connection, watch] of before) if (!watches.has(connection)) watch.close();
    recount();
  };

  return {
    configure,
    current: () => demand,
    close: () => {
      for (const watch of watches.values()) watch.close();
      watches = new Map();
    },
  };
}

function isEqual(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([label, nodes]) => other.get(label) === nodes);
}
