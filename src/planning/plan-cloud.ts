/** Plans what is read from the clouds: listings that decisions wait for or the clean-up asks for, and limits. */
import type { Draft } from './draft.ts';
import type { Listing } from './world.ts';

/** How often a cloud's limits are read again. */
const LIMITS_INTERVAL_MS = 60_000;

export function planListings(draft: Draft): void {
  for (const [provider, view] of draft.world.clouds) {
    if (!draft.holds(provider)) continue;
    const cleanupAt = draft.world.memory.cron.firedAt.cleanup ?? 0;
    planListing(draft, { kind: 'list-servers', provider, listing: view.servers, cleanupAt });
    planListing(draft, { kind: 'list-images', provider, listing: view.images, cleanupAt });
    if (draft.world.config.providers.has(provider)) planLimits(draft, provider, view.limits?.readAt ?? -Infinity);
  }
}

interface Wish {
  readonly kind: 'list-servers' | 'list-images';
  readonly provider: string;
  readonly listing: Listing<unknown>;
  readonly cleanupAt: number;
}

function planListing(draft: Draft, { kind, provider, listing, cleanupAt }: Wish): void {
  const need = (kind === 'list-servers' ? draft.serverNeeds : draft.imageNeeds).get(provider);
  const { now } = draft.world;
  const subject = kind === 'list-servers' ? (`servers:${provider}` as const) : (`images:${provider}` as const);
  if (!listing.known) {
    if (now < listing.retryAt) return draft.wakeAt(listing.retryAt);
    return draft.order({ kind, subject, provider, reason: need?.reason ?? 'listing-needed' });
  }
  if (listing.takenAt < cleanupAt) return draft.order({ kind, subject, provider, reason: 'cleanup-due' });
  if (need === undefined) return;
  const interval = draft.world.clouds.get(provider)?.traits.listIntervalMs ?? 0;
  const dueAt = Math.max(need.after + 1, listing.takenAt + interval);
  if (now < dueAt) return draft.wakeAt(dueAt);
  draft.order({ kind, subject, provider, reason: need.reason });
}

function planLimits(draft: Draft, provider: string, readAt: number): void {
  const dueAt = readAt + LIMITS_INTERVAL_MS;
  if (draft.world.now < dueAt) return draft.wakeAt(dueAt);
  draft.order({ kind: 'read-limits', subject: `limits:${provider}`, provider, reason: 'cleanup-due' });
}
