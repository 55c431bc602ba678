/** Asks the clouds what they hold and allow. The time of a listing is the time before it was asked for. */
import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { ActionOf } from '../planning/actions.ts';
import type { CloudLimits } from '../providers/provider.ts';
import type { ActionContext } from './context.ts';
import { sweepKeys } from './template-key.ts';

const NO_LIMITS: CloudLimits = { servers: null, cores: null, ramMb: null, floatingIps: null, flavors: [] };

export async function listServers(
  { provider }: ActionOf<'list-servers'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const takenAt = context.clock.now();
  try {
    context.book.recordServers(provider, takenAt, await context.provider(provider).cloud.listServers(signal));
  } catch (error) {
    // Given up by us: it says nothing about the cloud.
    if (isNodepoolError(error, 'aborted')) throw error;
    context.book.recordFailure(provider, 'servers', { error: describeError(error), now: context.clock.now() });
  }
}

export async function listImages(
  { provider }: ActionOf<'list-images'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const takenAt = context.clock.now();
  try {
    context.book.recordImages(provider, takenAt, await context.provider(provider).cloud.listImages(signal));
  } catch (error) {
    // Given up by us: it says nothing about the cloud.
    if (isNodepoolError(error, 'aborted')) throw error;
    context.book.recordFailure(provider, 'images', { error: describeError(error), now: context.clock.now() });
  }
}

/** What servers leave behind is looked for on this host, too: the keys of templates. */
export async function listAccessories(
  { provider }: ActionOf<'list-accessories'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const takenAt = context.clock.now();
  try {
    context.book.recordAccessories(provider, takenAt, await context.provider(provider).cloud.listAccessories(signal));
  } catch (error) {
    // Given up by us: it says nothing about the cloud.
    if (isNodepoolError(error, 'aborted')) throw error;
    context.book.recordFailure(provider, 'accessories', { error: describeError(error), now: context.clock.now() });
  }
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
