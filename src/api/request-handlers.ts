/** What the routes for requests do, when a request has passed the guards. */
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import { isNodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { byRank } from '../lifecycle/hand-out.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import type { RequestState } from '../lifecycle/request-states.ts';
import type { Explanation } from '../planning/explanation.ts';
import { createRequestDesk, type RequestDesk } from '../requests/desk.ts';
import { viewRequest, type RequestView } from '../requests/view.ts';
import { checkTtl, type Wish } from '../requests/wish.ts';
import type { RequestWithNodes, Store } from '../store/store.ts';
import type { Caller } from './caller.ts';
import { HttpError } from './http-error.ts';
import { requestsOf, type PoolRequests } from './pool-requests.ts';
import { MOST_LISTED } from './schemas.ts';

export interface HandlerDeps {
  readonly store: Pick<Store, 'requests' | 'readPool'>;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Why a waiting request waits, as the last plan says; null: not known here. */
  readonly explain: (requestId: number) => Promise<Explanation | null>;
  /** Something changed that the loop should look at. */
  readonly onChange: () => void;
}

/** A wish as it comes over the wire: in seconds, and without what the token tells. */
export interface WireWish extends Pick<Wish, 'label' | 'count' | 'priority'> {
  readonly ttl?: number | null | undefined;
  readonly requestor?: string | null | undefined;
  readonly reason?: string | null | undefined;
}

export interface Filter {
  readonly state?: RequestState | undefined;
  readonly label?: string | undefined;
  readonly limit: number;
}

export interface RequestHandlers {
  open(caller: Caller, wish: WireWish, key: string | null): Promise<{ view: RequestView; isReplay: boolean }>;
  list(caller: Caller, filter: Filter): Promise<readonly RequestView[]>;
  /** Throws `not-found` for one that the caller may not see: whether it exists is none of their business. */
  find(caller: Caller, id: number): Promise<RequestView>;
  end(caller: Caller, id: number, hasFailed: boolean): Promise<RequestView>;
  extend(caller: Caller, id: number, ttl: number | null): Promise<RequestView>;
  view(found: RequestWithNodes): Promise<RequestView>;
}

interface Parts extends HandlerDeps {
  readonly desk: RequestDesk;
  readonly view: RequestHandlers['view'];
}

export function createRequestHandlers(deps: HandlerDeps): RequestHandlers {
  const { store, config, explain } = deps;
  const desk = createRequestDesk(deps);
  const view: RequestHandlers['view'] = async (found) => {
    const { id, state } = found.request;
    return viewRequest(found, config(), state === 'waiting' ? await explain(id) : null);
  };
  const parts = { ...deps, desk, view };
  return {
    view,
    open: (caller, wish, key) => open(parts, caller, wishOf(caller, wish, key)),
    list: async (caller, filter) => {
      const found = await listRequests(store, filter, ({ request }) => caller.maySee(request));
      return Promise.all(found.map(view));
    },
    find: async (caller, id) => view(await findVisible(desk, caller, id)),
    end: (caller, id, hasFailed) => end(parts, caller, { id, hasFailed }),
    extend: (caller, id, ttl) => extend(parts, caller, { id, ttlMs: toMs(ttl) }),
  };
}

function wishOf({ token }: Caller, { ttl, requestor, reason, ...wish }: WireWish, idempotencyKey: string | null): Wish {
  const who = { requestor: requestor ?? token.name, reason: reason ?? null, tokenId: token.id };
  return { ttlMs: toMs(ttl ?? null), idempotencyKey, ...who, ...wish };
}

function toMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000;
}

async function open(
  { desk, view, log, onChange }: Parts,
  { token }: Caller,
  wish: Wish,
): Promise<{ view: RequestView; isReplay: boolean }> {
  const opened = await desk.open(wish);
  const { request, isReplay } = opened;
  if (!isReplay) {
    const fields = { request: request.id, by: token.name, label: request.label };
    // Hundreds a second are granted at once.
    if (request.state === 'granted') log.debug(fields, `request ${request.id} has its nodes`);
    else log.info(fields, `request ${request.id} waits for nodes`);
    onChange();
  }
  return { view: await view(opened), isReplay };
}

async function end(
  { desk, view, log, onChange }: Parts,
  caller: Caller,
  { id, hasFailed }: { id: number; hasFailed: boolean },
): Promise<RequestView> {
  let isOver = false;
  const ended = await desk.end(id, hasFailed, (request) => {
    requireChangeable(caller, request);
    isOver = request.state === 'ended';
  });
  if (isOver) return view(ended);
  // Hundreds a second may end.
  log.debug({ request: id, by: caller.token.name, reason: ended.request.endReason }, `request ${id} has ended`);
  onChange();
  return view(ended);
}

async function extend(
  { desk, view, config, log, onChange }: Parts,
  caller: Caller,
  { id, ttlMs }: { id: number; ttlMs: number | null },
): Promise<RequestView> {
  let isAllowed = false;
  const check = (request: RequestRecord): void => {
    requireChangeable(caller, request);
    // One that can never be granted is another mistake than a lease that is not there.
    checkTtl(ttlMs, config());
    isAllowed = true;
  };
  try {
    const extended = await desk.extend(id, ttlMs, check);
    log.info({ request: id, by: caller.token.name }, `the lease of request ${id} was extended`);
    onChange();
    return view(extended);
  } catch (error) {
    throw isAllowed && isNodepoolError(error, 'refused') ? new HttpError('conflict', error.message) : error;
  }
}

async function findVisible(desk: RequestDesk, caller: Caller, id: number): Promise<RequestWithNodes> {
  const found = await desk.find(id);
  requireVisible(caller, found.request);
  return found;
}

function requireVisible(caller: Caller, request: RequestRecord): void {
  if (!caller.maySee(request)) throw new HttpError('not-found', `there is no request ${request.id}`);
}

function requireChangeable(caller: Caller, request: RequestRecord): void {
  requireVisible(caller, request);
  if (caller.mayChange(request)) return;
  throw new HttpError('forbidden', `request ${request.id} was not made with this token`);
}

type Test = (found: RequestWithNodes) => boolean;

/** Those that wait in the order of their turns, those with nodes, and those that ended last. */
async function listRequests(
  store: HandlerDeps['store'],
  { state, label, limit }: Filter,
  maySee: Test,
): Promise<readonly RequestWithNodes[]> {
  const pool = requestsOf(await store.readPool());
  const matches: Test = (found) => (label === undefined || found.request.label === label) && maySee(found);
  const open = state === 'ended' ? [] : openOnes(pool).filter((found) => isIn(found, state) && matches(found));
  if (open.length >= limit || (state !== undefined && state !== 'ended')) return open.slice(0, limit);
  const ended = (await store.requests.ended(MOST_LISTED)).map((request) => pool.withNodes(request)).filter(matches);
  return [...open, ...ended].slice(0, limit);
}

function isIn({ request }: RequestWithNodes, state: RequestState | undefined): boolean {
  return state === undefined || request.state === state;
}

function openOnes({ open }: PoolRequests): RequestWithNodes[] {
  const all = [...open.values()];
  const waiting = byRank(all.flatMap(({ request }) => (request.state === 'waiting' ? [request] : [])));
  const granted = all.filter(({ request }) => request.state === 'granted');
  return [...waiting.flatMap(({ id }) => open.get(id) ?? []), ...granted];
}
