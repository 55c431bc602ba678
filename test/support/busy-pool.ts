/** Stands between recipes and the HTTP interface of a pool, as if that were too busy to extend leases. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

const TOO_MANY = { error: { code: 'too-many-requests', message: 'slow down' } };

export class BusyPool {
  readonly #poolUrl: string;
  readonly #settings: NodeJS.ProcessEnv;
  readonly #server: Server;
  readonly #held = new Set<ServerResponse>();
  #isHolding = false;
  #refusals = 0;
  #extensions = 0;

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

  /** Refuses so many of the next extensions, and lets the others through. */
  refuse(times: number): void {
    this.#refusals = times;
  }

  /** How many leases were extended. */
  get extensions(): number {
    return this.#extensions;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const isExtension = request.url?.endsWith('/extend') ?? false;
    if (isExtension && this.#isHolding) {
      this.#held.add(response);
      response.once('close', () => this.#held.delete(response));
      return;
    }
    const isRefused = isExtension && this.#refusals > 0;
    if (isRefused) this.#refusals -= 1;
    const answer = isRefused ? Response.json(TOO_MANY, { status: 429 }) : await this.#ask(request, body);
    if (isExtension && answer.ok) this.#extensions += 1;
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text());
  }

  #ask({ method = '', url = '', headers }: IncomingMessage, body: string): Promise<Response> {
    const known = ['authorization', 'content-type', 'idempotency-key'].filter((name) => headers[name] !== undefined);
    const passed = known.map((name): [string, string] => [name, String(headers[name])]);
    return fetch(this.#poolUrl + url, { method, headers: passed, ...(body !== '' && { body }) });
  }
}
