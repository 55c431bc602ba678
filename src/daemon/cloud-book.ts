/** What the clouds last said. Kept in memory: after a restart everything is unknown until asked again. */
import type { CloudRecorder, Listed, ListingKind } from '../actions/cloud-recorder.ts';
import type { Log } from '../lib/log.ts';
import { listingRetryDelayMs } from '../lifecycle/limits.ts';
import type { CloudView, Listing } from '../planning/world.ts';
import type { ProviderTraits } from '../providers/provider.ts';

/** No retry of a listing lies further ahead, in milliseconds. */
const LONGEST_RETRY_MS = listingRetryDelayMs(Infinity);

const UNKNOWN = { known: false, error: null, retryAt: 0 } as const;

type Page = { [K in ListingKind]: Listing<Listed[K]> } & {
  hintedAt: CloudView['hintedAt'];
  limits: CloudView['limits'];
  /** Failures of each listing since it last succeeded. */
  failures: Record<ListingKind, number>;
};

interface Described {
  readonly traits: ProviderTraits;
}

export interface CloudBook extends CloudRecorder {
  /** The view of every provider given, by name, as it stands at `now`. */
  view(providers: Iterable<readonly [string, Described]>, now: number): ReadonlyMap<string, CloudView>;
  /** Makes everything about a provider unknown again. */
  forget(provider: string): void;
}

export function createCloudBook(log: Log): CloudBook {
  const pages = new Map<string, Page>();
  const page = (provider: string): Page => {
    let found = pages.get(provider);
    if (found === undefined) pages.set(provider, (found = emptyPage()));
    return found;
  };
  return {
    view: (providers, now) => viewPages(providers, page, now),
    forget: (provider) => {
      pages.delete(provider);
    },
    ...createListingRecorder(page, log),
    dropAccessory: (provider, { kind, id }) => {
      const { accessories } = page(provider);
      if (!accessories.known) return;
      const items = accessories.items.filter((item) => item.kind !== kind || item.id !== id);
      page(provider).accessories = { ...accessories, items };
    },
    hint: (provider, at) => {
      page(provider).hintedAt = at;
    },
    recordLimits: (provider, readAt, limits) => {
      page(provider).limits = { ...limits, readAt };
    },
  };
}

type ListingRecorder = Pick<CloudRecorder, 'recordListing' | 'recordFailure'>;

function createListingRecorder(page: (provider: string) => Page, log: Log): ListingRecorder {
  return {
    recordListing: (provider, kind, { takenAt, items }) => {
      const { failures } = page(provider);
      if (failures[kind] > 0) log.info({ provider, after: failures[kind] }, `listing ${kind} works again`);
      failures[kind] = 0;
      const listings: { [K in typeof kind]: Listing<Listed[K]> } = page(provider);
      listings[kind] = { known: true, takenAt, items };
    },
    recordFailure: (provider, kind, { error, now }) => {
      const { failures } = page(provider);
      failures[kind] += 1;
      // The first failure is news; its repetitions are not.
      if (failures[kind] === 1) log.warn({ provider, error }, `listing ${kind} failed; ${CONSEQUENCES[kind]}`);
      page(provider)[kind] = { known: false, error, retryAt: now + listingRetryDelayMs(failures[kind]) };
    },
  };
}

const BLIND = 'nothing is created or swept there until it works';
const CONSEQUENCES: Readonly<Record<ListingKind, string>> = {
  servers: BLIND,
  images: BLIND,
  accessories: 'what servers leave behind is not swept there until it works',
};

function emptyPage(): Page {
  const failures = { servers: 0, images: 0, accessories: 0 };
  return { servers: UNKNOWN, images: UNKNOWN, accessories: UNKNOWN, hintedAt: 0, limits: null, failures };
}

function viewPages(
  providers: Iterable<readonly [string, Described]>,
  page: (name: string) => Page,
  now: number,
): ReadonlyMap<string, CloudView> {
  const views = new Map<string, CloudView>();
  for (const [name, { traits }] of providers) {
    const { limits, hintedAt, ...listings } = page(name);
    views.set(name, {
      traits,
      servers: withoutFuture(listings.servers, now),
      images: withoutFuture(listings.images, now),
      accessories: withoutFuture(listings.accessories, now),
      hintedAt: hintedAt <= now ? hintedAt : 0,
      limits: limits !== null && limits.readAt <= now ? limits : null,
    });
  }
  return views;
}

/**
 * After the clock was set back, a listing from before seems to be taken later than what is recorded now: it would
 * decide what it cannot know, and none would be asked for until its time has come again.
 */
function withoutFuture<T>(listing: Listing<T>, now: number): Listing<T> {
  if (listing.known) return listing.takenAt <= now ? listing : UNKNOWN;
  return listing.retryAt <= now + LONGEST_RETRY_MS ? listing : { ...listing, retryAt: 0 };
}
