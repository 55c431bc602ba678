/** The HTTP side of the double: finds the service and the route, lets faults happen, writes answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Clock } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import type { FaultBook, FaultRule } from './faults.ts';
import { takeFile } from './file-intake.ts';
import {
  findRoute,
  Refusal,
  type Call,
  type GrantedCall,
  type Match,
  type Reply,
  type Service,
  type ServiceName,
} from './http.ts';
import type { Grant, Identity } from './identity.ts';
import type { Region } from './region.ts';
import type { RequestLog, RequestRecord } from './request-log.ts';

export interface FrontDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly identity: Identity;
  readonly services: Readonly<Record<ServiceName, Service>>;
  /** The first one answers where the path names none. */
  readonly regions: ReadonlyMap<string, Region>;
  readonly faults: FaultBook;
  readonly log: RequestLog;
  readonly tls: { readonly key: string; readonly cert: string } | null;
}

export interface Front {
  readonly server: Server;
  /** Cuts off the requests that hang. */
  letGo(): void;
}

const SERVICE_NAMES: Readonly<Record<string, ServiceName>> = {
  identity: 'identity',
  compute: 'compute',
  image: 'image',
  network: 'network',
};

export function createFront(deps: FrontDeps): Front {
  const hanging = new Set<IncomingMessage>();
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(deps, hanging, { request, response }).catch((error: unknown) => {
      // A mistake in the double itself: tests have to see it, and not take it for a cloud's.
      response.writeHead(599, { 'Content-Type': 'text/plain' });
      response.end(`the double itself failed: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`);
    });
  };
  return {
    server: deps.tls ? createTlsServer(deps.tls, handle) : createServer(handle),
    letGo: () => {
      for (const request of hanging) request.socket.destroy();
      hanging.clear();
    },
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function serve(deps: FrontDeps, hanging: Set<IncomingMessage>, { request, response }: Exchange): Promise<void> {
  const head = readHead(deps, request);
  if (!head) {
    writeReply(response, { status: 404, headers: { 'Content-Type': 'text/plain' }, body: 'no service there' });
    return;
  }
  const place = findPlace(deps, head);
  const takesFile = place.match !== null && 'receive' in place.match.route;
  const text = takesFile ? '' : await readText(request);
  if (text === null) return;
  const call = { ...head, text, now: deps.clock.now() };
  const record = beginRecord(deps, call, place.match?.route.pattern ?? null);
  const fault = deps.faults.take(record);
  const hold = (): void => void hanging.add(request);
  const reply = await answerInTime(deps, call, { place, fault, request, hold });
  if (fault?.kind === 'hang') {
    hold();
    return;
  }
  record.endedAt = deps.clock.now();
  record.status = reply === null ? 0 : writeFaulty({ request, response }, reply, fault);
}

function findPlace({ services }: FrontDeps, call: Head): Place {
  const service = services[call.service];
  return { service, ...findRoute(service.routes, call.method, service.canonicalPath?.(call) ?? call.path) };
}

interface Handling {
  readonly place: Place;
  readonly fault: FaultRule | null;
  readonly request: IncomingMessage;
  /** Lets the request hang. */
  readonly hold: () => void;
}

/** null: there is nobody left to answer. */
async function answerInTime(deps: FrontDeps, call: Call, handling: Handling): Promise<Reply | null> {
  const { place, fault } = handling;
  const { apiDelayMs } = call.region.behaviour;
  if (apiDelayMs > 0) await deps.clock.sleep(apiDelayMs);
  const grant = deps.identity.grantOf(call.headers['x-auth-token'] as string | undefined);
  const isAdmitted = grant !== null || isOpen(call, place);
  const isDone = fault === null || fault.when === 'after' || SHOWS_REAL_ANSWER.has(fault.kind);
  const now = deps.clock.now();
  // A token comes first, before anything is said about the address.
  const real = (): Reply | Promise<Reply | null> =>
    isAdmitted ? answer(deps, { ...call, now, grant }, handling) : place.service.unauthorized(call);
  const reply = isDone ? await real() : { status: 200 };
  if (reply === null) return null;
  if (fault?.kind === 'slow') await deps.clock.sleep(fault.delayMs);
  const headers = place.service.headersFor(call, { route: place.match?.route ?? null, isAdmitted });
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

/** Keystone says of any address that it does not know it; it does not have to know who asks. */
function isOpen({ service }: Call, { match }: Place): boolean {
  return match ? (match.route.isOpen ?? false) : service === 'identity';
}

/** Faults that are about the answer to what was done. */
const SHOWS_REAL_ANSWER: ReadonlySet<FaultRule['kind']> = new Set(['slow', 'truncate', 'alter', 'cut', 'stall']);

async function readText(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // The client has gone before it had said everything: there is nobody to answer, and nothing to do.
    return null;
  }
  return Buffer.concat(chunks).toString('utf8');
}

type Head = Omit<Call, 'text' | 'now'>;

function readHead({ regions, random }: FrontDeps, request: IncomingMessage): Head | null {
  const scheme = 'encrypted' in request.socket ? 'https' : 'http';
  const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? 'localhost'}`);
  const [, prefix = '', regionName, name = '', path = ''] =
    /^((?:\/regions\/([^/]+))?\/([^/]+))(.*)$/.exec(url.pathname) ?? [];
  const region = regionName === undefined ? [...regions.values()][0] : regions.get(regionName);
  const service = SERVICE_NAMES[name];
  if (!service || !region) return null;
  return {
    service,
    region,
    method: request.method ?? 'GET',
    path,
    query: url.searchParams,
    headers: request.headers,
    root: `${url.origin}${prefix}`,
    requestId: `req-${random.uuid()}`,
  };
}

function beginRecord({ log }: FrontDeps, call: Call, route: string | null): RequestRecord {
  const clientRequestId = call.headers['x-openstack-request-id'];
  return log.begin({
    service: call.service,
    region: call.region.name,
    method: call.method,
    target: call.query.size > 0 ? `${call.path}?${call.query.toString()}` : call.path,
    route,
    requestId: call.requestId,
    clientRequestId: typeof clientRequestId === 'string' ? clientRequestId : null,
    at: call.now,
    body: call.service === 'identity' || call.text === '' ? null : parseOrText(call.text),
  });
}

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What was sent is worth recording also where it is not what it should be.
    return text;
  }
}

interface Place {
  readonly service: Service;
  readonly match: Match | null;
  readonly isKnownPath: boolean;
}

/** What the cloud answers. Routes that are open do not look at the grant. */
function answer(
  { clock }: FrontDeps,
  call: Call & { readonly grant: Grant | null },
  { place: { service, match, isKnownPath }, ...handling }: Handling,
): Reply | Promise<Reply | null> {
  if (!match) return service.noRoute(call, isKnownPath);
  const { route, params } = match;
  try {
    if ('answer' in route) return route.answer(call as GrantedCall, params);
    return takeFile(route.receive(call as GrantedCall, params), { ...handling, clock });
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    throw error;
  }
}

/** Writes the answer, or what a fault makes of it; gives the status that the client sees, 0 where it sees none. */
function writeFaulty({ request, response }: Exchange, reply: Reply, fault: FaultRule | null): number {
  switch (fault?.kind) {
    case 'reset':
      request.socket.resetAndDestroy();
      return 0;
    case 'truncate':
      truncate({ request, response }, reply);
      return 0;
    case 'status':
      return writeReply(response, {
        status: fault.status,
        headers: { ...idsOf(reply), ...fault.headers },
        body: fault.body ?? { error: { code: fault.status, message: 'a fault of the double', title: 'Fault' } },
      });
    case 'not-json':
      return writeReply(response, { status: 200, headers: reply.headers ?? {}, body: '{"servers": [{"id": ' });
    case 'html':
      return writeReply(response, {
        status: fault.status ?? 502,
        headers: { 'Content-Type': 'text/html', Server: 'a-proxy' },
        body: '<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid response.\n</body></html>\n',
      });
    case 'alter':
      return writeReply(response, { ...reply, body: fault.alter(jsonOf(reply)) });
    default:
      return writeReply(response, reply);
  }
}

function idsOf(reply: Reply): Record<string, string> {
  const ids = Object.entries(reply.headers ?? {}).filter(
    (entry): entry is [string, string] => /request-id$/i.test(entry[0]) && typeof entry[1] === 'string',
  );
  return Object.fromEntries(ids);
}

function jsonOf({ body }: Reply): unknown {
  return JSON.parse(typeof body === 'string' ? body : JSON.stringify(body));
}

function render({ headers, body }: Reply): {
  readonly text: string;
  readonly headers: Record<string, string | string[]>;
} {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const all: Record<string, string | string[]> = { 'Content-Type': 'application/json' };
  for (const [name, value] of Object.entries(headers ?? {})) {
    all[name] = typeof value === 'string' ? value : [...value];
  }
  return { text, headers: all };
}

function writeReply(response: ServerResponse, reply: Reply): number {
  const { text, headers } = render(reply);
  response.writeHead(reply.status, {
    ...headers,
    ...(reply.status === 204 ? {} : { 'Content-Length': Buffer.byteLength(text) }),
  });
  response.end(reply.status === 204 ? undefined : text);
  return reply.status;
}

function truncate({ request, response }: Exchange, reply: Reply): void {
  const { text, headers } = render(reply);
  response.writeHead(reply.status, { ...headers, 'Content-Length': Buffer.byteLength(text) });
  response.write(text.slice(0, Math.floor(text.length / 2)), () => request.socket.destroy());
}
