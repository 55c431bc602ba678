/** Leaves out what is not to be launched where somebody has waited for long for the place: `min-ready`, and who is behind. */
import type { LabelConfig } from '../config/types.ts';
import { groupBy } from '../lib/group-by.ts';
import { countFitting, NOTHING, subtract, times, type Amounts } from './amounts.ts';
import type { Deficit } from './deficit.ts';
import type { Draft } from './draft.ts';
import { nodeCost } from './offers.ts';
import type { Overdue, Room } from './plan-room.ts';
import type { Line } from './turns.ts';

export interface Need extends Deficit {
  /** Nodes for requests that are left out because it is the turn of others. */
  readonly deferred: number;
  /** Providers where none of them is launched now. */
  readonly closed: ReadonlySet<string>;
}

interface Queue {
  readonly line: Line;
  readonly room: Room;
}

const OPEN: ReadonlySet<string> = new Set();

export function yieldPlaces(draft: Draft, deficits: readonly Deficit[], { line, room }: Queue): readonly Need[] {
  if (room.overdue.length === 0) return deficits.map((deficit) => ({ deferred: 0, closed: OPEN, ...deficit }));
  const lacks = findLacks(line);
  const spare = findSpare(draft, room.overdue);
  return deficits.map((deficit) => {
    const label = draft.world.config.labels.get(deficit.label) as LabelConfig;
    const need = awaitTurn(deficit, { label, lacks: lacks.get(label.name) ?? [], room });
    return yieldSpare(draft, need, { label, spare });
  });
}

/** What a request lacks, with its place in the line. */
interface Lack {
  readonly index: number;
  readonly lacking: number;
}

/** By label, in the order of the line. */
function findLacks({ turns }: Line): ReadonlyMap<string, readonly Lack[]> {
  const lacks = turns.map(({ label, lacking }, index) => ({ label, lacking, index }));
  return groupBy(
    lacks.filter(({ lacking }) => lacking !== 0),
    ({ label }) => label,
  );
}

interface Waiting {
  readonly label: LabelConfig;
  readonly lacks: readonly Lack[];
  readonly room: Room;
}

/** Leaves out requests whose turn is behind that of others for whom places are kept. Jobs in queues have no such turn. */
function awaitTurn(deficit: Deficit, { label: { providers }, lacks, room }: Waiting): Need {
  const { forRequests, forDemand, amount } = deficit;
  const first = lacks[0]?.index ?? -1;
  const closedFrom = (provider: string): number => room.closedFrom.get(provider) ?? Infinity;
  // What jobs in queues wait for may be anywhere: then nothing is launched for requests that are behind at one of them.
  const isMixed = forDemand > forRequests;
  const closed = isMixed ? OPEN : new Set(providers.filter((provider) => closedFrom(provider) <= first));
  const until = Math.min(...providers.filter((provider) => !closed.has(provider)).map(closedFrom));
  const inTurn = lacks.reduce((sum, { index, lacking }) => (index < until ? sum + lacking : sum), 0);
  const deferred = closed.size === providers.length ? forRequests : Math.max(0, forRequests - inTurn);
  return {
    deferred,
    closed,
    ...deficit,
    amount: amount - deferred,
    forDemand: forDemand - deferred,
    forRequests: forRequests - deferred,
  };
}

interface Leftovers {
  readonly label: LabelConfig;
  /** What is free at each provider beyond what requests need; less with each label that takes of it. */
  readonly spare: Map<string, Amounts>;
}

/** Leaves out what `min-ready` would take from those who have waited for long. */
function yieldSpare(draft: Draft, need: Need, { label, spare }: Leftovers): Need {
  const { amount, forDemand, dropped } = need;
  if (amount <= forDemand) return need;
  let kept = forDemand;
  for (const provider of label.providers) {
    const cost = nodeCost(draft, label, provider);
    const left = spare.get(provider) ?? NOTHING;
    const count = Math.min(amount - kept, countFitting(left, cost));
    spare.set(provider, subtract(left, times(cost, count)));
    kept += count;
  }
  return { ...need, amount: kept, dropped: dropped + amount - kept };
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
