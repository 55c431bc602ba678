/**
 * Makes room for requests that would wait for ever: nodes that are READY for nobody in particular (`min-ready`) may hold
 * all places of a provider. When a request has waited for a while and no place is about to be free for it, the oldest of
 * these nodes go, and no new ones take their places until it has its nodes. Only for requests, whose waiting is known;
 * the original left such places to their labels.
 */
import type { LabelConfig } from '../config/types.ts';
import { groupBy } from '../lib/group-by.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import type { Launch } from './actions.ts';
import { add, countFitting, NOTHING, subtract, times, type Amounts } from './amounts.ts';
import type { ImageChoice } from './choose-image.ts';
import type { Deficit } from './deficit.ts';
import type { Draft } from './draft.ts';
import { hopefulProviders, nodeCost, sumCosts } from './offers.ts';
import { servable } from './plan-requests.ts';

/** How long a request waits before others' idle nodes go for it, in milliseconds. */
const PATIENCE_MS = 120_000;

/** A label for whose requests room is made. */
export interface Overdue {
  readonly label: LabelConfig;
  /** Nodes that they lack. */
  readonly missing: number;
  /** Where room may be made, the best place first. */
  readonly providers: readonly string[];
}

/** Labels of which requests have waited for long, and lack nodes that nobody has launched. */
export function findOverdue(draft: Draft, deficits: readonly Deficit[], images: ImageChoice): readonly Overdue[] {
  const { config } = draft.world;
  const young = countYoung(draft);
  return deficits.flatMap(({ label: name, forRequests }) => {
    const label = config.labels.get(name);
    // What is there or on its way is for those who have waited longest.
    const missing = forRequests - (young.get(name) ?? 0);
    if (missing <= 0 || label === undefined) return [];
    const providers = hopefulProviders(draft, label, images);
    return providers.length === 0 ? [] : [{ label, missing, providers }];
  });
}

/** Nodes per label that requests want which have not waited for long. The plan wakes when they have. */
function countYoung(draft: Draft): ReadonlyMap<string, number> {
  const { now } = draft.world;
  const young = new Map<string, number>();
  for (const { label, count, createdAt } of servable(draft)) {
    // One "from the future" was made before the clock was set back.
    if (now >= createdAt + PATIENCE_MS || createdAt > now) continue;
    draft.wakeAt(createdAt + PATIENCE_MS);
    young.set(label, (young.get(label) ?? 0) + count);
  }
  return young;
}

/** Leaves out what would be launched for `min-ready` where somebody has waited for long for the place. */
export function yieldPlaces(
  draft: Draft,
  deficits: readonly Deficit[],
  overdue: readonly Overdue[],
): readonly Deficit[] {
  if (overdue.length === 0) return deficits;
  const spare = findSpare(draft, overdue);
  return deficits.map((deficit) => {
    const { amount, forDemand, dropped } = deficit;
    const label = draft.world.config.labels.get(deficit.label);
    if (amount <= forDemand || label === undefined) return deficit;
    let kept = forDemand;
    for (const provider of label.providers) {
      const cost = nodeCost(draft, label, provider);
      const left = spare.get(provider) ?? NOTHING;
      const count = Math.min(amount - kept, countFitting(left, cost));
      spare.set(provider, subtract(left, times(cost, count)));
      kept += count;
    }
    return { ...deficit, amount: kept, dropped: dropped + amount - kept };
  });
}

/** What is free at each provider beyond what those need who have waited for long, wherever they may get it. */
function findSpare(draft: Draft, overdue: readonly Overdue[]): Map<string, Amounts> {
  const spare = new Map(Array.from(draft.ledgers(), ([name, { left }]) => [name, left]));
  for (const { label, missing, providers } of overdue) {
    for (const name of providers)
      spare.set(name, subtract(spare.get(name) ?? NOTHING, times(nodeCost(draft, label, name), missing)));
  }
  return spare;
}

