/**
 * Hands out READY nodes to requests. Pure; the store does so when a request comes, the planner for those that wait.
 *
 * Requests of a label are served in their order, each with all of its nodes or none, and nobody overtakes: one that needs
 * many nodes is not starved by others that need few. Nodes are given out in the order in which they come.
 */
import { groupBy } from '../lib/group-by.ts';
import type { NodeRecord, RequestRecord } from './records.ts';

/** A node that may be handed out. */
export interface Candidate {
  readonly id: number;
  readonly label: string;
}

export type Asker = Pick<RequestRecord, 'id' | 'label' | 'count'>;

export interface NodeGrant {
  readonly requestId: number;
  readonly nodeIds: readonly number[];
}

/**
 * Whether a node is nobody's: one that was granted before, or handed to its target, is not given to anybody else, whatever
 * has become of its state or of the target's configuration since.
 */
export function isFree({ requestId, registerAt }: Pick<NodeRecord, 'requestId' | 'registerAt'>): boolean {
  return requestId === null && registerAt === null;
}

/**
 * @param askers in the order of their turns
 * @param candidates in the order in which they are given out
 */
export function handOut(askers: readonly Asker[], candidates: readonly Candidate[]): readonly NodeGrant[] {
  const stocks = groupBy(candidates, ({ label }) => label);
  const given = new Map<string, number>();
  const blocked = new Set<string>();
  const grants: NodeGrant[] = [];
  for (const { id, label, count } of askers) {
    const stock = stocks.get(label) ?? [];
    const from = given.get(label) ?? 0;
    if (blocked.has(label)) continue;
    if (stock.length - from < count) blocked.add(label);
    else {
      grants.push({ requestId: id, nodeIds: stock.slice(from, from + count).map((node) => node.id) });
      given.set(label, from + count);
    }
  }
  return grants;
}

/** Requests in the order of their turns. */
export function byRank<T extends Pick<RequestRecord, 'rank' | 'id'>>(requests: readonly T[]): T[] {
  return requests.toSorted((a, b) => a.rank - b.rank || a.id - b.id);
}
