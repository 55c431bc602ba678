/** What was asked of the double: counted for ever, and the last requests kept. Nothing in it is secret. */
import { matches, type FaultMatch } from './faults.ts';
import type { ServiceName } from './http.ts';

export interface RequestRecord {
  readonly service: ServiceName;
  readonly region: string;
  readonly method: string;
  /** Below the service, with the query. */
  readonly target: string;
  /** Pattern of the route: `/v2.1/servers/:id`; null: there is none. */
  readonly route: string | null;
  readonly requestId: string;
  /** The client's own id of the request (`X-Openstack-Request-Id`); null: none. */
  readonly clientRequestId: string | null;
  /** In epoch milliseconds of the double's clock. */
  readonly at: number;
  /** As JSON where it is that; null: none, or one of the identity service, which holds secrets. */
  readonly body: unknown;
  /** null: not answered yet, or never; 0: cut off. */
  status: number | null;
  endedAt: number | null;
}

export interface RequestLog {
  readonly records: readonly RequestRecord[];
  begin(record: Omit<RequestRecord, 'status' | 'endedAt'>): RequestRecord;
  /** How many requests match; of those that were answered with it where a status is given. */
  count(match: FaultMatch & { readonly status?: number }): number;
  /** By service, method and route: `compute POST /v2.1/servers`. */
  counts(): Readonly<Record<string, number>>;
  forget(): void;
}

/** A bench may send more: counts by route stay exact, the oldest records are let go. */
const MAX_RECORDS = 50_000;

export function createRequestLog(): RequestLog {
  const records: RequestRecord[] = [];
  const counts = new Map<string, number>();
  return {
    records,
    begin: (request) => {
      const record: RequestRecord = { ...request, status: null, endedAt: null };
      records.push(record);
      if (records.length > MAX_RECORDS) records.splice(0, MAX_RECORDS / 2);
      const key = `${record.service} ${record.method} ${record.route ?? 'unknown'}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return record;
    },
    count: ({ status, ...match }) =>
      records.filter((record) => matches(match, record) && (status === undefined || status === record.status)).length,
    counts: () => Object.fromEntries(counts),
    forget: () => {
      records.length = 0;
      counts.clear();
    },
  };
}
