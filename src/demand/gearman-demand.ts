/** What the queues of the configured Gearman servers ask for. Each server is asked on its own, about once a second. */
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import { serverName } from './gearman/session.ts';
import { countQueueDemand } from './queue-demand.ts';
import { QueueWatch, type QueueWatchState } from './queue-watch.ts';

/** A server that needs longer for an answer, or for taking a job, is given up and connected to anew. */
const ANSWER_LIMIT_MS = 20_000;
/**
 * How long the last answer of a server counts that gives none. A restarted server is back before, and its pool must not
 * shrink in between; a dead one must not have nodes kept for jobs that nobody will ever run.
 */
const HOLD_MS = 30_000;

export interface GearmanDemandDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called when {@link GearmanDemand.current} has changed. Must not throw. */
  readonly onChange: () => void;
}

export type GearmanConfig = Pick<Config, 'gearmanServers' | 'labels'>;

export interface GearmanDemand {
  /** Opens and closes connections as the configuration says. Costs nothing while it is the same object. */
  configure(config: GearmanConfig): void;
  /** Nodes wanted per label; only labels that have any. The same object while nothing changed. */
  current(): ReadonlyMap<string, number>;
  /** How each server stands, in the order of the configuration. */
  describe(): readonly QueueWatchState[];
  /** Ends all connections, for good. */
  close(): void;
}

const NOTHING: GearmanConfig = { gearmanServers: [], labels: new Map() };

/** Without servers it does nothing and costs nothing. */
export function createGearmanDemand(deps: GearmanDemandDeps): GearmanDemand {
  const { clock, onChange } = deps;
  const limits = { deadlines: createDeadlines(clock, ANSWER_LIMIT_MS), holds: createDeadlines(clock, HOLD_MS) };
  let config = NOTHING;
  /** By name, in the order of the configuration. */
  let watches = new Map<string, QueueWatch>();
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
    const before = watches;
    watches = new Map();
    for (const server of wanted.gearmanServers) {
      const name = serverName(server);
      const watch = watches.get(name) ?? before.get(name);
      watches.set(name, watch ?? new QueueWatch(server, { ...deps, ...limits, onAnswer: recount }));
    }
    for (const [name, watch] of before) if (!watches.has(name)) watch.close();
    recount();
  };

  return {
    configure,
    current: () => demand,
    describe: () => Array.from(watches.values(), (watch) => watch.describe()),
    close: () => {
      for (const watch of watches.values()) watch.close();
      watches = new Map();
    },
  };
}

function isEqual(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([label, nodes]) => other.get(label) === nodes);
}
