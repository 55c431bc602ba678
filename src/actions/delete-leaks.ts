/** Deletes what carries our tag and belongs to no row. */
import type { ActionOf } from '../planning/actions.ts';
import type { ActionContext } from './context.ts';

export async function deleteLeakedServer(action: ActionOf<'delete-leaked-server'>, context: ActionContext, signal: AbortSignal): Promise<void> {
  const { provider, serverId, owner } = action;
  await context.provider(provider).cloud.deleteServer(serverId, signal);
  context.log.warn({ provider, server: serverId, owner }, 'deleted a leaked server');
  const event = { kind: 'leak-deleted', reason: 'leaked', detail: `server ${serverId} of ${owner}` };
  await context.store.events.add({ kind: 'provider', id: 0, provider }, event);
}

export async function deleteLeakedImage(action: ActionOf<'delete-leaked-image'>, context: ActionContext, signal: AbortSignal): Promise<void> {
  const { provider, cloudImageId, owner } = action;
  await context.provider(provider).cloud.deleteImage(cloudImageId, signal);
  context.log.warn({ provider, image: cloudImageId, owner }, 'deleted a leaked image');
  const event = { kind: 'leak-deleted', reason: 'leaked', detail: `image ${cloudImageId} of ${owner}` };
  await context.store.events.add({ kind: 'provider', id: 0, provider }, event);
}
