/** Asks the clouds what they hold and allow. The time of a listing is the time before it was asked for. */
import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { ActionOf } from '../planning/actions.ts';
import type { CloudLimits } from '../providers/provider.ts';
import type { SupervisedCloud } from '../providers/supervised.ts';
import type { Listed, ListingKind } from './cloud-recorder.ts';
import type { ActionContext, Handler } from './context.ts';
import { sweepKeys } from './template-key.ts';

const NO_LIMITS: CloudLimits = { servers: null, cores: null, ramMb: null, floatingIps: null, flavors: [] };

/** Takes down what a cloud lists of one kind. A cloud that does not answer is no failed action. */
function lister<K extends ListingKind>(
  kind: K,
  ask: (cloud: SupervisedCloud, signal: AbortSignal) => Promise<readonly Listed[K][]>,
): Handler<ActionOf<`list-${ListingKind}`>> {
  return async ({ provider }, context, signal) => {
    const takenAt = context.clock.now();
    try {
      const items = await ask(context.provider(provider).cloud, signal);
      context.book.recordListing(provider, kind, { takenAt, items });
    } catch (error) {
      // Given up by us: it says nothing about the cloud.
      if (isNodepoolError(error, 'aborted')) throw error;
      context.book.recordFailure(provider, kind, { error: describeError(error), now: context.clock.now() });
    }
  };
}

export const listServers = lister('servers', (cloud, signal) => cloud.listServers(signal));
export const listImages = lister('images', (cloud, signal) => cloud.listImages(signal));
const listAtCloud = lister('accessories', (cloud, signal) => cloud.listAccessories(signal));

/** What servers leave behind is looked for on this host, too: the keys of templates. */
export async function listAccessories(
  action: ActionOf<'list-accessories'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  await listAtCloud(action, context, signal);
  await sweepKeys(context);
}

export async function readLimits(
  { provider }: ActionOf<'read-limits'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const known = context.world.clouds.get(provider)?.limits ?? NO_LIMITS;
  try {
    const limits = await context.provider(provider).cloud.limits(signal);
    context.book.recordLimits(provider, context.clock.now(), limits);
  } catch (error) {
    // What was known stays in force; a cloud that does not tell its limits refuses what is above them.
    context.book.recordLimits(provider, context.clock.now(), known);
    throw error;
  }
}
