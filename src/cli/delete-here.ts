import { hostname } from 'node:os';
import { deleteNow } from '../daemon/delete-now.ts';
import type { EngineDeps } from '../daemon/deps.ts';
import { noGearman } from '../gearman/no-gearman.ts';
import { noDiskImages } from '../images/no-disk-images.ts';
import { silentLog } from '../lib/log.ts';
import { nullMetrics } from '../metrics/statsd.ts';
import { noDemand } from '../demand/no-demand.ts';
import { thisHolder } from '../process/holder.ts';
import { createDrivers, type DriversDeps } from '../providers/drivers.ts';
import { createProviders } from '../providers/registry.ts';
import { createTargets } from '../targets/targets.ts';
import type { DeleteNow } from './context.ts';

type Tools = Pick<DriversDeps, 'clock' | 'random' | 'env' | 'home' | 'cwd'>;

const noKeys = (): Promise<never> => Promise.reject(new Error('a deletion needs no keys'));

/** Deletes a node with the daemon's own planner and handlers, confined to that node. */
export async function deleteHere(work: Parameters<DeleteNow>[0], tools: Tools): Promise<void> {
  const { store, config, nodeId, log, signal } = work;
  const { clock, random, env } = tools;
  const providers = createProviders({
    factories: createDrivers({ ...tools, log: silentLog }),
    clock,
    onCall: () => undefined,
    log,
  });
  providers.configure(config);
  const targets = createTargets({ clock, log, gearman: noGearman, onCall: () => undefined });
  const deps: Omit<EngineDeps, 'scope'> = {
    ...thisHolder(random),
    store,
    config: () => config,
    refreshConfig: () => Promise.resolve(),
    providers,
    clock,
    random,
    log,
    metrics: nullMetrics,
    // Keys are made for new nodes only.
    keys: { make: noKeys },
    templateKeys: { prepare: noKeys, path: () => '', remove: noKeys, records: noKeys },
    diskImages: noDiskImages('a command builds no disk images'),
    workers: { builds: 0, uploads: 0 },
    demand: noDemand,
    targets,
    followers: [],
    host: hostname(),
    stateDir: '',
    switches: { launches: false, deletes: true, images: false },
    env,
  };
  try {
    await deleteNow(deps, nodeId, signal);
  } finally {
    await targets.close();
  }
}
