/** The connections to the configured Gearman servers, one to each, for all who have to do with them. */
import type { Config, GearmanServerConfig } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import { GearmanConnection } from './connection.ts';
import type { Submission } from './jobs.ts';
import { serverName } from './session.ts';

/** A server that needs longer for an answer, or for taking a job, is given up and connected to anew. */
const ANSWER_LIMIT_MS = 20_000;

export interface GearmanServersDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface GearmanServers {
  /** Opens and closes connections as the configuration says. Costs nothing while it is the same. */
  configure(config: Pick<Config, 'gearmanServers'>): void;
  /** In the order of the configuration. Each stays the same object while its server is configured. */
  connections(): readonly GearmanConnection[];
  /** Whether somebody could do such jobs when the servers were last asked for their queues, about a second ago. */
  hasWorkers(name: string): boolean;
  /**
   * Has a worker do a job, as {@link GearmanConnection.submit} does, at the first server that has workers for it, or else
   * the first that is connected. Rejects with `unavailable` when none is.
   */
  submit(job: Submission): Promise<Buffer>;
  /** Ends all connections, for good. What waits for them is rejected with `aborted`. */
  close(): void;
}

/** Without servers it does nothing and costs nothing. */
export function createGearmanServers({ clock, random, log }: GearmanServersDeps): GearmanServers {
  const deps = { clock, random, log, deadlines: createDeadlines(clock, ANSWER_LIMIT_MS) };
  let configured: readonly GearmanServerConfig[] = [];
  /** By name, in the order of the configuration. */
  let connections = new Map<string, GearmanConnection>();

  const configure: GearmanServers['configure'] = ({ gearmanServers }) => {
    if (gearmanServers === configured) return;
    configured = gearmanServers;
    const before = connections;
    connections = new Map();
    for (const server of gearmanServers) {
      const name = serverName(server);
      const connection = connections.get(name) ?? before.get(name);
      connections.set(name, connection ?? new GearmanConnection(server, deps));
    }
    for (const [name, connection] of before) if (!connections.has(name)) connection.close();
  };

  return {
    configure,
    connections: () => [...connections.values()],
    hasWorkers: (name) => [...connections.values()].some((one) => one.hasWorkers(name)),
    submit: async (job) => {
      const all = [...connections.values()];
      const connection =
        all.find((one) => one.hasWorkers(job.name)) ?? all.find((one) => one.describe().connected) ?? all[0];
      if (connection === undefined) throw new NodepoolError('unavailable', 'no Gearman server is configured');
      return connection.submit(job);
    },
    close: () => configure({ gearmanServers: [] }),
  };
}
