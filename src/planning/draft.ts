/**
 * A plan in the making: what the planners order, note and wait for. It lives within one call of `plan()`.
 * Planners run in order of urgency; the first action ordered for a subject stands, later ones are dropped.
 */
import type { CloudImage, Server } from '../providers/provider.ts';
import type { Action, Note, Reason } from './actions.ts';
import { countCapacities, type Capacity } from './capacity.ts';
import { viewListing, type ListingView } from './listings.ts';
import type { Listing, Subject, World } from './world.ts';

export interface ListingNeed {
  /** A listing taken after this time is wanted. */
  after: number;
  reason: Reason;
}

export interface CloudFacts {
  readonly servers: ListingView<Server>;
  readonly images: ListingView<CloudImage>;
}

const UNKNOWN_LISTING: Listing<never> = { known: false, error: null, retryAt: 0 };

export class Draft {
  readonly world: World;
  readonly actions: Action[] = [];
  readonly notes: Note[] = [];
  readonly sightings = new Map<string, number>();
  readonly serverNeeds = new Map<string, ListingNeed>();
  readonly imageNeeds = new Map<string, ListingNeed>();
  /** Places whose failures this plan has counted. */
  readonly countedFailures = new Set<string>();
  #nextWakeAt = Infinity;
  readonly #subjects = new Set<Subject>();
  readonly #clouds = new Map<string, CloudFacts>();
  #capacities: ReadonlyMap<string, Capacity> | null = null;
  readonly #taken = new Map<string, number>();

  constructor(world: World) {
    this.world = world;
  }

  get nextWakeAt(): number {
    return this.#nextWakeAt;
  }

  /** Orders an action unless its subject is busy or has one already. */
  order(action: Action): void {
    if (this.isBusy(action.subject) || this.#subjects.has(action.subject)) return;
    this.#subjects.add(action.subject);
    this.actions.push(action);
  }

  /** Whether the subject cannot be planned now; one that rests makes the plan wake when it has rested. */
  isBusy(subject: Subject): boolean {
    const busy = this.world.busy.get(subject);
    if (busy === undefined) return false;
    if (busy.until === 'done') return true;
    if (busy.until <= this.world.now) return false;
    this.wakeAt(busy.until);
    return true;
  }

  note(about: string, text: string): void {
    this.notes.push({ about, text });
  }

  wakeAt(time: number): void {
    if (time < this.#nextWakeAt) this.#nextWakeAt = Math.max(time, this.world.now);
  }

  /** Whether this daemon acts on the provider. */
  holds(provider: string): boolean {
    return this.world.leases.has(`provider:${provider}`);
  }

  /** What the newest listings of a provider say. */
  cloud(provider: string): CloudFacts {
    let facts = this.#clouds.get(provider);
    if (facts === undefined) {
      const view = this.world.clouds.get(provider);
      facts = {
        servers: viewListing(view?.servers ?? UNKNOWN_LISTING, this.world.installation),
        images: viewListing(view?.images ?? UNKNOWN_LISTING, this.world.installation),
      };
      this.#clouds.set(provider, facts);
    }
    return facts;
  }

  /** Places at each provider of the configuration, without what this plan has taken. */
  capacities(): ReadonlyMap<string, Capacity> {
    return (this.#capacities ??= countCapacities(this.world));
  }

  /** Servers that this plan may still add at a provider. */
  freePlaces(provider: string): number {
    return Math.max(0, (this.capacities().get(provider)?.available ?? 0) - (this.#taken.get(provider) ?? 0));
  }

  /** Takes a place for a template server, before the supply divides the rest among nodes. */
  takePlace(provider: string): void {
    this.#taken.set(provider, (this.#taken.get(provider) ?? 0) + 1);
  }

  needServers(provider: string, after: number, reason: Reason = 'listing-needed'): void {
    need(this.serverNeeds, provider, { after, reason });
  }

  needImages(provider: string, after: number, reason: Reason = 'listing-needed'): void {
    need(this.imageNeeds, provider, { after, reason });
  }

  /**
   * Counts a sighting of something odd (missing, ownerless) in the listing taken at `takenAt`. True from the
   * second listing on that shows it: only then is it acted on, because one listing may be wrong or late.
   */
  seenTwice(key: string, takenAt: number): boolean {
    // After the clock was set back, what was seen "later" is a first sighting again.
    const first = Math.min(this.world.memory.sightings.get(key) ?? takenAt, takenAt);
    this.sightings.set(key, first);
    return takenAt > first;
  }
}

/** The earliest wish wins: a listing that serves it comes first, later wishes are renewed in the next pass. */
function need(needs: Map<string, ListingNeed>, provider: string, wish: ListingNeed): void {
  const present = needs.get(provider);
  if (present === undefined || wish.after < present.after) needs.set(provider, wish);
}
