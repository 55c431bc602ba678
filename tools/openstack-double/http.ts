/** What the services of the double see of a request, and what they answer: plain values, apart from node:http. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Grant } from './identity.ts';
import type { Region } from './region.ts';

export type ServiceName = 'identity' | 'compute' | 'image' | 'network';

export interface Call {
  readonly service: ServiceName;
  readonly region: Region;
  readonly method: string;
  /** Below the root of the service, without the query: `/v2.1/servers/detail`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Address of the service's root as the client wrote it: links are made from it. */
  readonly root: string;
  readonly requestId: string;
  /** When it is answered, in epoch milliseconds. */
  readonly now: number;
}

/** A call with a valid token. */
export interface GrantedCall extends Call {
  readonly grant: Grant;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A string goes out as it is, anything else as JSON; absent: no body. */
  readonly body?: unknown;
}

/** Thrown by whoever finds that a request cannot be served; becomes its answer. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

export type Params = Readonly<Record<string, string>>;

interface Place {
  readonly method: string;
  /** `/v2.1/servers/:id`; also the name that calls are counted by. */
  readonly pattern: string;
  /** Answered without a token. */
  readonly isOpen?: boolean;
}

export interface PlainRoute extends Place {
  answer(call: GrantedCall, params: Params): Reply;
}

/** Takes a file, of which nothing is kept. */
export interface FileRoute extends Place {
  /** Before anything of it is read; the call has no text. */
  receive(call: GrantedCall, params: Params): Intake;
}

export type Route = PlainRoute | FileRoute;

export interface Intake {
  take(piece: Uint8Array): void;
  /** All of it has come. */
  finish(now: number): Reply;
  /** The client has gone before. */
  abandon(): void;
}

export interface Service {
  readonly routes: readonly Route[];
  /** The path that routes are matched against; absent: as it came. */
  canonicalPath?(call: Pick<Call, 'path'>): string;
  unauthorized(call: Call): Reply;
  /** Nothing is served there; `isKnownPath`: with another method something is. */
  noRoute(call: Call, isKnownPath: boolean): Reply;
  /** Added to an answer; `route`: null where there is none; `isAdmitted`: no token was missing. */
  headersFor(
    call: Call,
    about: { readonly route: Route | null; readonly isAdmitted: boolean },
  ): Readonly<Record<string, string | readonly string[]>>;
}

export interface Match {
  readonly route: Route;
  readonly params: Params;
}

/** The route for a method and path; null with `isKnownPath` where only the method is wrong. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { readonly match: Match | null; readonly isKnownPath: boolean } {
  const parts = path.split('/');
  let isKnownPath = false;
  for (const route of routes) {
    const params = matchPattern(route.pattern.split('/'), parts);
    if (!params) continue;
    if (route.method === method) return { match: { route, params }, isKnownPath: true };
    isKnownPath = true;
  }
  return { match: null, isKnownPath };
}

function matchPattern(pattern: readonly string[], parts: readonly string[]): Params | null {
  if (pattern.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? '';
    if (expected.startsWith(':') && part !== '') params[expected.slice(1)] = decodeURIComponent(part);
    else if (expected !== part) return null;
  }
  return params;
}

/** `2026-11-22T20:38:10Z`, as all services write times. */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
