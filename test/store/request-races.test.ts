/**
 * Several processes ask for nodes, grant, extend, end, hold and delete at once, with views of the pool that are old, and
 * plans that overlap. Whatever wins: each node is granted once, and each request has all of its nodes and ends once.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import { byRank, handOut, type NodeGrant } from '../../src/lifecycle/hand-out.ts';
import { STATE_CODES } from '../../src/lifecycle/node-states.ts';
import { REQUEST_STATE_CODES, type RequestState } from '../../src/lifecycle/request-states.ts';
import type { PoolRecords } from '../../src/lifecycle/records.ts';
import type { Store } from '../../src/store/store.ts';
import { NO_RECORDS } from '../support/builders.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { anotherStore, DATABASES, openFreshStore, type OpenedStore } from '../support/with-database.ts';
import { aNewRequest, launchReady, NOW, query } from './harness.ts';

/** SQLite's driver waits for a lock with the whole program standing still, which all of them share here: so fewer and rarer. */
const CROWDS = { MariaDB: { processes: 4, actions: 50 }, SQLite: { processes: 2, actions: 100 } };
const LABELS = ['small', 'big'];
/** Of the idempotency keys in use; the same ones come again and again. */
const KEYS = 30;

/** The time, and what the processes were told. */
interface World {
  readonly clock: Clock;
  /** Requests, as often as somebody was told that he has ended them. */
  readonly ended: number[];
  /** Requests, as often as somebody was told that he has granted them nodes. */
  readonly granted: number[];
  /** All that somebody has made. */
  readonly opened: Set<number>;
  /** Nodes that somebody holds, or has sent away, for good. */
  readonly moved: Map<number, 'hold' | 'delete'>;
  extensions: number;
}

class Process {
  readonly #store: Store;
  readonly #random: Random;
  readonly #world: World;
  #view: PoolRecords = NO_RECORDS;

  constructor(store: Store, random: Random, world: World) {
    this.#store = store;
    this.#random = random;
    this.#world = world;
  }

  async look(): Promise<void> {
    this.#view = await this.#store.readPool();
  }

  act(): Promise<unknown> {
    const draw = this.#random.fraction();
    if (draw < 0.4) return this.#open();
    if (draw < 0.45) return this.#grant();
    if (draw < 0.75) return this.#end();
    return draw < 0.8 ? this.#extend() : this.#move();
  }

