/**
 * Why a request waits, and when it may expect its nodes. Pure: from the world and the notes of the last plan.
 *
 * The time is an estimate from what is under way: nodes that are being launched are ready after as long as others of their
 * label took (the median); those that nobody has launched yet come, at the latest, when leases at the providers end.
 */
import { byRank, isFree } from '../lifecycle/hand-out.ts';
import type { NodeRecord, RequestRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import type { Note } from './actions.ts';
import type { Explanation } from './explanation.ts';
import type { World } from './world.ts';

/** null: no such request waits. */
export function explainRequest(world: World, notes: readonly Note[], id: number): Explanation | null {
  const place = placesIn(world, notes).get(id);
  if (place === undefined) return null;
  const { request, position, nodesAhead, obstacle } = place;
  const stock = takeStock(world, request.label);
  const needed = nodesAhead + request.count - stock.ready;
  return {
    position,
    nodesAhead,
    ready: stock.ready,
    building: stock.arrivals.length,
    why: obstacle === null ? [...obstaclesOf(notes, request.label)] : [obstacle],
    expectedAt: obstacle === null ? expect(world, request, { needed, stock }) : null,
  };
}

interface Place {
  readonly request: RequestRecord;
  readonly position: number;
  readonly nodesAhead: number;
  /** Why it waits in vain; null: it does not. */
  readonly obstacle: string | null;
}

// Thousands may be explained by one plan.
const placesOf = new WeakMap<readonly Note[], ReadonlyMap<number, Place>>();

/** Where each waiting request stands among those of its label. Those that wait in vain stand in nobody's way. */
function placesIn({ requests }: World, notes: readonly Note[]): ReadonlyMap<number, Place> {
  const known = placesOf.get(notes);
  if (known !== undefined) return known;
  const obstacles = new Map(notes.flatMap(({ blocks, text }) => (blocks ? [[blocks.label, { ...blocks, text }]] : [])));
  const ahead = new Map<string, { requests: number; nodes: number }>();
  const places = new Map<number, Place>();
  for (const request of byRank(requests.filter(({ state }) => state === 'waiting'))) {
    const { id, label, count } = request;
    const before = ahead.get(label) ?? { requests: 0, nodes: 0 };
    const { most = Infinity, text = null } = obstacles.get(label) ?? {};
    const obstacle = count > most ? text : null;
    places.set(id, { request, position: before.requests + 1, nodesAhead: before.nodes, obstacle });
    if (obstacle === null) ahead.set(label, { requests: before.requests + 1, nodes: before.nodes + count });
  }
  placesOf.set(notes, places);
  return places;
}

/** What the plan says of the label that stands in the way of its nodes. */
function obstaclesOf(notes: readonly Note[], label: string): ReadonlySet<string> {
  const texts = new Set<string>();
  for (const { about, text, isShare, isSpare } of notes) {
    if (isShare === true || isSpare === true) continue;
    if (about === `label ${label}` || about === 'targets') texts.add(text);
    else if (about.startsWith(`label ${label} at `)) texts.add(`${about.slice(`label ${label} at `.length)} ${text}`);
  }
  return texts;
}

interface Stock {
  /** Nodes that requests can have. */
  readonly ready: number;
  /** When each node that is being launched will be ready, earliest first. */
  readonly arrivals: readonly number[];
  /** How long a launch takes, in milliseconds; null: nobody knows. */
  readonly launchMs: number | null;
}

function takeStock(world: World, label: string): Stock {
  const open = new Set(openTargets(world.config));
  const nodes = world.nodes.filter((node) => node.label === label && open.has(node.target));
  const launchMs = medianLaunch(nodes);
  const arrivals = nodes
    .filter(({ state }) => state === 'building')
    .map(({ createdAt }) => Math.max(world.now, createdAt + (launchMs ?? 0)))
    .sort((a, b) => a - b);
  const ready = nodes.filter((node) => node.state === 'ready' && node.checkFailures === 0 && isFree(node)).length;
  return { ready, arrivals, launchMs };
}

function medianLaunch(nodes: readonly NodeRecord[]): number | null {
  const durations = nodes.flatMap(({ reachableAt, createdAt }) =>
    reachableAt === null ? [] : reachableAt - createdAt,
  );
  durations.sort((a, b) => a - b);
  return durations[Math.floor(durations.length / 2)] ?? null;
}

function expect(
  world: World,
  request: RequestRecord,
  { needed, stock }: { readonly needed: number; readonly stock: Stock },
): number | null {
  if (needed <= 0) return world.now;
  if (stock.launchMs === null) return null;
  if (needed <= stock.arrivals.length) return stock.arrivals[needed - 1] ?? null;
  const endsAt = leaseEnd(world, request, needed - stock.arrivals.length);
  return endsAt === null ? null : Math.max(world.now, endsAt) + stock.launchMs;
}

/** When leases of `count` nodes at the providers of the request's label will have ended. */
function leaseEnd({ config, nodes, requests }: World, { label }: RequestRecord, count: number): number | null {
  const providers = new Set(config.labels.get(label)?.providers ?? []);
  const expiries = new Map(requests.map(({ id, expiresAt }) => [id, expiresAt]));
  const ends = nodes.flatMap(({ provider, state, requestId }) => {
    if (state !== 'used' || requestId === null || !providers.has(provider)) return [];
    return expiries.get(requestId) ?? [];
  });
  return ends.sort((a, b) => a - b)[count - 1] ?? null;
}
