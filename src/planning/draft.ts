/**
 * A plan in the making: what the planners order, note and wait for. It lives within one call of `plan()`.
 * Planners run in order of urgency; the first action ordered for a subject stands, later ones are dropped.
 */
import type { Wait } from '../lifecycle/slot-steps.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import type { CloudImage, ProviderTraits, Server } from '../providers/provider.ts';
import type { Action, Note } from './actions.ts';
import type { Amounts } from './amounts.ts';
import { charge, openLedgers, type Ledger } from './ledger.ts';
import { viewListing, type ListingView } from './listings.ts';
import type { Listing, Subject, World } from './world.ts';

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
  /** When the listings that decisions wait for are due, by provider. */
  readonly serverNeeds = new Map<string, number>();
  readonly imageNeeds = new Map<string, number>();
  readonly accessoryNeeds = new Map<string, number>();
  /** Places whose failures this plan has counted. */
  readonly countedFailures = new Set<string>();
  /** Whether the clean-up has fired since the plan before this one. */
  readonly isCleanupDue: boolean;
  #nextWakeAt = Infinity;
  readonly #subjects = new Set<Subject>();
  readonly #clouds = new Map<string, CloudFacts>();
  /** Nodes that this plan wants retired. */
  readonly #retiring = new Set<number>();
  #ledgers: Map<string, Ledger> | null = null;
  #requests: ReadonlyMap<number, RequestRecord> | null = null;

  constructor(world: World, isCleanupDue = false) {
    this.world = world;
    this.isCleanupDue = isCleanupDue;
  }

  get nextWakeAt(): number {
    return this.#nextWakeAt;
  }

  /** Orders an action unless its subject is busy or has one already. */
  order(action: Action): void {
    // One that is to go is not given away, even if something else has to end first.
    if (action.kind === 'retire-node') this.#retiring.add(action.nodeId);
    if (this.isBusy(action.subject) || this.#subjects.has(action.subject)) return;
    this.#subjects.add(action.subject);
    this.actions.push(action);
  }

  /** Whether this plan wants the node retired. */
  isRetiring(nodeId: number): boolean {
    return this.#retiring.has(nodeId);
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

  /** Whether an action works on it now. */
  isUnderWay(subject: Subject): boolean {
    return this.world.busy.get(subject)?.until === 'done';
  }

  /** Whether its last action wanted it left alone for a while, as after a failure. */
  isResting(subject: Subject): boolean {
    const busy = this.world.busy.get(subject);
    return busy !== undefined && busy.until !== 'done' && busy.until > this.world.now;
  }

  note(about: string, text: string): void {
    this.notes.push({ about, text });
  }

  /** Notes how places were divided. */
  noteShare(about: string, text: string): void {
    this.notes.push({ about, text, isShare: true });
  }

  /** Notes what is not done for `min-ready`. */
  noteSpare(about: string, text: string): void {
    this.notes.push({ about, text, isSpare: true });
  }

  /** Notes why requests for more than `most` nodes of a label wait in vain. */
  noteObstacle(label: string, { most, why }: { readonly most: number; readonly why: string }): void {
    this.notes.push({ about: `requests for ${label}`, text: why, blocks: { label, most } });
  }

  wakeAt(time: number): void {
    if (time < this.#nextWakeAt) this.#nextWakeAt = Math.max(time, this.world.now);
  }

  /** Whether this daemon acts on the provider. */
  holds(provider: string): boolean {
    return this.world.leases.has(`provider:${provider}`);
  }

  /** Whether this daemon sees to the rows of the provider: it holds it, or nobody can because the provider is gone. */
  actsOn(provider: string): boolean {
    const { clouds, elsewhere, leases } = this.world;
    return this.holds(provider) || (!clouds.has(provider) && !elsewhere.has(provider) && leases.has('supply'));
  }

  /** The request of that row id, if it waits or has nodes. */
  request(id: number): RequestRecord | null {
    this.#requests ??= new Map(this.world.requests.map((request) => [request.id, request]));
    return this.#requests.get(id) ?? null;
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

  /** What may be added at each provider of the configuration, without what this plan has taken. */
  ledgers(): ReadonlyMap<string, Ledger> {
    return (this.#ledgers ??= new Map(openLedgers(this.world)));
  }

  /** Takes what the supply then divides no more among nodes. */
  charge(provider: string, cost: Amounts): void {
    const ledger = this.ledgers().get(provider);
    if (ledger !== undefined) this.#ledgers?.set(provider, charge(ledger, cost));
  }

  /**
   * Asks for a listing of servers taken after `after`. For news it comes at the next poll, or as soon as the cloud may
   * be listed when something hints that there are some; for a decision as soon as it can decide.
   */
  needServers(provider: string, after: number, awaited: Wait['for'] = 'news'): void {
    const view = this.world.clouds.get(provider);
    if (view === undefined || !view.servers.known) return;
    const { takenAt } = view.servers;
    const isUrgent = awaited === 'decision' || view.hintedAt > takenAt;
    need(this.serverNeeds, provider, Math.max(after + 1, takenAt + intervalOf(view.traits, isUrgent)));
  }

  /** The same of images, at which nothing hints. */
  needImages(provider: string, after: number, awaited: Wait['for'] = 'news'): void {
    const view = this.world.clouds.get(provider);
    if (view === undefined || !view.images.known) return;
    const { takenAt } = view.images;
    const isUrgent = awaited === 'decision';
    need(this.imageNeeds, provider, Math.max(after + 1, takenAt + intervalOf(view.traits, isUrgent)));
  }

  /** The same of what belongs to servers, which nothing but the search for leftovers waits for. */
  needAccessories(provider: string, after: number): void {
    const view = this.world.clouds.get(provider);
    if (view !== undefined) need(this.accessoryNeeds, provider, after + view.traits.pollIntervalMs);
  }

  /**
   * Counts a sighting of something odd (missing, ownerless) in the listing taken at `takenAt`. True from the
   * second listing on that shows it: only then is it acted on, because one listing may be wrong or late.
   */
  seenTwice(key: string, takenAt: number): boolean {
    return this.seenFor(key, takenAt) > 0;
  }

  /** The same, in milliseconds between the first listing that showed it and this one. */
  seenFor(key: string, takenAt: number): number {
    // After the clock was set back, what was seen "later" is a first sighting again.
    const first = Math.min(this.world.memory.sightings.get(key) ?? takenAt, takenAt);
    this.sightings.set(key, first);
    return takenAt - first;
  }
}

function intervalOf({ listIntervalMs, pollIntervalMs }: ProviderTraits, isUrgent: boolean): number {
  return isUrgent ? listIntervalMs : pollIntervalMs;
}

/** The earliest wish wins: later ones are renewed in the next pass. */
function need(needs: Map<string, number>, provider: string, dueAt: number): void {
  needs.set(provider, Math.min(needs.get(provider) ?? Infinity, dueAt));
}
