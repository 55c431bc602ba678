/** Faults that are armed by rule and happen to the next requests that the rule is meant for. */
import type { ServiceName } from './http.ts';

export interface FaultMatch {
  readonly service?: ServiceName;
  readonly method?: string;
  /** Tried on the path below the service, query included: `/v2.1/servers/detail?limit=1`. */
  readonly path?: RegExp;
}

export type Fault =
  /** Another answer than the real one. */
  | {
      readonly kind: 'status';
      readonly status: number;
      /** A string goes out as it is; absent: an error in the service's own form is not tried, but a short JSON. */
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is reset. */
  | { readonly kind: 'reset' }
  /** There is no answer, until the double is closed or {@link OpenStackDouble.clearFaults} lets go. */
  | { readonly kind: 'hang' }
  /** The real answer, of which only the first half comes before the connection closes. */
  | { readonly kind: 'truncate' }
  /** 200 and text that is no JSON. */
  | { readonly kind: 'not-json' }
  /** The error page of a proxy in front of the service. */
  | { readonly kind: 'html'; readonly status?: number }
  /** The real answer, so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The connection is reset when so much of a file has come. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** No more of a file is read when so much has come, until {@link OpenStackDouble.clearFaults} lets go. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** The real answer, with its JSON changed: what `alter` gives back goes out. */
  | { readonly kind: 'alter'; readonly alter: (body: unknown) => unknown };

export type FaultRule = Fault & {
  readonly match: FaultMatch;
  /** To so many requests; absent: one. */
  readonly times?: number;
  /** So many requests that match are let through first. */
  readonly skip?: number;
  /** Whether what the request asks for is done all the same; absent: it is not (`before`). */
  readonly when?: 'before' | 'after';
};

export interface ArmedFault {
  /** How often it has happened. */
  readonly hits: number;
  disarm(): void;
}

export interface FaultBook {
  arm(rule: FaultRule): ArmedFault;
  /** The fault for a request, which counts as having happened; the one armed first wins. */
  take(request: { readonly service: ServiceName; readonly method: string; readonly target: string }): FaultRule | null;
  clear(): void;
}

interface Entry {
  readonly rule: FaultRule;
  skip: number;
  left: number;
  hits: number;
}

export function createFaultBook(): FaultBook {
  const entries: Entry[] = [];
  return {
    arm: (rule) => {
      const entry: Entry = { rule, skip: rule.skip ?? 0, left: rule.times ?? 1, hits: 0 };
      entries.push(entry);
      return {
        get hits() {
          return entry.hits;
        },
        disarm: () => {
          entry.left = 0;
        },
      };
    },
    take: (request) => {
      for (const entry of entries) {
        if (entry.left < 1 || !matches(entry.rule.match, request)) continue;
        if (entry.skip > 0) {
          entry.skip -= 1;
          continue;
        }
        entry.left -= 1;
        entry.hits += 1;
        return entry.rule;
      }
      return null;
    },
    clear: () => {
      for (const entry of entries.splice(0)) entry.left = 0;
    },
  };
}

export function matches(
  { service, method, path }: FaultMatch,
  request: { readonly service: ServiceName; readonly method: string; readonly target: string },
): boolean {
  return (
    (service === undefined || service === request.service) &&
    (method === undefined || method === request.method) &&
    (path === undefined || path.test(request.target))
  );
}
