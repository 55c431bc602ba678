/** Requests with their nodes, as far as the pool's records show them. */
import { groupBy } from '../lib/group-by.ts';
import type { NodeRecord, PoolRecords, RequestRecord } from '../lifecycle/records.ts';
import type { RequestWithNodes } from '../store/store.ts';

export interface PoolRequests {
  /** Those that wait or have nodes, by row id, in the order of their ids. */
  readonly open: ReadonlyMap<number, RequestWithNodes>;
  /** Any request, with those of its nodes that are still there. */
  withNodes(request: RequestRecord): RequestWithNodes;
}

/** @param before an earlier result: of what did not change since then the objects stay the same */
export function requestsOf(pool: PoolRecords, before: PoolRequests['open'] = new Map()): PoolRequests {
  const imageVersions = new Map(pool.images.map(({ id, version }) => [id, version]));
  const granted = pool.nodes.filter(({ requestId, state }) => requestId !== null && state !== 'delete');
  const nodes = groupBy(granted, ({ requestId }) => requestId);
  const withNodes = (request: RequestRecord): RequestWithNodes => {
    return { request, nodes: nodes.get(request.id) ?? [], imageVersions };
  };
  const keep = (found: RequestWithNodes): RequestWithNodes => {
    const known = before.get(found.request.id);
    return known?.request === found.request && areSame(known.nodes, found.nodes) ? known : found;
  };
  return { open: new Map(pool.requests.map((request) => [request.id, keep(withNodes(request))])), withNodes };
}

function areSame(some: readonly NodeRecord[], others: readonly NodeRecord[]): boolean {
  return some.length === others.length && some.every((node, index) => node === others[index]);
}
