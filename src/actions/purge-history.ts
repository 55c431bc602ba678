import type { ActionOf } from '../planning/actions.ts';
import type { ActionContext } from './context.ts';

/** Answered intents are kept this long, for whoever asks late, in milliseconds. */
const INTENT_RETENTION_MS = 3_600_000;

/**
 * Deletes events, ended requests and failures older than the configuration keeps them, and old answers. A place that
 * still fails is not forgotten: each failure makes its row new. One that left the configuration can never succeed.
 */
export async function purgeHistory(
  _action: ActionOf<'purge-history'>,
  { store, clock, world, log }: ActionContext,
  signal: AbortSignal,
): Promise<void> {
  const now = clock.now();
  const before = now - world.config.eventRetentionMs;
  const count = await deleteAll(() => store.events.purge(before), signal);
  await deleteAll(() => store.requests.purge(before), signal);
  await store.failures.purge(before);
  await store.intents.purge(now - INTENT_RETENTION_MS);
  if (count > 0) log.debug({ count }, 'old events deleted');
}

/** Deletes portion after portion until nothing is left: what comes between two clean-ups may be millions of rows. */
async function deleteAll(purge: () => Promise<number>, signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const deleted = await purge();
    if (deleted === 0) break;
    count += deleted;
  }
  return count;
}
