/** The HTTP side: turns requests into values, lets faults happen, writes answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../src/lib/clock.ts';
import type { FaultBook, FaultRule } from './faults.ts';
import { containerPage, type Reply } from './replies.ts';
import { answer, type Request, type Site } from './routes.ts';

export interface RequestRecord {
  readonly method: string;
  /** Below the address of Jenkins, without the query. */
  readonly path: string;
  /** Epoch milliseconds of the double's clock. */
  readonly at: number;
  /** null: not answered yet, or never. */
  status: number | null;
}

export interface FrontDeps {
  /** `/` or `/jenkins/`. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly faults: FaultBook;
  readonly site: Omit<Site, 'url'>;
  readonly requests: RequestRecord[];
}

/** Does not listen yet. */
export function createFront(deps: FrontDeps): Server {
  return createServer((incoming, outgoing) => {
    void serve(deps, incoming, outgoing).catch((error: unknown) => {
      // A mistake in the double itself: tests have to see it, and not take it for Jenkins'.
      outgoing.writeHead(599, { 'Content-Type': 'text/html' });
      outgoing.end(`<title>the double itself failed: ${String(error)}</title>`);
    });
  });
}

async function serve(deps: FrontDeps, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { prefix, clock, faults, requests } = deps;
  const url = new URL(incoming.url ?? '/', `http://${incoming.headers.host}`);
  const { method = '', headers } = incoming;
  const isWithin = url.pathname.startsWith(prefix);
  const path = isWithin ? url.pathname.slice(prefix.length) : url.pathname;
  const request: Request = { method, path, query: url.searchParams, headers, body: await readBody(incoming) };
  const record: RequestRecord = { method, path, at: clock.now(), status: null };
  requests.push(record);
  const fault = faults.take(record);
  const isDone = fault === null || fault.isDone || fault.kind === 'slow' || fault.kind === 'stall';
  const reply = isDone && isWithin ? admit(deps, request, `${url.origin}${prefix}`) : containerPage(404, 'Not Found');
  if (fault?.kind === 'slow') await clock.sleep(fault.delayMs);
  record.status = write(outgoing, reply, fault);
}

function admit({ site }: FrontDeps, request: Request, url: string): Reply {
  return site.access.turnAway(request.method, request.headers) ?? answer({ ...site, url }, request);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Gives the status that the client sees, null where it sees none. */
function write(outgoing: ServerResponse, reply: Reply, fault: FaultRule | null): number | null {
  switch (fault?.kind) {
    case 'hang':
      return null;
    case 'reset':
      outgoing.socket?.resetAndDestroy();
      return null;
    case 'huge':
      outgoing.writeHead(200, { 'Content-Type': 'application/json' });
      pour(outgoing);
      return 200;
    case 'stall':
      outgoing.writeHead(reply.status, { ...reply.headers, 'Content-Length': Buffer.byteLength(reply.body) + 1 });
      outgoing.write(reply.body.slice(0, reply.body.length / 2));
      return reply.status;
    case 'status':
      return send(outgoing, toReply(fault));
    default:
      return send(outgoing, reply);
  }
}

function toReply({ status, headers = {}, body }: FaultRule & { readonly kind: 'status' }): Reply {
  const page = containerPage(status, 'a fault of the double', headers);
  return body === undefined ? page : { ...page, body };
}

function send(outgoing: ServerResponse, { status, headers, body }: Reply): number {
  outgoing.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  outgoing.end(body);
  return status;
}

const PIECE = Buffer.alloc(256 * 1024, ' ');

/** As long as the client takes it. */
function pour(outgoing: ServerResponse): void {
  if (outgoing.destroyed) return;
  outgoing.write(PIECE, () => pour(outgoing));
}
