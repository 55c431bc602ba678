/** Deletes what carries our tag and belongs to no row. */
import type { ActionOf } from '../planning/actions.ts';
import { DELETE_REPEAT_MS } from '../lifecycle/limits.ts';
import type { ActionContext, Rest } from './context.ts';
import { describeLeak, type LeakDeletion } from './describe-action.ts';
import { laterIfRefused } from './later-if-refused.ts';

/** Listings may show it for a while yet: it is asked for again only after that. */
const AFTER_DELETION: Rest = { restMs: DELETE_REPEAT_MS };

function laterIfInUse(error: unknown): never {
  throw laterIfRefused(error);
}

/** `ids`: which one it was, for the log. */
async function recordLeak(
  { log, store }: ActionContext,
  action: LeakDeletion,
  ids: Readonly<Record<string, string>>,
): Promise<void> {
  const { provider, owner } = action;
  const what = describeLeak(action);
  log.warn({ provider, ...ids, owner }, `deleted a leaked ${what}`);
  const event = { kind: 'leak-deleted', reason: 'leaked', detail: `${what} of ${owner}` };
  await store.events.add({ kind: 'provider', id: 0, provider }, event);
}

export async function deleteLeakedServer(
  action: ActionOf<'delete-leaked-server'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest> {
  const { provider, serverId } = action;
  await context.provider(provider).cloud.deleteServer(serverId, signal).catch(laterIfInUse);
  await recordLeak(context, action, { server: serverId });
  return AFTER_DELETION;
}

export async function deleteAccessory(
  action: ActionOf<'delete-accessory'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const { provider, accessory } = action;
  try {
    await context.provider(provider).cloud.deleteAccessory(accessory, signal);
  } finally {
    // What something uses after all, or the cloud does not give up, is left alone until a new listing shows it.
    context.book.dropAccessory(provider, accessory);
  }
  await recordLeak(context, action, { accessory: accessory.id });
}

export async function deleteLeakedImage(
  action: ActionOf<'delete-leaked-image'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest> {
  const { provider, cloudImageId } = action;
  await context.provider(provider).cloud.deleteImage(cloudImageId, signal).catch(laterIfInUse);
  await recordLeak(context, action, { image: cloudImageId });
  return AFTER_DELETION;
}
