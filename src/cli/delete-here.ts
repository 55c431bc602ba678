import { deleteNow } from '../daemon/delete-now.ts';
import type { EngineDeps } from '../daemon/deps.ts';
import type { Clock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import { nullMetrics } from '../metrics/statsd.ts';
import { thisHolder } from '../process/holder.ts';
import { createFakeDriver } from '../providers/fake/index.ts';
import { createProviders } from '../providers/registry.ts';
import type { DeleteNow } from './context.ts';

interface Tools extends Pick<EngineDeps, 'env'> {
  readonly clock: Clock;
  readonly random: Random;
}

/** Deletes a node with the daemon's own planner and handlers, confined to that node. */
export async function deleteHere(work: Parameters<DeleteNow>[0], { clock, random, env }: Tools): Promise<void> {
  const { store, config, nodeId, log, signal } = work;
  const providers = createProviders({
    factories: { fake: createFakeDriver({ clock, random, log: silentLog }) },
    clock,
    onCall: () => undefined,
    log,
  });
  providers.configure(config);
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
    keys: { make: () => Promise.reject(new Error('a deletion needs no keys')) },
    switches: { launches: false, deletes: true, images: false },
    env,
  };
  await deleteNow(deps, nodeId, signal);
}
