/**
 * Tells listeners what becomes of requests. One look at the pool, a few times a second and only while somebody listens,
 * serves all of them; while nothing changes it is one cheap query.
 */
import type { Clock } from '../lib/clock.ts';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { PoolRecords, RequestRecord } from '../lifecycle/records.ts';
import type { RequestWithNodes, Store } from '../store/store.ts';
import { HttpError, retryAfter } from './http-error.ts';
import { requestsOf, type PoolRequests } from './pool-requests.ts';
import { Subscription, type Interest } from './subscription.ts';

const LOOK_MS = 250;
/** Silence for longer makes proxies, and our own server, think that nobody is there. */
const BEAT_MS = 15_000;
const MOST_LISTENERS = 200;
/** So that there is room for others, whatever the owner of one token does. */
const MOST_OF_TOKEN = 100;
/** Requests that may have come and gone between two looks, beyond those that were seen before. */
const UNSEEN = 100;

interface WatchDeps {
  readonly store: Pick<Store, 'requests' | 'readPool'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The requests that wait or have nodes, as the last look found them. */
interface Sight {
  /** null: nobody has looked yet. */
  readonly pool: PoolRecords | null;
  readonly known: ReadonlyMap<number, RequestWithNodes>;
  /** Also of those that ended last. */
  readonly highestId: number;
}

const NOTHING_SEEN: Sight = { pool: null, known: new Map(), highestId: 0 };

/** What has ended, as far as it is known by now. */
interface Ends extends PoolRequests {
  /** Requests that were seen and do not wait and have no nodes any more. */
  readonly missing: readonly number[];
  readonly recent: readonly RequestRecord[];
}

export class RequestWatch {
  readonly #deps: WatchDeps;
  readonly #listeners = new Set<Subscription>();
  #sight: Sight | null = null;
  #looking: Promise<unknown> = Promise.resolve();
  #rounds: AbortController | null = null;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /**
   * Begins with the present state. Throws `too-many-requests` when the token has too many already, and `unavailable` when
   * all together have.
   */
  async listen(interest: Interest): Promise<Subscription> {
    this.#requireRoom(interest);
    const subscription = new Subscription(interest);
    this.#listeners.add(subscription);
    try {
      const { known } = await this.#look();
      subscription.begin(await this.#present(interest, known));
    } catch (error) {
      this.leave(subscription);
      throw error;
    }
    this.#startRounds();
    return subscription;
  }

  leave(subscription: Subscription): void {
    subscription.end();
    this.#listeners.delete(subscription);
    if (this.#listeners.size > 0) return;
    this.#rounds?.abort();
    this.#rounds = null;
    this.#sight = null;
  }

  close(): void {
    for (const subscription of this.#listeners) this.leave(subscription);
  }

  #requireRoom({ tokenId }: Interest): void {
    const own = [...this.#listeners].filter(({ interest }) => interest.tokenId === tokenId);
    if (own.length >= MOST_OF_TOKEN) {
      const text = 'too many follow requests with this token already; /api/v1/events tells of all at once';
      throw new HttpError('too-many-requests', text, retryAfter(LOOK_MS));
    }
    if (this.#listeners.size >= MOST_LISTENERS) {
      throw new HttpError('unavailable', 'too many follow requests already; try again', retryAfter(LOOK_MS));
    }
  }

  async #present({ id }: Interest, known: Sight['known']): Promise<readonly RequestWithNodes[]> {
    if (id === null) return [...known.values()];
    // One that has ended is not among them.
    const found = known.get(id) ?? (await this.#deps.store.requests.find(id));
    if (found === null) throw new HttpError('not-found', `there is no request ${id}`);
    return [found];
  }

  #startRounds(): void {
    if (this.#rounds !== null || this.#listeners.size === 0) return;
    this.#rounds = new AbortController();
    void this.#goRound(this.#rounds.signal);
  }

  async #goRound(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let beatAt = clock.now() + BEAT_MS;
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      await this.#try(() => this.#look());
      if (clock.now() < beatAt) continue;
      beatAt = clock.now() + BEAT_MS;
      for (const subscription of this.#listeners) subscription.beat();
      await this.#try(() => this.#dismiss());
    }
  }

  async #try(step: () => Promise<unknown>): Promise<void> {
    const { log } = this.#deps;
    try {
      await step();
    } catch (error) {
      // The database may be away for a while: the listeners stay, and learn what has changed when it is back.
      log.debug({ err: error }, `requests cannot be watched now: ${describeError(error)}`);
    }
  }

  /** Lets those go who have lost their rights. */
  async #dismiss(): Promise<void> {
    for (const subscription of this.#listeners) {
      if (!(await subscription.interest.isAllowed())) this.leave(subscription);
    }
  }

  /** Looks once more, after whoever looks already. */
  #look(): Promise<Sight> {
    const look = this.#looking.then(() => this.#lookNow());
    // The next look begins after this one, however it ends; its own caller sees the error.
    this.#looking = look.catch(() => undefined);
    return look;
  }

  async #lookNow(): Promise<Sight> {
    const { store } = this.#deps;
    const before = this.#sight ?? NOTHING_SEEN;
    const pool = await store.readPool();
    if (before.pool === pool) return before;
    const requests = requestsOf(pool, before.known);
    const missing = [...before.known.keys()].filter((id) => !requests.open.has(id));
    const recent = await store.requests.ended(missing.length + UNSEEN);
    if (before.pool !== null) {
      const ended = await this.#findEnded(before, { ...requests, missing, recent });
      const changed = [...requests.open.values()].filter((found) => found !== before.known.get(found.request.id));
      for (const listener of this.#listeners) for (const found of [...changed, ...ended]) listener.offer(found);
    }
    const ids = [...requests.open.keys(), ...recent.map(({ id }) => id)];
    const highestId = ids.reduce((highest, id) => Math.max(highest, id), before.highestId);
    return (this.#sight = { pool, known: requests.open, highestId });
  }

  /** Those that are missing, and those that came and ended meanwhile. */
  async #findEnded(before: Sight, { open, withNodes, missing, recent }: Ends): Promise<RequestWithNodes[]> {
    const ended = new Map(recent.map((request) => [request.id, request]));
    const unseen = recent.filter(({ id }) => id > before.highestId && !open.has(id));
    const all = unseen.map(withNodes);
    for (const id of missing) {
      const request = ended.get(id);
      // Where the clocks of hosts differ, one may seem to have ended before many others.
      const found = request === undefined ? await this.#deps.store.requests.find(id) : withNodes(request);
      if (found !== null) all.push(found);
      else this.#forget(id);
    }
    return all;
  }

  /** Somebody deleted its row: there is nothing to follow any more. */
  #forget(id: number): void {
    for (const listener of this.#listeners) if (listener.interest.id === id) this.leave(listener);
  }
}
