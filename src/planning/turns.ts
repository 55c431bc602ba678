/**
 * The line of all requests that wait, whatever their labels: what each of them has, and what it lacks. The nodes of a label
 * go to its requests in the order of their ranks, as they will be granted: READY ones first, then those on their way.
 *
 * Behind all others are those that cannot have their sets as long as nodes are held, and whoever waits behind them for the
 * same label: what they have so far would be of use to nobody.
 */
import type { LabelConfig } from '../config/types.ts';
import { isFree } from '../lifecycle/hand-out.ts';
import type { NodeState } from '../lifecycle/node-states.ts';
import type { NodeRecord, RequestRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import type { Draft } from './draft.ts';
import { countReachable } from './offers.ts';
import { isCandidate, servable } from './plan-requests.ts';

/** How long a request waits before room is made for it, in milliseconds. */
const PATIENCE_MS = 120_000;

/** A request whose turn comes behind those before it in the line. */
export interface Turn {
  readonly label: string;
  /** Nodes that it wants and that nobody has launched. */
  readonly lacking: number;
  /** It has waited for long. */
  readonly isOverdue: boolean;
  /** READY nodes that wait for the others of its set. */
  readonly kept: readonly NodeRecord[];
}

export interface Line {
  readonly turns: readonly Turn[];
  /** Ids of READY nodes that are for somebody in the line, or are granted by this plan. */
  readonly taken: ReadonlySet<number>;
}

/** What there is of a label for requests. */
interface Lot {
  /** Those that can be granted now. */
  readonly ready: NodeRecord[];
  /** READY ones that are given already. */
  given: number;
  /** Others, which will be READY. */
  coming: number;
  /** Somebody waits for more than there is: nobody of the label overtakes. */
  isShort: boolean;
}

export function lineUp(draft: Draft): Line {
  const taken = new Set<number>();
  const lots = sortIntoLots(draft, taken);
  const turns = inOrder(draft).map((request) => {
    const lot = lots.get(request.label) as Lot;
    const nodes = lot.ready.slice(lot.given, lot.given + request.count);
    for (const { id } of nodes) taken.add(id);
    lot.given += nodes.length;
    const coming = Math.min(lot.coming, request.count - nodes.length);
    lot.coming -= coming;
    const lacking = request.count - nodes.length - coming;
    lot.isShort ||= nodes.length < request.count;
    return {
      label: request.label,
      lacking,
      isOverdue: lacking > 0 && isOverdue(draft, request),
      kept: lot.isShort ? nodes : [],
    };
  });
  return { turns, taken };
}

/** Whoever can be served before who cannot for the time being, else by rank. */
function inOrder(draft: Draft): readonly RequestRecord[] {
  const reachable = new Map<string, number>();
  const stuck = new Set<string>();
  const behind: RequestRecord[] = [];
  const before = servable(draft).filter((request) => {
    const { label: name, count } = request;
    let most = reachable.get(name);
    // There are only labels of the configuration among those that can be served.
    if (most === undefined)
      reachable.set(name, (most = countReachable(draft, draft.world.config.labels.get(name) as LabelConfig)));
    if (count > most) stuck.add(name);
    if (stuck.has(name)) behind.push(request);
    return !stuck.has(name);
  });
  return [...before, ...behind];
}

/** Those that will be READY, a READY one if its next check goes well. */
const IS_COMING = {
  building: true,
  test: true,
  ready: true,
  used: false,
  hold: false,
  delete: false,
} as const satisfies Record<NodeState, boolean>;

function sortIntoLots(draft: Draft, taken: Set<number>): Map<string, Lot> {
  const open = new Set(openTargets(draft.world.config));
  const lots = new Map<string, Lot>();
  for (const { label } of servable(draft))
    if (!lots.has(label)) lots.set(label, { ready: [], given: 0, coming: 0, isShort: false });
  for (const node of draft.world.nodes) {
    const lot = lots.get(node.label);
    if (lot === undefined) continue;
    if (isCandidate(draft, node, open)) lot.ready.push(node);
    else if (IS_COMING[node.state] && open.has(node.target) && isFree(node) && !draft.isRetiring(node.id)) {
      lot.coming += 1;
      taken.add(node.id);
    }
  }
  return lots;
}

/** The plan wakes when it will be. */
function isOverdue(draft: Draft, { createdAt }: RequestRecord): boolean {
  const { now } = draft.world;
  // One "from the future" was made before the clock was set back.
  if (now >= createdAt + PATIENCE_MS || createdAt > now) return true;
  draft.wakeAt(createdAt + PATIENCE_MS);
  return false;
}
