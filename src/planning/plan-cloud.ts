/** Plans what is read from the clouds: listings that decisions wait for or the clean-up asks for, and limits. */
import type { Action, ActionOf } from './actions.ts';
import type { Draft, ListingNeed } from './draft.ts';
import type { Listing } from './world.ts';

/** How often a cloud's limits are read again. */
const LIMITS_INTERVAL_MS = 60_000;

export function planListings(draft: Draft): void {
  for (const [provider, view] of draft.world.clouds) {
    if (!draft.holds(provider)) continue;
    const cleanupAt = draft.world.memory.cron.firedAt.cleanup ?? 0;
    const { listIntervalMs } = view.traits;
    planListing(draft, {
      action: { kind: 'list-servers', subject: `servers:${provider}`, provider },
      listing: view.servers,
      need: draft.serverNeeds.get(provider),
      cleanupAt,
      listIntervalMs,
    });
    planListing(draft, {
      action: { kind: 'list-images', subject: `images:${provider}`, provider },
      listing: view.images,
      need: draft.imageNeeds.get(provider),
      cleanupAt,
      listIntervalMs,
    });
    if (draft.world.config.providers.has(provider)) planLimits(draft, provider, view.limits?.readAt ?? -Infinity);
  }
}

interface Wish {
  readonly action: Omit<ActionOf<'list-servers'>, 'reason'> | Omit<ActionOf<'list-images'>, 'reason'>;
  /** The newest one. */
  readonly listing: Listing<unknown>;
  /** What the planners wait for. */
  readonly need: ListingNeed | undefined;
  /** When the clean-up last fired. */
  readonly cleanupAt: number;
  readonly listIntervalMs: number;
}

function planListing(draft: Draft, { action, listing, need, cleanupAt, listIntervalMs }: Wish): void {
  if (!listing.known) return orderAt(draft, listing.retryAt, { ...action, reason: need?.reason ?? 'listing-needed' });
  if (listing.takenAt < cleanupAt) return draft.order({ ...action, reason: 'cleanup-due' });
  if (need === undefined) return;
  orderAt(draft, Math.max(need.after + 1, listing.takenAt + listIntervalMs), { ...action, reason: need.reason });
}

/** Orders the action when it is due, or wakes then. */
function orderAt(draft: Draft, dueAt: number, action: Action): void {
  if (draft.world.now < dueAt) draft.wakeAt(dueAt);
  else draft.order(action);
}

function planLimits(draft: Draft, provider: string, readAt: number): void {
  const dueAt = readAt + LIMITS_INTERVAL_MS;
  orderAt(draft, dueAt, { kind: 'read-limits', subject: `limits:${provider}`, provider, reason: 'cleanup-due' });
}
