/** Stands between recipes and the HTTP interface of a pool, as if that were too busy to extend leases. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export class BusyPool {
  readonly #poolUrl: string;
  readonly #settings: NodeJS.ProcessEnv;
  readonly #server: Server;
  readonly #held = new Set<ServerResponse>();
  #isHolding = false;

  private constructor(settings: NodeJS.ProcessEnv) {
    this.#settings = settings;
    this.#poolUrl = settings['NODEPOOL_URL'] ?? '';
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** @param settings with which a recipe takes nodes from the pool itself */
  static async start(settings: NodeJS.ProcessEnv): Promise<BusyPool> {
    const pool = new BusyPool(settings);
    pool.#server.listen(0, '127.0.0.1');
    await once(pool.#server, 'listening');
    return pool;
  }

  /** Settings with which a recipe takes nodes from here. */
  get settings(): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo;
    return { ...this.#settings, NODEPOOL_URL: `http://127.0.0.1:${port}` };
  }

  /** Answers no extension from now on. */
  hold(): void {
    this.#isHolding = true;
  }

  /** How many wait for an answer. */
  get held(): number {
    return this.#held.size;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.url?.endsWith('/extend') && this.#isHolding) {
      this.#held.add(response);
      response.once('close', () => this.#held.delete(response));
      return;
    }
    const answer = await this.#ask(request, body);
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text());
  }

  #ask({ method = '', url = '', headers }: IncomingMessage, body: string): Promise<Response> {
    const known = ['authorization', 'content-type', 'idempotency-key'].filter((name) => headers[name] !== undefined);
    const passed = known.map((name): [string, string] => [name, String(headers[name])]);
    return fetch(this.#poolUrl + url, { method, headers: passed, ...(body !== '' && { body }) });
  }
}