  #below(limit: number): number {
    return Math.min(limit - 1, Math.floor(this.#random.fraction() * limit));
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#below(items.length)];
  }

  async #open(): Promise<void> {
    const key = this.#below(10) === 0 ? this.#below(KEYS) : null;
    const wish =
      key === null
        ? { label: this.#pick(LABELS)!, count: 1 + this.#below(3), priority: this.#below(3) - 1 }
        : { label: LABELS[key % 2]!, count: 1 + (key % 3), idempotencyKey: `key ${key}` };
    const ttlMs = key === null ? 1000 + this.#below(20_000) : 5000;
    const { request } = await this.#store.requests.open(aNewRequest({ ttlMs, ...wish }), ['zuul']);
    this.#world.opened.add(request.id);
  }

  async #grant(): Promise<void> {
    const { requests, nodes } = this.#view;
    const waiting = byRank(requests.filter(({ state }) => state === 'waiting')).slice(0, 30);
    const ready = nodes.filter(({ state, checkFailures }) => state === 'ready' && checkFailures === 0);
    const wild = Array.from({ length: 5 }, (): NodeGrant | null => {
      const request = this.#pick(requests);
      const nodeIds = Array.from({ length: 1 + this.#below(3) }, () => this.#pick(nodes)?.id ?? 0);
      return request ? { requestId: request.id, nodeIds } : null;
    });
    const grants = [...handOut(waiting, ready), ...wild.filter((grant) => grant !== null), ...handOut(waiting, nodes)];
    this.#world.granted.push(...(await this.#store.requests.grant(grants)));
  }

  async #end(): Promise<void> {
    const now = this.#world.clock.now();
    const reason = this.#pick(['released', 'failed', 'expired', 'cancelled'] as const)!;
    const late = this.#view.requests.filter(({ expiresAt }) => expiresAt !== null && expiresAt <= now);
    const id = reason === 'expired' ? this.#pick(late)?.id : this.#pick([...this.#world.opened].slice(-300));
    if (id === undefined) return;
    const expiry = reason === 'expired' ? { expiredBy: now } : {};
    if (await this.#store.requests.end({ id, reason, ...expiry })) this.#world.ended.push(id);
  }

  async #extend(): Promise<void> {
    const now = this.#world.clock.now();
    const request = this.#pick(this.#view.requests.filter(({ expiresAt }) => expiresAt !== null && expiresAt > now));
    if (!request) return;
    if (await this.#store.requests.extend(request.id, now + 1 + this.#below(20_000))) this.#world.extensions += 1;
  }

  async #move(): Promise<void> {
    const node = this.#pick(this.#view.nodes);
    if (node?.state !== 'ready' && node?.state !== 'used') return;
    const to = this.#pick(['hold', 'delete', 'delete'] as const)!;
    const isMoved = await this.#store.moveNode({ id: node.id, from: node.state, to, by: 'operator' });
    if (isMoved) this.#world.moved.set(node.id, to);
  }
}

describe.each(DATABASES)('many processes at once on %s', (kind) => {
  let opened: OpenedStore;
  let world: World;
  let now = NOW;
  let stores: Store[] = [];
  let processes: Process[] = [];

  beforeEach(async () => {
    now = NOW;
    // Who loses against another process waits for it, for real.
    const clock = { now: () => now, sleep: systemClock.sleep };
    opened = await openFreshStore(kind, { clock, random: createSeededRandom(1) });
    world = { clock, ended: [], granted: [], opened: new Set(), moved: new Map(), extensions: 0 };
    stores = Array.from({ length: CROWDS[kind].processes }, (_, index) =>
      anotherStore(opened, { clock, random: createSeededRandom(100 + index) }),
    );
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await opened.close();
  });

  /** Lets all processes act at once, each as often as it says. */
  async function play(random: Random, actions: number): Promise<void> {
    // Now fewer than are asked for, then more.
    const most = 0.8 * actions * processes.length;
    for (const label of LABELS) await launchReady(opened.store, 1 + Math.floor(random.fraction() * most), { label });
    const looking = processes.filter(() => random.fraction() < 0.5);
    await Promise.all([
      ...looking.map((process) => process.look()),
      ...Array.from({ length: actions }, () => processes.map((process) => process.act())).flat(),
    ]);
    now += Math.floor(random.fraction() * 5000);
  }

  function start(seed: number): Random {
    processes = stores.map((store, index) => new Process(store, createSeededRandom(seed * 1000 + index), world));
    return createSeededRandom(seed);
  }

  it.each([1, 2, 3, 4])('each node is granted once and each request ends once: %i', async (seed) => {
    const random = start(seed);
    for (let round = 0; round < 8; round += 1) {
      await play(random, 8);
      await checkPool(opened, world);
    }
  });

  it('so it is with two thousand requests', { timeout: 120_000 }, async () => {
    const random = start(5);
    while (world.opened.size < 2000) await play(random, CROWDS[kind].actions);
    await checkPool(opened, world);
    expect(world.granted.length).toBeGreaterThan(5);
    expect(world.moved.size).toBeGreaterThan(50);
    expect(world.extensions).toBeGreaterThan(5);
    const select = 'SELECT DISTINCT end_reason AS reason FROM request WHERE state = 3';
    const ends = (await query<{ reason: string }>(opened.knex, select)).map(({ reason }) => reason);
    expect(ends.sort()).toEqual(['cancelled', 'expired', 'failed', 'released']);
  });
});

interface RequestFacts {
  readonly id: number;
  readonly state: number;
  readonly wanted: number;
  readonly granted: number | null;
  readonly reason: string | null;
}

interface NodeFacts {
  readonly id: number;
  readonly state: number;
  readonly request: number | null;
}

async function checkPool({ knex }: OpenedStore, { opened, ended, granted, moved }: World): Promise<void> {
  const requests = await query<RequestFacts>(
    knex,
    'SELECT id, state, node_count AS wanted, granted_ms AS granted, end_reason AS reason FROM request ORDER BY id',
  );
  const nodes = await query<NodeFacts>(knex, 'SELECT id, state, request_id AS request FROM node ORDER BY id');
  const events = await query<{ subject: string; id: number; kind: string; detail: string | null }>(
    knex,
    "SELECT subject_kind AS subject, subject_id AS id, kind, detail FROM event WHERE kind IN ('granted', 'ended') ORDER BY subject_id, id",
  );
  const eventsOf = (subject: string, kind: string): { id: number; detail: string | null }[] =>
    events
      .filter((event) => event.subject === subject && event.kind === kind)
      .map(({ id, detail }) => ({ id, detail }));

  expect([...opened].sort(inOrder)).toEqual(requests.map(({ id }) => id));
  // A node is granted at most once, and what its history says is what its row says.
  const had = nodes.filter(({ request }) => request !== null);
  expect(eventsOf('node', 'granted')).toEqual(had.map(({ id, request }) => ({ id, detail: `request ${request}` })));
  // A request has all of its nodes or none, and got them once.
  const served = requests.filter((request) => request.granted !== null);
  const setOf = new Map(served.map(({ id }) => [id, [] as number[]]));
  for (const { id, request } of had) setOf.get(request!)!.push(id);
  expect(served.map(({ id }) => setOf.get(id)!.length)).toEqual(served.map(({ wanted }) => wanted));
  expect(
    eventsOf('request', 'granted').map(({ id, detail }) => ({
      id,
      nodes: detail!.split(', ').map(Number).sort(inOrder),
    })),
  ).toEqual(served.map(({ id }) => ({ id, nodes: setOf.get(id)! })));
  expect(new Set(granted).size).toBe(granted.length);
  // It ends once, and one process was told so.
  const over = requests.filter(({ state }) => state === REQUEST_STATE_CODES.ended).map(({ id }) => id);
  expect(eventsOf('request', 'ended').map(({ id }) => id)).toEqual(over);
  expect(ended.sort(inOrder)).toEqual(over);
  // A node that somebody holds stays held.
  const stateOf = new Map(nodes.map(({ id, state }) => [id, state]));
  expect([...moved].filter(([id, state]) => stateOf.get(id) !== STATE_CODES[state])).toEqual([]);
  // Nothing is used by a request that is over, but after a failure, until the planner has seen it.
  const byId = new Map(requests.map((request) => [request.id, request]));
  const isLegal = ({ state, request }: NodeFacts): boolean => {
    const user = request === null ? undefined : byId.get(request);
    if (state === STATE_CODES.used)
      return (
        user?.state === REQUEST_STATE_CODES.granted ||
        (user?.state === REQUEST_STATE_CODES.ended && user.reason === 'failed')
      );
    return state !== STATE_CODES.ready || request === null;
  };
  expect(nodes.filter((node) => !isLegal(node))).toEqual([]);
  const inState = (name: RequestState): RequestFacts[] =>
    requests.filter(({ state }) => state === REQUEST_STATE_CODES[name]);
  expect(inState('waiting').filter((request) => request.granted !== null)).toEqual([]);
  expect(inState('granted').filter((request) => request.granted === null)).toEqual([]);
}

function inOrder(a: number, b: number): number {
  return a - b;
}
