/**
 * Keeps a provider from being pointed to another cloud, region or project while it has something where it was: there it
 * would be lost sight of, and here it would be taken for gone. But addresses and names of one cloud change as well. So a
 * provider that seems to be somewhere else is barred until something of what it has is found there, or it has nothing.
 */
import type { Clock } from '../lib/clock.ts';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { PoolRecords } from '../lifecycle/records.ts';
import { providerPlace } from '../planning/places.ts';
import type { Placed, Providers } from '../providers/registry.ts';
import type { Store } from '../store/store.ts';
import type { CloudBook } from './cloud-book.ts';

/** Each look costs two listings, in milliseconds. */
const SEARCH_INTERVAL_MS = 30_000;

export interface LocationsDeps {
  readonly store: Pick<Store, 'locations' | 'failures' | 'readPool'>;
  readonly providers: Pick<Providers, 'placed' | 'bar'>;
  /** What it knows of a provider that moves is of the place before. */
  readonly book: Pick<CloudBook, 'forget'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was last found out about a provider. */
interface Settled {
  readonly location: string | null;
  /** This daemon acts on it. */
  readonly isOurs: boolean;
}

interface Search {
  readonly location: string | null;
  readonly begunAt: number;
  /** Not the first one since it moved: its end is no news. */
  readonly isRepeated: boolean;
  /** `told`: in vain, and somebody has been told. */
  outcome: 'open' | 'found' | 'in vain' | 'told';
}

export class Locations {
  readonly #deps: LocationsDeps;
  readonly #settled = new Map<string, Settled>();
  readonly #searches = new Map<string, Search>();

  constructor(deps: LocationsDeps) {
    this.#deps = deps;
  }

  /**
   * Bars providers, and lets them work. To be called in each pass before something is planned from what clouds say; `leases`
   * are those held, by name. It asks the database nothing while no provider has moved.
   */
  async check(leases: Pick<ReadonlyMap<string, unknown>, 'has'>): Promise<void> {
    const { store, providers } = this.#deps;
    const open = [...providers.placed()].filter(({ name, location }) => {
      const known = this.#settled.get(name);
      return known === undefined || known.location !== location || known.isOurs !== leases.has(`provider:${name}`);
    });
    if (open.length === 0) return;
    const [known, pool] = await Promise.all([store.locations.all(), store.readPool()]);
    for (const placed of open) {
      const isOurs = leases.has(`provider:${placed.name}`);
      await this.#settle(placed, { isOurs, before: known.get(placed.name) ?? null, ids: idsAt(placed.name, pool) });
    }
  }

  async #settle(
    placed: Placed,
    { isOurs, before, ids }: { isOurs: boolean; before: string | null; ids: ReadonlySet<string> },
  ): Promise<void> {
    const { store, providers } = this.#deps;
    const { name, location } = placed;
    if (before !== null && before !== location && ids.size > 0 && !this.#hasFound(placed)) {
      const fault = `provider ${name} cannot be used: ${describeMove(before, location, ids.size)}`;
      this.#settled.delete(name);
      providers.bar(name, fault);
      if (isOurs) await this.#tell(name, { search: this.#search(placed, ids), fault });
      return;
    }
    if (isOurs && before !== location) await this.#accept(placed, before);
    if (this.#searches.delete(name)) await store.failures.clear(providerPlace(name));
    this.#settled.set(name, { location, isOurs });
    providers.bar(name, null);
  }

  async #accept({ name, location }: Placed, before: string | null): Promise<void> {
    const { store, book, log } = this.#deps;
    await store.locations.set(name, location);
    book.forget(name);
    if (before !== null) log.info({ provider: name, before, location }, 'the provider has moved');
  }

  #hasFound({ name, location }: Placed): boolean {
    const search = this.#searches.get(name);
    return search?.location === location && search.outcome === 'found';
  }

  /** Beside the loop, as it may take long. What comes of it is seen by a later pass. */
  #search({ name, location, provider }: Placed, ids: ReadonlySet<string>): Search {
    const { book, clock, log } = this.#deps;
    const last = this.#searches.get(name);
    const isRepeated = last?.location === location;
    if (isRepeated && Math.abs(clock.now() - last.begunAt) < SEARCH_INTERVAL_MS) return last;
    const search: Search = { location, begunAt: clock.now(), isRepeated, outcome: 'open' };
    this.#searches.set(name, search);
    // It is of what was there before.
    book.forget(name);
    listIds(provider).then(
      (listed) => (search.outcome = listed.some((id) => ids.has(id)) ? 'found' : 'in vain'),
      (error: unknown) => {
        search.outcome = 'in vain';
        if (!isRepeated) log.warn({ provider: name, error: describeError(error) }, 'nobody can look what it has there');
      },
    );
    return search;
  }

  /** Not before the end of a search: new credentials of the same project look like another one until then. */
  async #tell(name: string, { search, fault }: { search: Search; fault: string }): Promise<void> {
    const { store, clock, log } = this.#deps;
    if (search.outcome !== 'in vain') return;
    search.outcome = 'told';
    if (!search.isRepeated) log.error({ provider: name }, fault);
    await store.failures.record(providerPlace(name), fault, () => clock.now() + SEARCH_INTERVAL_MS);
  }
}

function describeMove(before: string, location: string | null, count: number): string {
  const things = count === 1 ? 'a server or image' : `${count} servers and images`;
  return (
    `it is set to ${location ?? 'a fake cloud'}, but has ${things} at ${before}; nothing is done until one of them is found ` +
    'where it is set to: point it back, and give another cloud a provider of its own'
  );
}

/** Of all that the rows say is there. */
function idsAt(provider: string, { nodes, images }: PoolRecords): ReadonlySet<string> {
  const ids = new Set<string>();
  const add = (id: string | null): void => void (id !== null && ids.add(id));
  for (const node of nodes) {
    if (node.provider !== provider) continue;
    for (const { serverId } of [node, ...node.subnodes]) add(serverId);
  }
  for (const image of images) {
    if (image.provider !== provider) continue;
    add(image.serverId);
    add(image.cloudImageId);
  }
  return ids;
}

async function listIds({ cloud }: Placed['provider']): Promise<readonly string[]> {
  const { signal } = new AbortController();
  const [servers, images] = await Promise.all([cloud.listServers(signal), cloud.listImages(signal)]);
  return [...servers, ...images].map(({ id }) => id);
}
