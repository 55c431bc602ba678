/** Plans what is read from the clouds: listings that decisions wait for or the clean-up asks for, and limits. */
import type { Action, ActionOf } from './actions.ts';
import type { Draft } from './draft.ts';
import type { Listing } from './world.ts';

/** How often a cloud's limits are read again. */
const LIMITS_INTERVAL_MS = 60_000;

export function planListings(draft: Draft): void {
  for (const [provider, view] of draft.world.clouds) {
    if (!draft.holds(provider)) continue;
    const cleanupAt = draft.world.memory.cron.firedAt.cleanup ?? 0;
    planListing(draft, {
      action: { kind: 'list-servers', subject: `servers:${provider}`, provider },
      listing: view.servers,
      neededAt: draft.serverNeeds.get(provider),
      cleanupAt,
    });
    planListing(draft, {
      action: { kind: 'list-images', subject: `images:${provider}`, provider },
      listing: view.images,
      neededAt: draft.imageNeeds.get(provider),
      cleanupAt,
    });
    if (!draft.world.config.providers.has(provider)) continue;
    planLimits(draft, provider, view.limits?.readAt ?? -Infinity);
    planAccessoryListing(draft, provider, view.accessories);
  }
}

interface ListingNeed {
  readonly action: Omit<ActionOf<'list-servers'>, 'reason'> | Omit<ActionOf<'list-images'>, 'reason'>;
  /** The newest one. */
  readonly listing: Listing<unknown>;
  /** When the planners want the next one. */
  readonly neededAt: number | undefined;
  /** When the clean-up last fired. */
  readonly cleanupAt: number;
}

function planListing(draft: Draft, { action, listing, neededAt, cleanupAt }: ListingNeed): void {
  if (!listing.known) {
    if (listing.error !== null) draft.note(`provider ${action.provider}`, describeSilence(action.kind, listing.error));
    return orderAt(draft, listing.retryAt, { ...action, reason: 'listing-needed' });
  }
  if (listing.takenAt < cleanupAt) return draft.order({ ...action, reason: 'cleanup-due' });
  if (neededAt !== undefined) orderAt(draft, neededAt, { ...action, reason: 'listing-needed' });
}

/** What is there already waits for it, too, and has nothing else to say so. */
function describeSilence(kind: ListingNeed['action']['kind'], error: string): string {
  return kind === 'list-servers'
    ? `its servers cannot be listed, so that nothing is created or given up there: ${error}`
    : `its images cannot be listed, so that none is saved or given up there: ${error}`;
}

/** Nothing waits for what servers leave behind: it is looked for when the clean-up fires, and again when it found some. */
function planAccessoryListing(draft: Draft, provider: string, listing: Listing<unknown>): void {
  const { cleanup } = draft.world.memory.cron.firedAt;
  if (cleanup === null) return;
  const isSeen = listing.known && listing.takenAt >= cleanup;
  const dueAt = isSeen ? draft.accessoryNeeds.get(provider) : listing.known ? cleanup : listing.retryAt;
  if (dueAt === undefined) return;
  const subject = `accessories:${provider}` as const;
  const reason = isSeen ? 'listing-needed' : 'cleanup-due';
  orderAt(draft, dueAt, { kind: 'list-accessories', subject, provider, reason });
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
