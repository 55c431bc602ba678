/**
 * How many nodes each label is short of: what is wanted (demand, and `min-ready` on top of it) less what is
 * there or under way. Where the free places do not allow for all of it while work waits, `min-ready` is dropped,
 * so that it never takes places from that work. While none waits, `min-ready` takes what room there is; the
 * original left such places empty.
 *
 * Requests get nodes of open targets only: others hand their nodes out themselves. Where there are such, jobs in queues get
 * only theirs. So the two are counted apart: neither must starve beside nodes that the other could use.
 */
import type { LabelConfig } from '../config/types.ts';
import { isFree } from '../lifecycle/hand-out.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { TargetLoad } from './allocate.ts';

export interface DeficitInput {
  readonly labels: ReadonlyMap<string, LabelConfig>;
  readonly nodes: readonly NodeRecord[];
  /** Nodes that jobs in queues want per label beyond `min-ready`; includes those that work runs on. */
  readonly demand: ReadonlyMap<string, number>;
  /** Nodes that waiting requests want per label. */
  readonly requested: ReadonlyMap<string, number>;
  readonly targets: TargetsInUse;
  /** Nodes of a label that fit at a provider. */
  readonly room: (label: LabelConfig, provider: string) => number;
}

export interface TargetsInUse {
  /** Only nodes there count as supply. */
  readonly counted: ReadonlySet<string>;
  /** Those whose nodes are granted to requests. */
  readonly open: ReadonlySet<string>;
  /** Whether there are others, which hand their nodes out themselves. */
  readonly hasServed: boolean;
  /** Whether such a one gets nodes now. */
  readonly canServe: boolean;
}

export interface Deficit {
  readonly label: string;
  /** Nodes to add. */
  readonly amount: number;
  /** Those of `amount` that demand asks for; the rest is for `min-ready`. */
  readonly forDemand: number;
  /** Those of `forDemand` that requests ask for; the rest is for jobs in queues. */
  readonly forRequests: number;
  /** Nodes that `min-ready` asks for and that are left out, because there is no room for all of them. */
  readonly dropped: number;
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
  const labels = [...input.labels.values()].filter((label) => label.minReady >= 0);
  const needs = countNeeds(input);
  const needOf = ({ name }: LabelConfig): Need => needs.get(name) ?? NO_NEED;
  const isContested = labels.some((label) => needOf(label).forDemand > 0);
  return labels.map((label) => countDeficit(label, input, { need: needOf(label), isContested }));
}

interface Need {
  readonly demand: number;
  /** Nodes there or under way. */
  readonly supply: number;
  readonly forRequests: number;
  readonly forDemand: number;
}

const NO_NEED: Need = { demand: 0, supply: 0, forRequests: 0, forDemand: 0 };

function countNeeds({ labels, nodes, demand, requested, targets }: DeficitInput): Map<string, Need> {
  const supplies = countSupplies(nodes, targets);
  const { hasServed, canServe } = targets;
  const needs = new Map<string, Need>();
  for (const name of labels.keys()) {
    const { all, served, free } = supplies.get(name) ?? NO_SUPPLY;
    const queued = hasServed && !canServe ? 0 : (demand.get(name) ?? 0);
    const wished = requested.get(name) ?? 0;
    const forRequests = Math.max(0, wished - free);
    const forQueues = hasServed ? Math.max(0, queued - served) : Math.max(0, queued + wished - all - forRequests);
    needs.set(name, { demand: queued + wished, supply: all, forRequests, forDemand: forRequests + forQueues });
  }
  return needs;
}

interface Situation {
  readonly need: Need;
  /** Work waits, for this label or another. */
  readonly isContested: boolean;
}

function countDeficit(label: LabelConfig, { room: roomAt }: DeficitInput, { need, isContested }: Situation): Deficit {
  const { demand, supply, forRequests, forDemand } = need;
  const room = label.providers.reduce((sum, name) => sum + roomAt(label, name), 0);
  const wanted = Math.max(0, demand + label.minReady - supply, forDemand);
  const amount = wanted <= room ? wanted : isContested ? forDemand : room;
  return { label: label.name, amount, forDemand, forRequests, dropped: wanted - amount, room };
}

interface Supply {
  all: number;
  /** Those of targets that hand them out themselves. */
  served: number;
  /** Those that requests can have, now or when they are READY. */
  free: number;
}

const NO_SUPPLY: Readonly<Supply> = { all: 0, served: 0, free: 0 };

function isSupply({ state, target, requestId, registerAt }: NodeRecord, { counted, open }: TargetsInUse): boolean {
  if (!IS_SUPPLY[state] || !counted.has(target)) return false;
  // One that a request has is no supply for what else is wanted.
  if (state === 'used') return requestId === null;
  // What was handed to a target that by now hands none out, nobody can have any more.
  return state !== 'ready' || registerAt === null || !open.has(target);
}

function countSupplies(nodes: readonly NodeRecord[], targets: TargetsInUse): ReadonlyMap<string, Supply> {
  const { open } = targets;
  const supplies = new Map<string, Supply>();
  for (const node of nodes) {
    const { state, target, label } = node;
    if (!isSupply(node, targets)) continue;
    const supply = supplies.get(label) ?? { ...NO_SUPPLY };
    supplies.set(label, supply);
    supply.all += 1;
    if (!open.has(target)) supply.served += 1;
    else if (state !== 'used' && isFree(node)) supply.free += 1;
  }
  return supplies;
}

/** Nodes per label on each of `targets`, in any state, for the allocator to spread new ones evenly. */
export function countTargetLoads(
  nodes: readonly NodeRecord[],
  targets: readonly string[],
  open: ReadonlySet<string>,
): readonly TargetLoad[] {
  const loads = new Map(targets.map((name) => [name, new Map<string, number>()]));
  for (const { target, label } of nodes) {
    const current = loads.get(target);
    current?.set(label, (current.get(label) ?? 0) + 1);
  }
  return Array.from(loads, ([name, current]) => ({ name, current, isOpen: open.has(name) }));
}
