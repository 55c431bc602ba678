import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../../src/api/app.ts';
import { openHttpServer, SERVER_LIMITS, type ServerLimits } from '../../../src/api/http-server.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openScene, REQUESTS, until, type Scene } from './scene.ts';

interface Served extends Scene {
  readonly port: number;
  /** Lines that every request has. */
  readonly head: string;
}

async function serve(limits: Partial<ServerLimits> = {}): Promise<Served> {
  const scene = await openScene({ api: { host: '127.0.0.1', port: 0, rateLimit: 0 } });
  const { app, endStreams } = createApp(scene.deps);
  const place = { host: '127.0.0.1', port: 0 };
  const server = await openHttpServer(place, {
    fetch: app.fetch,
    clock: systemClock,
    limits: { ...SERVER_LIMITS, ...limits },
    log: scene.deps.log,
  });
  onTestFinished(() => {
    endStreams();
    return server.close();
  });
  const head = `Host: nodepool\r\nAuthorization: ${scene.user.headers.Authorization}\r\n`;
  return { ...scene, port: server.place.port, head };
}

interface Client {
  readonly socket: Socket;
  /** All that came, when the server has ended the connection. */
  readonly all: Promise<string>;
  /** Resolves when what came contains it. */
  came(text: string): Promise<string>;
  /** Resolves with whether what came contains it, when it does or the connection has ended. */
  hears(text: string): Promise<boolean>;
}

function dial(port: number): Client {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  const waits = new Set<() => void>();
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    for (const wait of waits) wait();
  });
  // A server that has enough may reset the connection while we still write.
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  const all = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
  const came = (part: string): Promise<string> =>
    new Promise((resolve) => {
      const wait = (): void => {
        if (text.includes(part)) resolve(text);
      };
      waits.add(wait);
      wait();
    });
  const hears = (part: string): Promise<boolean> =>
    Promise.race([came(part), all]).then((heard) => heard.includes(part));
  return { socket, all, came, hears };
}

/**
 * A client that listens to events. Short limits that are on trial throw it out before its time when the machine stops just
 * while it begins: then there is another one.
 */
async function listen({ port, head }: Served): Promise<Client> {
  for (;;) {
    const client = dial(port);
    client.socket.write(`GET /api/v1/events HTTP/1.1\r\n${head}\r\n`);
    if (await client.hears('HTTP/1.1 200 OK')) return client;
  }
}

/** Sends bytes as they are and answers all that comes back until the server ends the connection. */
async function send(port: number, ...parts: readonly string[]): Promise<string> {
  const client = dial(port);
  for (const part of parts) client.socket.write(part, 'latin1');
  return client.all;
}

const CLOSE = 'Connection: close\r\n';
const JSON_BODY = 'Content-Type: application/json\r\n';
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

function expectError(answer: string, status: number, code: string): void {
  expect(answer.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer.toLowerCase()).toContain('content-type: application/json');
  expect(answer.toLowerCase()).toContain('x-content-type-options: nosniff');
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  const parsed = JSON.parse(/\{.*\}/s.exec(body)![0]) as { error: { code: string; message: string } };
  expect(parsed.error.code).toBe(code);
  expect(parsed.error.message).toMatch(/^[a-z].{5,150}$/);
}

