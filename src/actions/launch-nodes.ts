import type { ActionOf } from '../planning/actions.ts';
import type { ActionContext } from './context.ts';

/** Rows first: the nodes exist in the database before anything exists in a cloud. */
export async function launchNodes(
  { launches }: ActionOf<'launch-nodes'>,
  { store, log, lease }: ActionContext,
): Promise<void> {
  const supply = lease('supply');
  if (supply === null) return;
  const count = await store.launchNodes(launches, supply);
  if (count === 0) log.warn({}, 'no node was launched: another daemon has taken over the supply');
  else log.info({ count, labels: [...new Set(launches.map(({ label }) => label))] }, 'nodes launched');
}
