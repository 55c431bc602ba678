/** An HTTP proxy in this process: passes plain requests on, and opens tunnels. */
import { createServer, request as sendRequest } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { listen } from './http-double.ts';

export interface ProxyDouble {
  readonly url: string;
  /** First lines of what came in: `GET http://...`, `CONNECT host:port`. */
  readonly seen: string[];
  readonly credentials: (string | undefined)[];
  /** Answered instead of letting anything through; null: everything may pass. */
  refusal: number | null;
}

export async function startProxyDouble(): Promise<ProxyDouble> {
  const server = createServer((incoming, outgoing) => {
    note(incoming.method, incoming.url, incoming.headers['proxy-authorization']);
    if (proxy.refusal !== null) return void outgoing.writeHead(proxy.refusal).end('no');
    const { method } = incoming;
    const { 'proxy-authorization': _, ...headers } = incoming.headers;
    const onward = sendRequest(incoming.url ?? '', { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, client) => {
    note(incoming.method, incoming.url, incoming.headers['proxy-authorization']);
    if (proxy.refusal !== null) return void client.end(`HTTP/1.1 ${proxy.refusal} No\r\n\r\n`);
    const [host, port] = (incoming.url ?? '').split(':');
    const target = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    for (const end of [target, client]) end.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  const note = (method = '', url = '', credential?: string): void => {
    proxy.seen.push(`${method} ${url}`);
    proxy.credentials.push(credential);
  };
  const proxy: ProxyDouble = {
    url: `http://127.0.0.1:${await listen(server)}`,
    seen: [],
    credentials: [],
    refusal: null,
  };
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}
