/** Asking for nodes, and waiting for them. */
import type { Config } from '../config/types.ts';
import { describeError, isNodepoolError, NodepoolError } from '../lib/errors.ts';
import { LONGEST_REASON } from '../lib/one-line.ts';
import { REQUEST_ENDS, type RequestRecord } from '../lifecycle/records.ts';
import { createRequestDesk, type RequestDesk } from '../requests/desk.ts';
import type { Wish } from '../requests/wish.ts';
import type { RequestWithNodes, Store } from '../store/store.ts';
import { warnWithoutDaemon } from './daemons.ts';
import { Interruption, untilInterrupted } from './interruption.ts';
import { persist } from './persist.ts';
import { placesInLine } from './places-in-line.ts';
import { requireLine } from './require-line.ts';
import type { Session } from './session.ts';
import { waitFor, type Look, type Waiting } from './wait.ts';

/** Options of the commands that ask for nodes. */
export interface WishOptions {
  readonly priority: number;
  /** Milliseconds. */
  readonly ttl?: number;
  /** How long to wait, in milliseconds. */
  readonly timeout?: number;
  readonly requestor?: string;
  readonly reason?: string;
}

/**
 * What the options wish for; what the configuration has to say is checked when it becomes a request. Throws `usage` for
 * texts that no configuration takes.
 */
export async function wishFor({ context }: Session, options: WishOptions & Wanted): Promise<Wish> {
  const { label, count, priority, ttl, reason } = options;
  requireLine('the requestor', options.requestor ?? null);
  requireLine('the reason', reason ?? null, LONGEST_REASON);
  const requestor = options.requestor ?? (await context.whoAmI());
  const wanted = { label, count, priority, ttlMs: ttl ?? null, requestor, reason: reason ?? null };
  // Under one key a wish whose answer got lost is repeated, and is one request.
  return { ...wanted, tokenId: null, idempotencyKey: context.random.uuid() };
}

interface Wanted {
  readonly label: string;
  readonly count: number;
}

export interface Asker {
  readonly session: Session;
  readonly store: Store;
  readonly config: Config;
}

export function deskOf({ session, store, config }: Asker): RequestDesk {
  return createRequestDesk({ store, config: () => config, clock: session.context.clock });
}

/** Makes a request, which may have its nodes at once. Says so when nobody is there to serve one that has to wait. */
export async function openRequest(asker: Asker, wish: Wish): Promise<RequestWithNodes> {
  const opened = await persist(asker.session, () => deskOf(asker).open(wish));
  await warnOfWait(asker, opened.request);
  return opened;
}

async function warnOfWait({ session, store }: Asker, { id, state }: RequestRecord): Promise<void> {
  if (state !== 'waiting') return;
  const consequence = `request ${id} waits until one is started`;
  await persist(session, () => warnWithoutDaemon(session, store, consequence));
}

/**
 * Makes a request and waits until it has its nodes. Whatever ends the waiting before takes the wish back. Throws
 * {@link Interruption} at Ctrl-C, `refused` when time is up or somebody else has ended the request.
 * @param timeoutMs undefined: no limit
 */
export async function acquireNodes(asker: Asker, wish: Wish, timeoutMs?: number): Promise<RequestWithNodes> {
  // From the beginning: a Ctrl-C that comes while the request is made must not leave it behind.
  const found = await untilInterrupted(asker.session.context, async (signal) => {
    const opened = await persist(asker.session, () => deskOf(asker).open(wish));
    if (opened.request.state !== 'waiting') return opened;
    try {
      await warnOfWait(asker, opened.request);
      return await waitForGrant(asker, opened.request, { signal, timeoutMs });
    } catch (error) {
      await takeBack(asker, opened.request.id);
      throw error;
    }
  });
  const { id, state, endReason } = found.request;
  if (state === 'granted') return found;
  const why = endReason === null ? '' : `: ${REQUEST_ENDS[endReason]}`;
  throw new NodepoolError('refused', `request ${id} has ended${why}`);
}

/** The first answer in which the request does not wait any more. */
function waitForGrant(
  asker: Asker,
  request: RequestRecord,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number | undefined },
): Promise<RequestWithNodes> {
  const desk = deskOf(asker);
  const ifInterrupted = `interrupted while request ${request.id} waited`;
  const look = async (): Promise<Look<RequestWithNodes>> => {
    // Ctrl-C may have come before the waiting began.
    if (signal.aborted) throw new Interruption(ifInterrupted);
    try {
      const found = await desk.find(request.id);
      return found.request.state === 'waiting' ? await describeWait(asker, request) : { done: found };
    } catch (error) {
      // It keeps its place in line meanwhile.
      if (!isNodepoolError(error, 'database-unavailable')) throw error;
      return { waitsFor: `request ${request.id} waits, and ${describeError(error)}` };
    }
  };
  const wait = { look, ifInterrupted };
  if (timeoutMs === undefined) return waitFor(asker.session.context, wait);
  const text = `request ${request.id} got no nodes within ${timeoutMs / 1000} s`;
  const limit = { ms: timeoutMs, error: () => new NodepoolError('refused', text) };
  return waitFor(asker.session.context, { ...wait, limit });
}

async function describeWait({ session, store }: Asker, { id, label, count }: RequestRecord): Promise<Waiting> {
  const what = count === 1 ? `a node of label ${label}` : `${count} nodes of label ${label}`;
  const waitsFor = `request ${id} waits for ${what}`;
  // The place changes with every look, and to find it costs more than to look.
  if (!session.context.stderr.isTerminal) return { waitsFor };
  const place = placesInLine((await store.readPool()).requests).get(id);
  return place === undefined ? { waitsFor } : { waitsFor, live: `${waitsFor}, at place ${place} in line` };
}

async function takeBack(asker: Asker, id: number): Promise<void> {
  const { session } = asker;
  try {
    await persist(session, () => deskOf(asker).end(id, false));
    session.tell(`request ${id} is taken back`);
  } catch (error) {
    // What ended the waiting is told as well, and may be the same.
    session.tell(`request ${id} could not be taken back: ${describeError(error)}`);
  }
}
