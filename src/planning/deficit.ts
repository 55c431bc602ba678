/**
 * How many nodes each label is short of: what is wanted (demand, and `min-ready` on top of it) less what is
 * there or under way. Where the free places do not allow for all of it while work waits, `min-ready` is dropped,
 * so that it never takes places from that work. While none waits, `min-ready` takes what room there is; the
 * original left such places empty.
 */
import type { LabelConfig } from '../config/types.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { TargetLoad } from './allocate.ts';

export interface DeficitInput {
  readonly labels: ReadonlyMap<string, LabelConfig>;
  readonly nodes: readonly NodeRecord[];
  /** Nodes wanted per label beyond `min-ready`; includes those that work runs on. */
  readonly demand: ReadonlyMap<string, number>;
  /** Only nodes there count as supply. */
  readonly onlineTargets: ReadonlySet<string>;
  /** Nodes of a label that fit at a provider. */
  readonly room: (label: LabelConfig, provider: string) => number;
}

export interface Deficit {
  readonly label: string;
  /** Nodes to add. */
  readonly amount: number;
  /** Those of `amount` that demand asks for; the rest is for `min-ready`. */
  readonly forDemand: number;
  /** Nodes that `min-ready` asks for and that are left out, because there is no room for all of them. */
  readonly dropped: number;
  readonly demand: number;
  /** Nodes there or under way. */
  readonly supply: number;
  /** Nodes that the label's providers have free places for. */
  readonly room: number;
}

/** A held node is out of service, so it is replaced, as one that is to be deleted is. */
const IS_SUPPLY = {
  building: true,
  test: true,
  ready: true,
  used: true,
  hold: false,
  delete: false,
} as const satisfies Record<NodeState, boolean>;

/** One entry per label that is not disabled (`min-ready` -1), in the order of the configuration. */
export function countDeficits(input: DeficitInput): readonly Deficit[] {
  const supplies = countSupply(input.nodes, input.onlineTargets);
  const labels = [...input.labels.values()].filter((label) => label.minReady >= 0);
  const supplyOf = ({ name }: LabelConfig): number => supplies.get(name) ?? 0;
  const isContested = labels.some((label) => (input.demand.get(label.name) ?? 0) > supplyOf(label));
  return labels.map((label) => countDeficit(label, input, { supply: supplyOf(label), isContested }));
}

interface Situation {
  readonly supply: number;
  /** Work waits, for this label or another. */
  readonly isContested: boolean;
}

function countDeficit(
  label: LabelConfig,
  { demand: demands, room: roomAt }: DeficitInput,
  { supply, isContested }: Situation,
): Deficit {
  const demand = demands.get(label.name) ?? 0;
  const room = label.providers.reduce((sum, name) => sum + roomAt(label, name), 0);
  const forDemand = Math.max(0, demand - supply);
  const wanted = Math.max(0, demand + label.minReady - supply);
  const amount = wanted <= room ? wanted : isContested ? forDemand : room;
  return { label: label.name, amount, forDemand, dropped: wanted - amount, demand, supply, room };
}

function countSupply(nodes: readonly NodeRecord[], onlineTargets: ReadonlySet<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { state, target, label } of nodes) {
    if (IS_SUPPLY[state] && onlineTargets.has(target)) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}

/** Nodes per label on each of `targets`, in any state, for the allocator to spread new ones evenly. */
export function countTargetLoads(nodes: readonly NodeRecord[], targets: readonly string[]): readonly TargetLoad[] {
  const loads = new Map(targets.map((name) => [name, new Map<string, number>()]));
  for (const { target, label } of nodes) {
    const current = loads.get(target);
    current?.set(label, (current.get(label) ?? 0) + 1);
  }
  return Array.from(loads, ([name, current]) => ({ name, current }));
}
