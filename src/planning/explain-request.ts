/** Why a request waits, and when it may expect its nodes. Pure: from the world and the notes of the last plan. */
import { byRank } from '../lifecycle/hand-out.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import type { Note } from './actions.ts';
import { expectNodes, outlooksOf, type Outlook } from './expectations.ts';
import type { Explanation } from './explanation.ts';
import type { World } from './world.ts';

/** null: no such request waits. */
export function explainRequest(world: World, notes: readonly Note[], id: number): Explanation | null {
  const { places, outlooks, expected, obstacles } = surveyOf(world, notes);
  const place = places.get(id);
  if (place === undefined) return null;
  const { request, position, nodesAhead, obstacle } = place;
  const { ready = 0, building = [] } = outlooks.get(request.label) ?? {};
  let why = obstacles.get(request.label);
  if (why === undefined) obstacles.set(request.label, (why = obstaclesOf(notes, request.label)));
  return {
    position,
    nodesAhead,
    ready,
    building: building.length,
    why: obstacle === null ? why : [obstacle],
    expectedAt: expected.get(id) ?? null,
  };
}

/** What one plan says of those who wait: thousands may be explained by it. */
interface Survey {
  readonly places: ReadonlyMap<number, Place>;
  /** By label. */
  readonly outlooks: ReadonlyMap<string, Outlook>;
  /** When each may expect its nodes; those that wait in vain are not in it. */
  readonly expected: ReadonlyMap<number, number | null>;
  /** By label, of those that were asked for. */
  readonly obstacles: Map<string, readonly string[]>;
}

const surveysOf = new WeakMap<readonly Note[], Survey>();

function surveyOf(world: World, notes: readonly Note[]): Survey {
  let survey = surveysOf.get(notes);
  if (survey === undefined) surveysOf.set(notes, (survey = makeSurvey(world, notes)));
  return survey;
}

function makeSurvey(world: World, notes: readonly Note[]): Survey {
  const places = findPlaces(world, notes);
  const outlooks = outlooksOf(world);
  const waiting = [...places.values()].filter(({ obstacle }) => obstacle === null).map(({ request }) => request);
  const closed = new Set(notes.filter(({ isShare }) => isShare !== true).map(({ about }) => about));
  const canLaunch = (label: string, provider: string): boolean => !closed.has(`label ${label} at ${provider}`);
  const expected = expectNodes(world, { waiting, outlooks, canLaunch });
  return { places, outlooks, expected, obstacles: new Map() };
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

/** What the plan says of a label that stands in the way of its nodes. */
function obstaclesOf(notes: readonly Note[], label: string): readonly string[] {
  const texts = new Set<string>();
  for (const { about, text, isShare, isSpare } of notes) {
    if (isShare === true || isSpare === true) continue;
    if (about === `label ${label}` || about === 'targets') texts.add(text);
    else if (about.startsWith(`label ${label} at `)) texts.add(`${about.slice(`label ${label} at `.length)} ${text}`);
  }
  return [...texts];
}
