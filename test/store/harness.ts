/** What the store's tests share: a store on a fresh database for each test, on a clock that stands still. */
import type { Knex } from 'knex';
import { afterEach, beforeEach, expect } from 'vitest';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { Lease, NewNode, NewRequest, Store } from '../../src/store/store.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { anotherStore, openFreshStore, type DatabaseKind, type OpenedStore } from '../support/with-database.ts';

/** Not a whole second: classic columns hold seconds. */
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0) + 345;
export const NOW_SECONDS = Math.floor(NOW / 1000);
export const TTL_MS = 15_000;

export interface StoreTest {
  readonly store: Store;
  readonly knex: Knex;
  readonly clock: FakeClock;
  readonly opened: OpenedStore;
  /** A store of its own on the same database, as in another process. */
  another(): Store;
}

/** Opens a store before each test and closes it after. */
export function useStore(kind: DatabaseKind): StoreTest {
  let opened: OpenedStore | undefined;
  let clock: FakeClock | undefined;
  let others: Store[] = [];
  beforeEach(async () => {
    clock = createFakeClock(NOW);
    opened = await openFreshStore(kind, { clock, random: createSeededRandom(1) });
  });
  afterEach(async () => {
    await Promise.all(others.map((store) => store.close()));
    others = [];
    await opened?.close();
  });
  return {
    get store() {
      return opened!.store;
    },
    get knex() {
      return opened!.knex;
    },
    get clock() {
      return clock!;
    },
    get opened() {
      return opened!;
    },
    another() {
      const store = anotherStore(opened!, { clock: clock!, random: createSeededRandom(2 + others.length) });
      others.push(store);
      return store;
    },
  };
}

export function aNewNode(overrides: Partial<NewNode> = {}): NewNode {
  return {
    label: 'small',
    provider: 'cloud',
    target: 'zuul',
    az: null,
    imageId: 1,
    subnodes: 0,
    reason: 'min-ready',
    ...overrides,
  };
}

export async function takeLease(store: Store, name = 'supply', holder = 'host/1/a'): Promise<Lease> {
  const lease = (await store.leases.keep(holder, [name], TTL_MS, () => false)).get(name);
  if (!lease) throw new Error(`The lease ${name} is not free`);
  return lease;
}

/** Inserts nodes and answers them, in the order of their ids. */
export async function launch(store: Store, ...nodes: NewNode[]): Promise<NodeRecord[]> {
  expect(await store.launchNodes(nodes, await takeLease(store))).toBe(nodes.length);
  return (await store.readPool()).nodes.slice(-nodes.length);
}

export async function launchOne(store: Store, overrides: Partial<NewNode> = {}): Promise<NodeRecord> {
  const [node] = await launch(store, aNewNode(overrides));
  return node!;
}

/** Inserts nodes that are READY, and answers their ids. */
export async function launchReady(store: Store, count: number, overrides: Partial<NewNode> = {}): Promise<number[]> {
  const nodes = await launch(store, ...Array.from({ length: count }, () => aNewNode(overrides)));
  const ids = nodes.map(({ id }) => id);
  await Promise.all(ids.map((id) => store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' })));
  return ids;
}

/** A wish for one small node. */
export function aNewRequest(overrides: Partial<NewRequest> = {}): NewRequest {
  return {
    label: 'small',
    count: 1,
    priority: 0,
    requestor: 'tester',
    reason: null,
    ttlMs: 3_600_000,
    hasDefaultTtl: false,
    tokenId: null,
    idempotencyKey: null,
    ...overrides,
  };
}

/** The node as the database has it now; null: gone. */
export async function nodeNow(store: Store, id: number): Promise<NodeRecord | null> {
  return (await store.readPool()).nodes.find((node) => node.id === id) ?? null;
}

/** Rows of a statement by hand. */
export async function query<Row>(
  knex: Knex,
  sql: string,
  values: readonly (string | number | null)[] = [],
): Promise<Row[]> {
  const answer = (await knex.raw(sql, values as Knex.RawBinding[])) as Row[] | [Row[]];
  return (knex.client as Knex.Client).driverName === 'mysql2' ? (answer as [Row[]])[0] : (answer as Row[]);
}

/** Counts the statements that reach the database through `knex`. */
export function countQueries(knex: Knex): () => number {
  let count = 0;
  knex.on('query', () => (count += 1));
  return () => count;
}
