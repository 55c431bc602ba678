/** What there is at each provider for those who need room: what is free, what goes already, and which nodes could go. */
import { groupBy } from '../lib/group-by.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import { add, NOTHING, type Amounts } from './amounts.ts';
import type { Draft } from './draft.ts';
import { sumCosts } from './offers.ts';
import type { Line } from './turns.ts';

export interface Plot {
  /** What is free now, less what somebody counts on. */
  free: Amounts;
  /** The same with what will be free when what goes is gone. Negative: somebody counts on nodes that stay for now. */
  room: Amounts;
  /** READY nodes that could go, the first to go last. */
  readonly movable: Movable[];
  /** What those of them take that nobody waits for, and the others. */
  idle: Amounts;
  kept: Amounts;
  /** Somebody who will have his nodes counts on what is here. */
  isPromised: boolean;
  /** The first place in the line for which nothing may be launched here; Infinity: none. */
  closedFrom: number;
}

export interface Movable {
  readonly id: number;
  readonly provider: string;
  readonly cost: Amounts;
  /** The place in the line of the request for which it is kept; Infinity: nobody waits for it. */
  readonly turn: number;
}

export function openPlots(draft: Draft, line: Line): ReadonlyMap<string, Plot> {
  const providerOf = ({ provider }: { readonly provider: string }): string => provider;
  const movable = groupBy(draft.world.switches.deletes ? findMovable(draft, line) : [], providerOf);
  const going = groupBy(
    draft.world.nodes.filter(({ id, state }) => state === 'delete' || draft.isRetiring(id)),
    providerOf,
  );
  return new Map(
    Array.from(draft.ledgers(), ([provider, { left }]) => {
      const nodes = movable.get(provider) ?? [];
      const plot = {
        free: left,
        // What goes already makes room by itself.
        room: add(left, sumCosts(draft, going.get(provider) ?? [])),
        movable: nodes,
        idle: sum(nodes.filter(({ turn }) => turn === Infinity)),
        kept: sum(nodes.filter(({ turn }) => turn !== Infinity)),
        isPromised: false,
        closedFrom: Infinity,
      };
      return [provider, plot];
    }),
  );
}

function sum(nodes: readonly Movable[]): Amounts {
  return nodes.reduce((all, { cost }) => add(all, cost), NOTHING);
}

/** Nodes kept for those who are first in the line are the last to go, and of nodes alike the oldest is the first. */
function findMovable(draft: Draft, { turns, taken }: Line): readonly Movable[] {
  const isUseful = findUses(draft);
  const kept = turns.flatMap(({ kept: nodes }, turn) => nodes.map((node) => ({ node, turn })));
  const idle = draft.world.nodes
    .filter((node) => node.state === 'ready' && !draft.isRetiring(node.id) && !taken.has(node.id))
    .map((node) => ({ node, turn: Infinity }));
  return [...kept, ...idle]
    .filter(({ node }) => !isUseful(node))
    .sort((a, b) => (a.turn === b.turn ? b.node.stateAt - a.node.stateAt || b.node.id - a.node.id : a.turn - b.turn))
    .map(({ node, turn }) => ({ id: node.id, provider: node.provider, cost: sumCosts(draft, [node]), turn }));
}

/** Tells of READY nodes whether jobs in queues want them, or they are in use all the same. */
function findUses({ world: { config, demand, targets } }: Draft): (node: NodeRecord) => boolean {
  const open = new Set(openTargets(config));
  // Nodes of open targets serve jobs in queues only where there are no others.
  const servesQueues = (target: string): boolean => !open.has(target) || open.size === config.targets.size;
  const isInUse = ({ target, nodename, registerAt }: NodeRecord): boolean => {
    if (config.targets.get(target)?.assignViaGearman === true) return registerAt !== null;
    return targets.get(target)?.answer?.agents.get(nodename ?? '')?.isBusy === true;
  };
  return (node) => ((demand.get(node.label) ?? 0) > 0 && servesQueues(node.target)) || isInUse(node);
}
