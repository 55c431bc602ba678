/**
 * Deletes one node in this process, for when no daemon is there to do it: the same planner and handlers under the
 * provider's lease, confined to what concerns that node.
 */
import type { Action } from '../planning/actions.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { Subject } from '../planning/world.ts';
import type { EngineDeps } from './deps.ts';
import { EngineCore } from './engine.ts';

/** Between two looks at the cloud, in milliseconds. */
const PAUSE_MS = 250;

/**
 * Resolves when the node's row is gone; the row must be in DELETE. Rejects with `refused` when a daemon acts on
 * the provider, with `aborted` when `signal` aborts.
 */
export async function deleteNow(deps: Omit<EngineDeps, 'scope'>, nodeId: number, signal: AbortSignal): Promise<void> {
  const node = await findNode(deps, nodeId);
  if (node === null) return;
  const lease = `provider:${node.provider}`;
  // Where the provider left the configuration, removing the row needs the supply lease.
  const leases = deps.config().providers.has(node.provider) ? [lease] : ['supply'];
  const core = new EngineCore({ ...deps, scope: { leases, accepts: accepting(node) } }, () => undefined);
  try {
    while (!signal.aborted) {
      await core.tick();
      await core.settled();
      if ((await findNode(deps, nodeId)) === null) return;
      await refuseIfForeign(deps, leases);
      await deps.clock.sleep(PAUSE_MS, signal);
    }
    throw new NodepoolError('aborted', `node ${nodeId} is still being deleted; a daemon goes on with it`);
  } finally {
    await core.release();
  }
}

async function findNode({ store }: Pick<EngineDeps, 'store'>, nodeId: number): Promise<NodeRecord | null> {
  const { nodes } = await store.readPool();
  return nodes.find(({ id }) => id === nodeId) ?? null;
}

/** What concerns the node: its own steps, what its target is told, those of its subnodes, and listings of its provider's servers. */
function accepting(node: NodeRecord): (action: Action) => boolean {
  const subjects = new Set<Subject>([`node:${node.id}`, `handover:${node.id}`, `servers:${node.provider}`]);
  for (const subnode of node.subnodes) subjects.add(`subnode:${subnode.id}`);
  return ({ subject }) => subjects.has(subject);
}

async function refuseIfForeign(
  { store, holder, clock }: Omit<EngineDeps, 'scope'>,
  names: readonly string[],
): Promise<void> {
  const now = clock.now();
  const foreign = (await store.leases.list()).find(
    (lease) => names.includes(lease.name) && lease.holder !== holder && lease.expiresAt > now,
  );
  if (foreign !== undefined)
    throw new NodepoolError(
      'refused',
      `another process acts on ${foreign.name} now (${foreign.holder}); it deletes the node`,
    );
}
