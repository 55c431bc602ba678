import { groupBy } from '../lib/group-by.ts';
import type { RequestRecord } from '../lifecycle/records.ts';
import { compare } from './columns.ts';

/** Requests for nodes of one label. */
export interface RequestStatus {
  readonly label: string;
  /** Requests that wait, and how many nodes they want. */
  readonly waiting: number;
  readonly nodes_wanted: number;
  /** Requests that have nodes. */
  readonly granted: number;
}

/** Labels for which there are requests, sorted. */
export function describeRequests(requests: readonly RequestRecord[]): RequestStatus[] {
  const byLabel = groupBy(requests, ({ label }) => label);
  const rows = [...byLabel].map(([label, all]) => {
    const waiting = all.filter(({ state }) => state === 'waiting');
    const wanted = waiting.reduce((sum, { count }) => sum + count, 0);
    return { label, waiting: waiting.length, nodes_wanted: wanted, granted: all.length - waiting.length };
  });
  return rows.toSorted((a, b) => compare(a.label, b.label));
}
