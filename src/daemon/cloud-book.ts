/** What the clouds last said. Kept in memory: after a restart everything is unknown until asked again. */
import type { CloudRecorder } from '../actions/cloud-recorder.ts';
import type { Log } from '../lib/log.ts';
import { listingRetryDelayMs } from '../lifecycle/limits.ts';
import type { CloudView, Listing } from '../planning/world.ts';
import type { CloudImage, Provider, Server } from '../providers/provider.ts';

/** No retry of a listing lies further ahead, in milliseconds. */
const LONGEST_RETRY_MS = listingRetryDelayMs(Infinity);

const UNKNOWN = { known: false, error: null, retryAt: 0 } as const;

interface Page {
  servers: Listing<Server>;
  images: Listing<CloudImage>;
  limits: CloudView['limits'];
  failures: { servers: number; images: number };
}

export interface CloudBook extends CloudRecorder {
  /** The view of every provider given, by name, as it stands at `now`. */
  view(providers: Iterable<readonly [string, Provider]>, now: number): ReadonlyMap<string, CloudView>;
  /** Makes everything about a provider unknown again. */
  forget(provider: string): void;
}

export function createCloudBook(log: Log): CloudBook {
  const pages = new Map<string, Page>();
  const page = (provider: string): Page => {
    let found = pages.get(provider);
    if (found === undefined) {
      found = { servers: UNKNOWN, images: UNKNOWN, limits: null, failures: { servers: 0, images: 0 } };
      pages.set(provider, found);
    }
    return found;
  };
  const recover = (provider: string, kind: 'servers' | 'images'): void => {
    const { failures } = page(provider);
    if (failures[kind] > 0) log.info({ provider, after: failures[kind] }, `listing ${kind} works again`);
    failures[kind] = 0;
  };
  return {
    view: (providers, now) => viewPages(providers, page, now),
    forget: (provider) => {
      pages.delete(provider);
    },
    recordServers: (provider, takenAt, items) => {
      recover(provider, 'servers');
      page(provider).servers = { known: true, takenAt, items };
    },
    recordImages: (provider, takenAt, items) => {
      recover(provider, 'images');
      page(provider).images = { known: true, takenAt, items };
    },
    recordFailure: (provider, kind, { error, now }) => {
      const { failures } = page(provider);
      failures[kind] += 1;
      // The first failure is news; its repetitions are not.
      if (failures[kind] === 1)
        log.warn({ provider, error }, `listing ${kind} failed; nothing is created or swept there until it works`);
      page(provider)[kind] = { known: false, error, retryAt: now + listingRetryDelayMs(failures[kind]) };
    },
    recordLimits: (provider, readAt, limits) => {
      page(provider).limits = { ...limits, readAt };
    },
  };
}

function viewPages(
  providers: Iterable<readonly [string, Provider]>,
  page: (name: string) => Page,
  now: number,
): ReadonlyMap<string, CloudView> {
  const views = new Map<string, CloudView>();
  for (const [name, { traits }] of providers) {
    const { limits, ...listings } = page(name);
    const servers = withoutFuture(listings.servers, now);
    const images = withoutFuture(listings.images, now);
    views.set(name, { traits, servers, images, limits: limits !== null && limits.readAt <= now ? limits : null });
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
