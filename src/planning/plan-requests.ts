/**
 * Plans requests: who gets which READY nodes, which leases have run out, how many nodes requests want. One that can
 * never have its nodes as things are configured stands in nobody's way: others go past it, and the plan says why.
 */
import type { LabelConfig } from '../config/types.ts';
import { byRank, handOut, isFree, type NodeGrant } from '../lifecycle/hand-out.ts';
import type { NodeRecord, RequestRecord } from '../lifecycle/records.ts';
import { openTargets } from '../lifecycle/targets.ts';
import type { RequestEnding } from './actions.ts';
import { countFitting, times } from './amounts.ts';
import type { Draft } from './draft.ts';

export function planRequests(draft: Draft): void {
  if (!draft.world.leases.has('supply')) return;
  planEnds(draft);
  if (draft.isBusy('requests')) return;
  const grants = chooseGrants(draft);
  if (grants.length > 0) draft.order({ kind: 'grant-requests', subject: 'requests', reason: 'request', grants });
}

/** Waiting requests that can be served, in the order of their turns. Notes what is in the way of the others. */
export function servable(draft: Draft): readonly RequestRecord[] {
  const known = servableOf.get(draft);
  if (known !== undefined) return known;
  const obstacles = new Map<string, Obstacle>();
  const blocked = new Set<string>();
  const waiting = byRank(draft.world.requests.filter(({ state }) => state === 'waiting'));
  const served = waiting.filter(({ label, count }) => {
    const obstacle = obstacles.get(label) ?? findObstacle(draft, label);
    obstacles.set(label, obstacle);
    if (count <= obstacle.most) return true;
    blocked.add(label);
    return false;
  });
  // Once for all of a label: there may be thousands.
  for (const label of blocked) draft.noteObstacle(label, obstacles.get(label)!);
  servableOf.set(draft, served);
  return served;
}

// Asked by several planners of one plan.
const servableOf = new WeakMap<Draft, readonly RequestRecord[]>();

interface Obstacle {
  /** Nodes of the label that one request can have. */
  readonly most: number;
  /** What is wrong with more. */
  readonly why: string;
}

function findObstacle(draft: Draft, name: string): Obstacle {
  const label = draft.world.config.labels.get(name);
  if (label === undefined) return { most: 0, why: `label ${name} is not in the configuration` };
  if (label.minReady < 0) return { most: 0, why: `label ${name} is disabled: its min-ready is -1` };
  if (openTargets(draft.world.config).length === 0)
    return { most: 0, why: 'every target hands its nodes to Jenkins or Gearman, none grants them to requests' };
  const most = label.providers.reduce((sum, provider) => sum + mostAt(draft, label, provider), 0);
  return { most, why: `label ${name} can have ${most} nodes at once, with what its providers allow` };
}

/** Nodes of a label that would fit at a provider if it were empty. */
function mostAt(draft: Draft, { image, subnodes }: LabelConfig, provider: string): number {
  const ledger = draft.ledgers().get(provider);
  const one = ledger?.costs.get(image) ?? null;
  if (ledger === undefined || one === null) return 0;
  const { limits, maxServers } = ledger;
  return countFitting({ ...limits, servers: Math.min(limits.servers, maxServers) }, times(one, 1 + subnodes));
}

/** Nodes that waiting requests want, per label. */
export function countRequested(draft: Draft): ReadonlyMap<string, number> {
  const wanted = new Map<string, number>();
  for (const { label, count } of servable(draft)) wanted.set(label, (wanted.get(label) ?? 0) + count);
  return wanted;
}

function chooseGrants(draft: Draft): readonly NodeGrant[] {
  const askers = servable(draft);
  if (askers.length === 0) return [];
  const open = new Set(openTargets(draft.world.config));
  const candidates = draft.world.nodes.filter((node) => isCandidate(draft, node, open));
  return handOut(askers, candidates);
}

/** Whether a node can be granted now. */
export function isCandidate(draft: Draft, node: NodeRecord, open: ReadonlySet<string>): boolean {
  if (node.state !== 'ready' || node.checkFailures > 0 || !open.has(node.target) || !isFree(node)) return false;
  // One that is to go is not given away in the same breath.
  return !draft.isRetiring(node.id);
}

function planEnds(draft: Draft): void {
  const granted = draft.world.requests.filter(({ state }) => state === 'granted');
  if (granted.length === 0) return;
  const supplied = new Set<number>();
  for (const { requestId, state } of draft.world.nodes)
    if (requestId !== null && state !== 'delete') supplied.add(requestId);
  const endings = granted.flatMap((request) => findEnd(draft, request, supplied.has(request.id)) ?? []);
  if (endings.length === 0) return;
  const reason = endings.some((ending) => ending.reason === 'expired') ? 'lease-expired' : 'nodes-lost';
  draft.order({ kind: 'end-requests', subject: 'request-ends', reason, endings });
}

function findEnd(draft: Draft, { id, expiresAt }: RequestRecord, hasNodes: boolean): RequestEnding | null {
  const { now, switches } = draft.world;
  const isExpired = expiresAt !== null && expiresAt <= now;
  // The end of a lease is the end of its nodes.
  if (isExpired && switches.deletes) return { id, reason: 'expired', expiredBy: now };
  if (!hasNodes) return { id, reason: 'lost' };
  if (expiresAt !== null && !isExpired) draft.wakeAt(expiresAt);
  return null;
}
