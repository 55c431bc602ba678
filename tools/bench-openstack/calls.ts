/** What can be told from the requests that the cloud got. */
import type { Request } from './cloud-process.ts';

const CREATE = 'compute POST /v2.1/servers';
const DELETE = 'compute DELETE /v2.1/servers/:id';

const KINDS: Readonly<Record<string, string>> = {
  [CREATE]: 'creates',
  [DELETE]: 'deletions',
  'compute GET /v2.1/servers/detail': 'listings of servers',
  'network GET /v2.0/ports': 'listings of ports',
};

/** Requests per node, by kind. */
export function callFigures(requests: readonly Request[], nodes: number): Readonly<Record<string, number>> {
  const figures: Record<string, number> = { all: requests.length / nodes };
  for (const { call } of requests) {
    const kind = KINDS[call] ?? 'others';
    figures[kind] = (figures[kind] ?? 0) + 1 / nodes;
  }
  return figures;
}

export interface Deletions {
  /** When the nodes were marked, in epoch milliseconds. */
  readonly markedAt: number;
  readonly nodes: number;
  /** Least time between two calls; 0: none. */
  readonly rateMs: number;
}

/** How long it took until every server was asked to go. */
export function deletionFigures(
  requests: readonly Request[],
  { markedAt, nodes, rateMs }: Deletions,
): Readonly<Record<string, number>> {
  const deletions = requests.filter(({ call }) => call === DELETE).slice(0, nodes);
  const lastMs = (deletions.at(-1)?.at ?? NaN) - markedAt;
  const calls = requests.filter(({ call, at }) => (call === CREATE || call === DELETE) && at <= markedAt + lastMs);
  return {
    'last deletion asked for after s': lastMs / 1000,
    ...(rateMs === 0 ? {} : { 'of what the rate allows': lastMs / (rateMs * nodes) }),
    'creates meanwhile': calls.length - deletions.length,
  };
}

/** Creates that the cloud has refused for its quota, and accepted. */
export function refusals(requests: readonly Request[]): Readonly<Record<string, number>> {
  const creates = requests.filter(({ call }) => call === CREATE);
  return {
    'creates sent': creates.length,
    'creates refused': creates.filter(({ status }) => status !== 202).length,
  };
}
