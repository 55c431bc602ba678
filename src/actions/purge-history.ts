import type { ActionOf } from '../planning/actions.ts';
import type { ActionContext } from './context.ts';

/** Answered intents are kept this long, for whoever asks late, in milliseconds. */
const INTENT_RETENTION_MS = 3_600_000;

/** Deletes events and ended requests older than the configuration keeps them, and old answers. */
export async function purgeHistory(
  _action: ActionOf<'purge-history'>,
  { store, clock, world, log }: ActionContext,
): Promise<void> {
  const now = clock.now();
  const count = await store.events.purge(now - world.config.eventRetentionMs);
  await store.requests.purge(now - world.config.eventRetentionMs);
  await store.intents.purge(now - INTENT_RETENTION_MS);
  if (count > 0) log.debug({ count }, 'old events deleted');
}
