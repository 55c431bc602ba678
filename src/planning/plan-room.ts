/**
 * Makes room for requests that would wait for ever. Places of a provider may be held by nodes that are READY for nobody in
 * particular (`min-ready`), or that are kept for requests which wait for the rest of their sets, each for places that the
 * others hold. When a request has waited for a while, and no place is about to be free for it, nodes go. Only for requests,
 * whose waiting is known; the original left such places to their labels.
 *
 * Those who have waited for long are seen to in the order of their ranks, over all labels:
 *
 * 1. Each counts on what is free, and on what goes already.
 * 2. For what it lacks all the same, nodes go that nobody waits for, the oldest first.
 * 3. For the rest, nodes go that are kept for requests behind it, those of the last in the line first, but only if it then
 *    has its whole set. Otherwise it waits for what is in use, and nobody behind it gets what it could have of them.
 *
 * What somebody counts on who will have his set is not launched for those behind him ({@link Room.closedFrom}): it would
 * be made free for the first in the line and taken by the second, again and again.
 */
import type { LabelConfig } from '../config/types.ts';
import { add, countFitting, RESOURCES, subtract, times, type Amounts } from './amounts.ts';
import type { ImageChoice } from './choose-image.ts';
import type { Draft } from './draft.ts';
import { hopefulProviders, nodeCost } from './offers.ts';
import { openPlots, type Plot } from './plots.ts';
import type { Line } from './turns.ts';

/** A label for whose requests room is made. */
export interface Overdue {
  readonly label: LabelConfig;
  /** Nodes that those lack which have waited for long. */
  readonly missing: number;
  /** Where room may be made, the best place first. */
  readonly providers: readonly string[];
}

export interface Room {
  readonly overdue: readonly Overdue[];
  /** By provider: the first place in the line for which nothing may be launched there. */
  readonly closedFrom: ReadonlyMap<string, number>;
}

const NO_ROOM: Room = { overdue: [], closedFrom: new Map() };

export function planRoom(draft: Draft, line: Line, images: ImageChoice): Room {
  if (!line.turns.some(({ isOverdue }) => isOverdue)) return NO_ROOM;
  const plots = openPlots(draft, line);
  const fields = new Map<string, Field>();
  line.turns.forEach(({ label, lacking, isOverdue }, index) => {
    if (lacking === 0) return;
    let field = fields.get(label);
    if (field === undefined) fields.set(label, (field = openField(draft, label, { plots, images })));
    const claim = isOverdue ? makeRoom(draft, field, { index, lacking }) : NO_CLAIM;
    closePlots(field, claim, index);
  });
  const closedFrom = new Map(Array.from(plots, ([provider, plot]) => [provider, plot.closedFrom]));
  return { overdue: [...fields.values()].filter(({ missing }) => missing > 0), closedFrom };
}

/** Where the nodes of a label can be. */
interface Field {
  readonly label: LabelConfig;
  missing: number;
  readonly providers: readonly string[];
  readonly plots: readonly Plot[];
  /** Those of `plots` where room may be made. */
  readonly grounds: readonly Ground[];
  /** What is there is not enough for more of its requests. */
  isUsedUp: boolean;
}

interface Ground {
  readonly plot: Plot;
  /** What a node takes there. */
  readonly cost: Amounts;
}

interface Surroundings {
  readonly plots: ReadonlyMap<string, Plot>;
  readonly images: ImageChoice;
}

function openField(draft: Draft, name: string, { plots, images }: Surroundings): Field {
  const label = draft.world.config.labels.get(name) as LabelConfig;
  const providers = hopefulProviders(draft, label, images);
  const plotAt = (provider: string): Plot => plots.get(provider) as Plot;
  return {
    label,
    missing: 0,
    providers,
    plots: label.providers.map(plotAt),
    grounds: providers.map((provider) => ({ plot: plotAt(provider), cost: nodeCost(draft, label, provider) })),
    isUsedUp: providers.length === 0,
  };
}

/** What a request counts on. */
interface Claim {
  /** It will have all of its nodes by that. */
  readonly isSure: boolean;
  /** All of that is free now. */
  readonly isFree: boolean;
  readonly plots: readonly Plot[];
}

const NO_CLAIM: Claim = { isSure: false, isFree: false, plots: [] };

interface Want {
  /** Its place in the line. */
  readonly index: number;
  readonly lacking: number;
}

/** What there is for a request: at first what is free, at last all that may go for it. */
const withFree = ({ free }: Plot): Amounts => free;
const withGoing = ({ room }: Plot): Amounts => room;
const withIdle = ({ room, idle }: Plot): Amounts => add(room, idle);
const withKept = (plot: Plot): Amounts => add(withIdle(plot), plot.kept);

function makeRoom(draft: Draft, field: Field, { index, lacking }: Want): Claim {
  const { grounds, label } = field;
  if (grounds.length > 0) field.missing += lacking;
  if (field.isUsedUp) return NO_CLAIM;
  for (const { plot } of grounds) passBy(plot, index);
  const isSure = lacking <= grounds.reduce((sum, { plot, cost }) => sum + countFitting(withKept(plot), cost), 0);
  field.isUsedUp = !isSure;
  const used = new Set<Ground>();
  let left = lacking;
  for (const reach of [withFree, withGoing, withIdle, withKept]) {
    for (const ground of grounds) {
      const count = Math.min(left, countFitting(reach(ground.plot), ground.cost));
      if (count === 0) continue;
      // Nobody’s place in the line is lost for a set that is not complete all the same.
      if (isSure || reach !== withKept) retire(draft, ground, { count, label: label.name });
      countOn(ground, count);
      used.add(ground);
      left -= count;
    }
  }
  return { isSure, isFree: [...used].every(isCovered), plots: Array.from(used, ({ plot }) => plot) };
}

/** What is kept for those before a place in the line, and at it, nobody behind may have. */
function passBy(plot: Plot, index: number): void {
  for (let first = plot.movable[0]; first !== undefined && first.turn <= index; first = plot.movable[0]) {
    plot.movable.shift();
    plot.kept = subtract(plot.kept, first.cost);
  }
}

/** Lets nodes go until there is room for so many nodes. */
function retire(draft: Draft, { plot, cost }: Ground, { count, label }: { count: number; label: string }): void {
  while (countFitting(plot.room, cost) < count) {
    const node = plot.movable.pop()!;
    plot.room = add(plot.room, node.cost);
    if (node.turn === Infinity) plot.idle = subtract(plot.idle, node.cost);
    else plot.kept = subtract(plot.kept, node.cost);
    const subject = `node:${node.id}` as const;
    const end = { detail: `label ${label}`, isFailure: false, consoleOf: null };
    draft.order({ kind: 'retire-node', subject, reason: 'room-needed', nodeId: node.id, ...end });
  }
}

function countOn({ plot, cost }: Ground, count: number): void {
  plot.room = subtract(plot.room, times(cost, count));
  plot.free = subtract(plot.free, times(cost, count));
}

function isCovered({ plot: { free }, cost }: Ground): boolean {
  return RESOURCES.every((resource) => cost[resource] === 0 || free[resource] >= 0);
}

/** Who goes without at a place that is promised waits until those have it who were promised it, and all behind him. */
function closePlots(field: Field, { isSure, isFree, plots }: Claim, index: number): void {
  if (!isSure || !isFree) {
    for (const plot of field.plots) if (plot.isPromised) plot.closedFrom = Math.min(plot.closedFrom, index);
  }
  if (!isSure) return;
  for (const plot of plots) {
    plot.isPromised = true;
    if (!isFree) plot.closedFrom = Math.min(plot.closedFrom, index + 1);
  }
}