/** @param launches those of this plan */
export function planRoom(draft: Draft, overdue: readonly Overdue[], launches: readonly Launch[]): void {
  if (!draft.world.switches.deletes || overdue.length === 0) return;
  const plots = openPlots(draft, launches);
  for (const { label, missing, providers } of overdue) {
    const launched = launches.filter((launch) => launch.label === label.name && launch.reason === 'request').length;
    let lacking = missing - launched;
    for (const provider of providers) {
      const plot = plots.get(provider);
      if (lacking > 0 && plot !== undefined) lacking -= makeRoom(draft, label, { plot, lacking });
    }
  }
}

/** A provider with what is there for those who need room. */
interface Plot {
  readonly provider: string;
  /** What is free, or will be when what goes is gone, less what was made free for somebody. */
  room: Amounts;
  /** READY nodes that nobody waits for, the oldest first. */
  idle: readonly NodeRecord[];
}

function openPlots(draft: Draft, launches: readonly Launch[]): ReadonlyMap<string, Plot> {
  const { nodes } = draft.world;
  const idle = groupBy(findIdle(draft), ({ provider }) => provider);
  // What goes already makes room by itself.
  const going = groupBy(
    nodes.filter((node) => isGoing(draft, node)),
    ({ provider }) => provider,
  );
  return new Map(
    [...draft.ledgers().keys()].map((provider) => {
      const room = add(leftAfter(draft, provider, launches), sumCosts(draft, going.get(provider) ?? []));
      return [provider, { provider, room, idle: idle.get(provider) ?? [] }];
    }),
  );
}

/** Answers for how many nodes there is room, or will be when what has to go is gone. */
function makeRoom(draft: Draft, label: LabelConfig, { plot, lacking }: { plot: Plot; lacking: number }): number {
  const cost = nodeCost(draft, label, plot.provider);
  // Nobody goes for a set that does not fit all the same.
  const count = Math.min(lacking, countFitting(add(plot.room, sumCosts(draft, plot.idle)), cost));
  let gone = 0;
  for (; countFitting(plot.room, cost) < count; gone += 1) {
    const node = plot.idle[gone]!;
    plot.room = add(plot.room, sumCosts(draft, [node]));
    const subject = `node:${node.id}` as const;
    const end = { detail: `label ${label.name}`, isFailure: false, consoleOf: null };
    draft.order({ kind: 'retire-node', subject, reason: 'room-needed', nodeId: node.id, ...end });
  }
  plot.idle = plot.idle.slice(gone);
  plot.room = subtract(plot.room, times(cost, count));
  return count;
}

function leftAfter(draft: Draft, provider: string, launches: readonly Launch[]): Amounts {
  const left = draft.ledgers().get(provider)?.left ?? NOTHING;
  return launches
    .filter((launch) => launch.provider === provider)
    .reduce(
      (rest, { label }) => subtract(rest, nodeCost(draft, draft.world.config.labels.get(label)!, provider)),
      left,
    );
}

function isGoing(draft: Draft, { id, state, serverId, attemptAt }: NodeRecord): boolean {
  if (state !== 'delete') return draft.isRetiring(id);
  // The places of servers that are known to be gone are free.
  return serverId !== null || attemptAt !== null;
}

/** READY nodes that nobody waits for, the oldest first. */
function findIdle(draft: Draft): readonly NodeRecord[] {
  const { config, demand, targets, nodes } = draft.world;
  const open = new Set(openTargets(config));
  const requested = new Set(servable(draft).map(({ label }) => label));
  const isWanted = ({ label, target }: NodeRecord): boolean =>
    (open.has(target) && requested.has(label)) ||
    // Nodes of open targets serve jobs in queues only where there are no others.
    ((demand.get(label) ?? 0) > 0 && (!open.has(target) || open.size === config.targets.size));
  const isInUse = ({ target, nodename, registerAt }: NodeRecord): boolean => {
    if (config.targets.get(target)?.assignViaGearman === true) return registerAt !== null;
    return targets.get(target)?.answer?.agents.get(nodename ?? '')?.isBusy === true;
  };
  return nodes
    .filter((node) => node.state === 'ready' && !draft.isRetiring(node.id) && !isWanted(node) && !isInUse(node))
    .toSorted((a, b) => a.stateAt - b.stateAt || a.id - b.id);
}
