/** An HTTP server in this process that answers as a test says, also as no server should. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export type Reply =
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Sent as JSON. */
      readonly json?: unknown;
      readonly text?: string;
    }
  /** The connection is reset without an answer, in the middle of one, or nothing ever comes. */
  | 'reset'
  | 'cut-off'
  | 'silence';

/** `nth` counts from 1 and for this path and method alone. */
export type Respond = (request: Received, nth: number) => Reply | Promise<Reply>;

export interface HttpDouble {
  readonly url: string;
  readonly received: Received[];
  /** The connections that were ever made to it. */
  readonly connections: number;
  /** Those that are open now. */
  readonly open: number;
  on(method: string, path: string, respond: Respond): void;
  /** How often something was asked for. */
  count(method: string, path: string): number;
  close(): Promise<void>;
}

export interface DoubleOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Listens on a port of its own until the test ends. Paths are compared without their query. */
export async function startHttpDouble({ tls }: DoubleOptions = {}): Promise<HttpDouble> {
  const routes = new Map<string, Respond>();
  const received: Received[] = [];
  let connections = 0;
  let ended = 0;
  const count = (method: string, path: string): number =>
    received.filter((one) => one.method === method && pathname(one.path) === path).length;

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    received.push(request);
    const path = pathname(request.path);
    const respond = routes.get(`${request.method} ${path}`);
    send(respond ? await respond(request, count(request.method, path)) : { status: 404 }, outgoing);
  };
  const server = listener((incoming, outgoing) => void answer(incoming, outgoing), tls);
  server.on('connection', (socket) => {
    connections += 1;
    socket.on('close', () => (ended += 1));
  });
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${await listen(server)}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return {
    url,
    received,
    get connections() {
      return connections;
    },
    get open() {
      return connections - ended;
    },
    on: (method, path, respond) => routes.set(`${method} ${path}`, respond),
    count,
    close,
  };
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function listener(handle: RequestListener, tls: DoubleOptions['tls']): Server {
  return tls ? createTlsServer(tls, handle) : createServer(handle);
}

function pathname(path: string): string {
  return path.replace(/\?.*$/, '');
}

async function readRequest(incoming: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers as Record<string, string>,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
  };
}

function send(reply: Reply, outgoing: ServerResponse): void {
  if (reply === 'silence') return;
  if (reply === 'reset') {
    (outgoing.socket as Socket).resetAndDestroy();
    return;
  }
  if (reply === 'cut-off') {
    outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    outgoing.write('{"servers": [{"id": ', () => outgoing.socket?.destroy());
    return;
  }
  const { status = 200, headers = {}, json, text } = reply;
  outgoing.writeHead(status, { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers });
  outgoing.end(json === undefined ? text : JSON.stringify(json));
}
