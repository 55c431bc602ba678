/**
 * What the calls of the driver are written against: authenticated requests to the services of one cloud.
 * `createSession` (`create-session.ts`) makes it from a {@link CloudAccess}.
 */
import type { ServiceName } from './access.ts';
import type { FileBody } from './http/file-body.ts';

export interface ApiRequest {
  readonly service: ServiceName;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  /** Below the service's versioned endpoint, beginning with a slash: `/servers/detail`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /**
   * Sent as it is, instead of `body`. Such a request has no time limit and ends when `signal` aborts: whoever sends it has to
   * watch how it gets on.
   */
  readonly file?: FileBody;
  /** Microversion of the compute service that the request is written for; absent: its oldest. */
  readonly microversion?: string;
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON; undefined when there was none. */
  readonly body: unknown;
}

export interface Project {
  readonly id: string;
  readonly name: string;
}

export interface Session {
  /**
   * Sends one request with a valid token. A token that the cloud no longer takes is renewed once, for all requests that
   * wait, and the request sent again. GET and HEAD are tried up to three times, with jittered pauses, after a connection
   * error, 500, 502, 503, 504 or an answer that is cut off or not JSON; nothing else is ever sent twice. A file goes with a
   * token that lasts.
   *
   * Errors: `auth`, `not-found` (404), `quota` (403 and 413 that say so, Neutron's OverQuota, Glance's 413), `throttled`
   * (429, other 413), `conflict` (409), `rejected` (other 4xx), `unavailable` (5xx, no or no usable answer), `aborted`, and
   * whatever the stream of a file ends with. Messages hold the cloud's own words, the request and its request id, and no
   * secret.
   */
  send(request: ApiRequest): Promise<ApiResponse>;
  /** The project that the token is for. */
  project(signal: AbortSignal): Promise<Project>;
  /** Whether the catalogue, or the configuration, has an endpoint for the service. */
  has(service: ServiceName, signal: AbortSignal): Promise<boolean>;
  /** The highest of `wanted` (`2.47` ...) that the compute service supports; null: none of them. */
  bestMicroversion(wanted: readonly string[], signal: AbortSignal): Promise<string | null>;
  /** What the catalogue says, for `provider-check`: service to endpoint. */
  endpoints(signal: AbortSignal): Promise<ReadonlyMap<ServiceName, string>>;
  /** Closes connections that are idle at once, and others when their requests have ended. A later request opens new ones. */
  close(): Promise<void>;
}
