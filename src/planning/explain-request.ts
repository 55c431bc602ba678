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
  const survey = surveyOf(world, notes);
  const place = survey.places.get(id);
  if (place === undefined) return null;
  const { request, position, nodesAhead, obstacle } = place;
  let outlook = survey.outlooks.get(request.label);
  if (outlook === undefined) survey.outlooks.set(request.label, (outlook = outlookOf(world, notes, request.label)));
  const needed = nodesAhead + request.count - outlook.ready;
  return {
    position,
    nodesAhead,
    ready: outlook.ready,
    building: outlook.arrivals.length,
    why: obstacle === null ? outlook.obstacles : [obstacle],
    expectedAt: obstacle === null ? expect(world.now, needed, outlook) : null,
  };
}

/** What one plan says of those who wait: thousands may be explained by it. */
interface Survey {
  readonly places: ReadonlyMap<number, Place>;
  /** By label, of those that were asked for. */
  readonly outlooks: Map<string, Outlook>;
}

const surveysOf = new WeakMap<readonly Note[], Survey>();

function surveyOf(world: World, notes: readonly Note[]): Survey {
  let survey = surveysOf.get(notes);
  if (survey === undefined) surveysOf.set(notes, (survey = { places: findPlaces(world, notes), outlooks: new Map() }));
  return survey;
}

interface Place {
  readonly request: RequestRecord;
  readonly position: number;
  readonly nodesAhead: number;
  /** Why it waits in vain; null: it does not. */
  readonly obstacle: string | null;
}

/** Where each waiting request stands among those of its label. Those that wait in vain stand in nobody's way. */
function findPlaces({ requests }: World, notes: readonly Note[]): ReadonlyMap<number, Place> {
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
  return places;
}

interface Outlook {
  /** Nodes that requests can have. */
  readonly ready: number;
  /** When each node that is being launched will be ready, earliest first. */
  readonly arrivals: readonly number[];
  /** How long a launch takes, in milliseconds; null: nobody knows. */
  readonly launchMs: number | null;
  /** When the lease of each node at the label's providers ends, earliest first. */
  readonly ends: readonly number[];
  /** What the plan says of the label that stands in the way of its nodes. */
  readonly obstacles: readonly string[];
}

function outlookOf(world: World, notes: readonly Note[], label: string): Outlook {
  const { config, now } = world;
  const open = new Set(openTargets(config));
  const nodes = world.nodes.filter((node) => node.label === label && open.has(node.target));
  const launchMs = medianLaunch(nodes);
  const arrivals = nodes
    .filter(({ state }) => state === 'building')
    .map(({ createdAt }) => Math.max(now, createdAt + (launchMs ?? 0)))
    .sort((a, b) => a - b);
  const ready = nodes.filter((node) => node.state === 'ready' && node.checkFailures === 0 && isFree(node)).length;
  const ends = leaseEnds(world, new Set(config.labels.get(label)?.providers));
  return { ready, arrivals, launchMs, ends, obstacles: obstaclesOf(notes, label) };
}

function obstaclesOf(notes: readonly Note[], label: string): readonly string[] {
  const texts = new Set<string>();
  for (const { about, text, isShare, isSpare } of notes) {
    if (isShare === true || isSpare === true) continue;
    if (about === `label ${label}` || about === 'targets') texts.add(text);
    else if (about.startsWith(`label ${label} at `)) texts.add(`${about.slice(`label ${label} at `.length)} ${text}`);
  }
  return [...texts];
}

function medianLaunch(nodes: readonly NodeRecord[]): number | null {
  const durations = nodes.flatMap(({ reachableAt, createdAt }) =>
    reachableAt === null ? [] : reachableAt - createdAt,
  );
  durations.sort((a, b) => a - b);
  return durations[Math.floor(durations.length / 2)] ?? null;
}

function leaseEnds({ nodes, requests, now }: World, providers: ReadonlySet<string>): readonly number[] {
  const expiries = new Map(requests.flatMap(({ id, expiresAt }) => (expiresAt === null ? [] : [[id, expiresAt]])));
  const ends = nodes.flatMap(({ provider, state, requestId }) => {
    if (state !== 'used' || requestId === null || !providers.has(provider)) return [];
    return expiries.get(requestId) ?? [];
  });
  return ends.map((end) => Math.max(now, end)).sort((a, b) => a - b);
}

/** When the `needed`-th node of the label may be READY. */
function expect(now: number, needed: number, { launchMs, arrivals, ends }: Outlook): number | null {
  if (needed <= 0) return now;
  if (launchMs === null) return null;
  const launched = arrivals[needed - 1];
  if (launched !== undefined) return launched;
  const end = ends[needed - arrivals.length - 1];
  return end === undefined ? null : end + launchMs;
}