describe('over a socket', () => {
  it('a request is served, with its body in one piece or in chunks', async () => {
    const { port, head, ready } = await serve();
    await ready(2);
    const body = '{"label":"small"}';
    const whole = await send(
      port,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}${CLOSE}${JSON_BODY}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    const parts = [chunk('{"label"'), chunk(':"small"}'), '0\r\n\r\n'];
    const chunked = await send(
      port,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}${CLOSE}${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n`,
      ...parts,
    );
    for (const answer of [whole, chunked]) {
      expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
      expect(answer).toContain('"state":"granted"');
    }
  });

  it('several requests are served one after the other on one connection', async () => {
    const { port, head } = await serve();
    const get = `GET ${REQUESTS} HTTP/1.1\r\n${head}`;
    const answer = await send(port, `${get}\r\n${get}\r\nDELETE ${REQUESTS}/1 HTTP/1.1\r\n${head}${CLOSE}\r\n`);
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '200', '404']);
  });

  it('what is no HTTP is answered as such', async () => {
    const { port, head } = await serve();
    const broken = [
      'HELO example.org\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'GET / HTTP/9.9\r\n\r\n',
      `GET ${REQUESTS} HTTP/1.1\r\n${head}Bad Header: 1\r\n\r\n`,
      `GET ${REQUESTS} HTTP/1.1\r\n${head}X: a\r\n b\x01\r\n\r\n`,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}Content-Length: x\r\n\r\n`,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}Content-Length: -1\r\n\r\n`,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
      `POST ${REQUESTS} HTTP/1.1\r\n${head}${JSON_BODY}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
    ];
    for (const text of broken) expectError(await send(port, text), 400, 'malformed');
  });

  it('an address or host that cannot be read is answered as such', async () => {
    const { port, head } = await serve();
    const requests = [
      `GET ${REQUESTS} HTTP/1.1\r\n${CLOSE}\r\n`,
      `GET ${REQUESTS} HTTP/1.1\r\nHost: a b\r\n${CLOSE}\r\n`,
      `GET ${REQUESTS} HTTP/1.1\r\nHost: user@evil/\r\n${CLOSE}\r\n`,
      `GET /\\..\\etc HTTP/1.1\r\n${head}${CLOSE}\r\n`,
      `GET http://[::1 HTTP/1.1\r\n${head}${CLOSE}\r\n`,
      `OPTIONS * HTTP/1.1\r\n${head}${CLOSE}\r\n`,
    ];
    for (const text of requests) expectError(await send(port, text), 400, 'malformed');
  });

  it('paths are taken as they are, and lead nowhere else', async () => {
    const { port, head } = await serve();
    const paths = [
      '//',
      '/api/v1//requests',
      `//evil.example.org${REQUESTS}`,
      '/.env',
      '/%2e%2e/etc/passwd',
      `${REQUESTS}/1%00`,
    ];
    for (const path of paths) {
      expectError(await send(port, `GET ${path} HTTP/1.1\r\n${head}${CLOSE}\r\n`), 404, 'not-found');
    }
    const absolute = await send(port, `GET http://elsewhere.example.org/healthz HTTP/1.1\r\n${head}${CLOSE}\r\n`);
    expect(absolute).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('headers that are too large, and expectations that nobody knows, are refused', async () => {
    const { port, head } = await serve();
    expectError(
      await send(port, `GET / HTTP/1.1\r\n${head}X: ${'x'.repeat(17_000)}\r\n\r\n`),
      431,
      'headers-too-large',
    );
    expectError(await send(port, `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${head}\r\n`), 431, 'headers-too-large');
    expectError(await send(port, `POST / HTTP/1.1\r\n${head}Expect: wonders\r\n\r\n`), 417, 'expectation-failed');
    expectError(await send(port, `CONNECT example.org:22 HTTP/1.1\r\n${head}\r\n`), 405, 'method-not-allowed');
  });

  it('a body that is too large is refused, whether it says so or not, and the rest is not taken', async () => {
    const { port, head } = await serve();
    const post = `POST ${REQUESTS} HTTP/1.1\r\n${head}${JSON_BODY}`;
    const told = await send(port, `${post}Content-Length: 100000000000\r\n\r\n`, 'x'.repeat(100));
    expectError(told, 413, 'too-large');
    const endless = dial(port);
    endless.socket.write(`${post}Transfer-Encoding: chunked\r\n\r\n`);
    const pour = (): void => {
      while (endless.socket.writable && endless.socket.write(chunk('x'.repeat(1000))));
    };
    endless.socket.on('drain', pour);
    pour();
    expectError(await endless.all, 413, 'too-large');
  });

  it('a body that comes without a token is not read', async () => {
    const { port } = await serve();
    const answer = await send(
      port,
      `POST ${REQUESTS} HTTP/1.1\r\nHost: x\r\n${JSON_BODY}Content-Length: 60000\r\n\r\n`,
      '{',
    );
    expectError(answer, 401, 'unauthorized');
  });

  it('a client that breaks off does no harm', async () => {
    const scene = await serve();
    const { port, head, lines } = scene;
    const post = `POST ${REQUESTS} HTTP/1.1\r\n${head}${JSON_BODY}`;
    for (const text of [
      'GET /healthz HT',
      `${post}Content-Length: 100\r\n\r\n{"label"`,
      `${post}Transfer-Encoding: chunked\r\n\r\n${chunk('{"label"')}`,
      `GET /api/v1/events HTTP/1.1\r\n${head}\r\n`,
      // Whether the answer is under way when the client is gone differs from time to time.
      ...Array.from({ length: 20 }, () => `CONNECT example.org:22 HTTP/1.1\r\n${head}\r\n`),
    ]) {
      const client = dial(port);
      await once(client.socket, 'connect');
      await new Promise<void>((resolve) => client.socket.write(text, () => resolve()));
      client.socket.resetAndDestroy();
      await client.all;
    }
    expect(await send(port, `GET /healthz HTTP/1.1\r\n${head}${CLOSE}\r\n`)).toContain('{"status":"ok"}');
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
    expect((await scene.store.readPool()).requests).toEqual([]);
  });
});

describe('a slow client', () => {
  const limits = { headersMs: 50, requestMs: 100, checkMs: 10 };

  it('is told so, and loses its connection', async () => {
    const { port, head } = await serve(limits);
    expectError(await send(port, 'GET /healthz HTTP/1.1\r\nHo'), 408, 'request-timeout');
    const body = `POST ${REQUESTS} HTTP/1.1\r\n${head}${JSON_BODY}Content-Length: 100\r\n\r\n{`;
    expectError(await send(port, body), 408, 'request-timeout');
    expectError(await send(port), 408, 'request-timeout');
  });

  it('loses its connection between two requests', async () => {
    const { port, head } = await serve({ idleMs: 20 });
    expect(await send(port, `GET /healthz HTTP/1.1\r\n${head}\r\n`)).toContain('{"status":"ok"}');
  });

  it('that listens to events keeps its connection, for that takes as long as it takes', async () => {
    const scene = await serve(limits);
    const client = await listen(scene);
    expect(await client.came('text/event-stream')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    // By the time that this one is thrown out, the other would have been as well.
    expectError(await send(scene.port, 'GET'), 408, 'request-timeout');
    expectError(await send(scene.port, 'GET'), 408, 'request-timeout');
    const { body } = await scene.call('POST', REQUESTS, { body: { label: 'small' } });
    await scene.clock.advance(250);
    expect(await client.came('data: ')).toContain(`"id":${body.id},`);
  });

  it('with which nothing is exchanged any more loses its connection', async () => {
    const scene = await serve({ silenceMs: 100 });
    const client = await listen(scene);
    expect(await client.all).toContain('text/event-stream');
    await until(() => scene.clock.nextAt() === null);
  });
});

describe('connections', () => {
  it('are limited', async () => {
    const { port, head } = await serve({ connections: 2 });
    const clients = [dial(port), dial(port)];
    for (const { socket } of clients) if (socket.connecting) await once(socket, 'connect');
    for (const client of clients) {
      client.socket.write(`GET /healthz HTTP/1.1\r\n${head}\r\n`);
      await client.came('{"status":"ok"}');
    }
    expect(await send(port, `GET /healthz HTTP/1.1\r\n${head}${CLOSE}\r\n`)).toBe('');
  });
});
