/** A server of `node:http` that holds out against slow, careless and hostile clients. */
import { getRequestListener } from '@hono/node-server';
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { bodyOf, ERROR_STATUS, HttpError } from './http-error.ts';

/** How long a client may take, in milliseconds, and how much it may take up. */
export interface ServerLimits {
  /** For the headers of a request. */
  readonly headersMs: number;
  /** For a whole request. */
  readonly requestMs: number;
  /** Without a byte in either direction while a request is served. Streams send a comment every 15 s. */
  readonly silenceMs: number;
  /** Between two requests. */
  readonly idleMs: number;
  /** How often it is looked for those that take too long. */
  readonly checkMs: number;
  readonly headerBytes: number;
  readonly connections: number;
}

export const SERVER_LIMITS: ServerLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  silenceMs: 60_000,
  idleMs: 15_000,
  checkMs: 2000,
  headerBytes: 16 * 1024,
  connections: 1000,
};

/** What is under way may take so long to end when the server closes. */
const CLOSE_LIMIT_MS = 2000;

/** Answers a request; what is passed with it are Node's own objects. */
export type Fetch = Parameters<typeof getRequestListener>[0];

export interface Place {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface HttpServer {
  readonly place: Place;
  /** Takes no more connections, and resolves when those that there are have ended. */
  close(): Promise<void>;
}

interface ServerDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  readonly log: Log;
}

/** Listens at the place. Rejects with the operating system's error when that cannot be had. */
export async function openHttpServer(place: Place, { fetch, clock, limits, log }: ServerDeps): Promise<HttpServer> {
  const server = createLimitedServer(fetch, limits);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(place.port, place.host, () => {
      server.off('error', reject);
      // The server goes on, but one that cannot accept connections, for want of file descriptors, must not be silent.
      server.on('error', (error) => log.warn({ err: error }, 'a connection could not be accepted'));
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return { place: { host: address, port }, close: () => closeServer(server, clock) };
}

function createLimitedServer(fetch: Fetch, limits: ServerLimits): Server {
  const listener = getRequestListener(fetch, { errorHandler: answerUnreadable });
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: limits.checkMs,
    // The listener sees to it, with an answer of the usual form.
    requireHostHeader: false,
  };
  const server = createServer(options, (incoming, outgoing) => {
    // Else a connection that has had its answer would keep a server that closes waiting for another request.
    outgoing.once('close', () => {
      if (!server.listening) server.closeIdleConnections();
    });
    // An answer that fails ends its own connection, never the daemon.
    listener(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.timeout = limits.silenceMs;
  server.maxConnections = limits.connections;
  server.on('clientError', (error: Error, socket: Duplex) => answerRaw(socket, describeParserError(error)));
  server.on('connect', (_incoming: IncomingMessage, socket: Duplex) => {
    answerRaw(socket, new HttpError('method-not-allowed', 'this is no proxy'));
  });
  server.on('checkExpectation', (_incoming: IncomingMessage, outgoing: ServerResponse) => {
    answerPlain(outgoing, new HttpError('expectation-failed', 'only Expect: 100-continue is known'));
  });
  return server;
}

/** What has no usable URL never gets to the application. */
function answerUnreadable(error: unknown): Response {
  const isUnreadable = error instanceof Error && error.name === 'RequestError';
  const answer = isUnreadable
    ? new HttpError('malformed', 'the address or the Host header cannot be read')
    : new HttpError('internal', 'something went wrong on our side');
  return Response.json(bodyOf(answer), { status: ERROR_STATUS[answer.code], headers: COMMON_HEADERS });
}

/** Answers say what they are, and are kept by nobody. */
export const COMMON_HEADERS = { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' };

function answerPlain(outgoing: ServerResponse, error: HttpError): void {
  const headers = { ...COMMON_HEADERS, 'Content-Type': 'application/json', Connection: 'close' };
  outgoing.writeHead(ERROR_STATUS[error.code], headers);
  outgoing.end(JSON.stringify(bodyOf(error)));
}

const PARSER_ERRORS: Readonly<Record<string, HttpError>> = {
  HPE_HEADER_OVERFLOW: new HttpError('headers-too-large', 'the headers are too large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new HttpError('too-large', 'the extensions of a chunk are too large'),
  ERR_HTTP_REQUEST_TIMEOUT: new HttpError('request-timeout', 'the request did not come in time'),
};
const UNREADABLE = new HttpError('malformed', 'this is not HTTP');

function describeParserError(error: Error): HttpError {
  return PARSER_ERRORS[systemErrorCode(error) ?? ''] ?? UNREADABLE;
}

/** Node's name for the answer that is under way on a connection; its own handler of such errors looks there as well. */
interface BusySocket extends Duplex {
  readonly _httpMessage?: { readonly headersSent: boolean } | null;
}

/** Answers where there is no response object, and ends the connection. */
function answerRaw(socket: BusySocket, error: HttpError): void {
  // Node has given the connection of a CONNECT away: nobody else would notice that the client has broken off.
  socket.on('error', () => socket.destroy());
  // Into an answer that has begun nothing can be said.
  if (!socket.writable || socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  const status = ERROR_STATUS[error.code];
  const body = JSON.stringify(bodyOf(error));
  const headers = {
    ...COMMON_HEADERS,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
  (socket as Socket).destroySoon();
}

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const enough = new AbortController();
  await Promise.race([closed, clock.sleep(CLOSE_LIMIT_MS, enough.signal)]);
  enough.abort();
  server.closeAllConnections();
  await closed;
}
