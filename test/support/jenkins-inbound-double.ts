/**
 * A double of Jenkins with one inbound agent, as far as whoever starts that agent needs it. It is written after the sources of
 * Jenkins (2.579: `Computer`, `WebSocketAgents`, `Slave.JnlpJar`) and of the agent (`Engine`). What Jenkins would refuse is
 * refused, and noted. Unlike there, builds are shell commands, which the agent gets over HTTP and not over a WebSocket.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const AGENT_JAR = new URL('../fixtures/recipes/agent.jar', import.meta.url);

export class JenkinsInboundDouble {
  readonly agent = 'nodepool-1';
  readonly secret = randomBytes(32).toString('hex');
  /** Of the user: NAME:TOKEN. */
  readonly login = `ci:11${randomBytes(16).toString('hex')}`;
  /** Builds that wait, as commands. */
  readonly queue: string[] = [];
  /** Builds that have ended. */
  builds = 0;
  isMarked = false;
  readonly refusals: string[] = [];
  /** Called at each call, `GET /jnlpJars/agent.jar`, whose answer waits for it. */
  onCall: (what: string) => unknown = () => undefined;
  readonly #server: Server;
  /** The connection of the agent. */
  #channel: ServerResponse | null = null;
  #isBusy = false;
  /** The agent has nothing left to do for the build. */
  #isThrough = false;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<JenkinsInboundDouble> {
    const double = new JenkinsInboundDouble();
    double.#server.listen(0, '127.0.0.1');
    await once(double.#server, 'listening');
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  get isConnected(): boolean {
    return this.#channel !== null;
  }

  /** Begins anew, without an agent. */
  forget(): void {
    this.queue.length = 0;
    this.refusals.length = 0;
    this.builds = 0;
    this.isMarked = false;
    this.onCall = () => undefined;
    this.disconnect();
  }

  /** Cuts the agent off, as a restart of Jenkins does. */
  disconnect(): void {
    this.#channel?.destroy();
    this.#lose();
  }

  /** Somebody starts a build, which waits for an agent that is online. */
  enqueue(build: string): void {
    this.queue.push(build);
    this.#schedule();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.onCall(`${request.method} ${request.url}`);
    this.#answer(request, response);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '', headers } = request;
    if (url === '/wsagents/') return this.#serveAgent(request, response);
    if (url === '/jnlpJars/agent.jar') return void response.end(readFileSync(fileURLToPath(AGENT_JAR)));
    const isKnown = headers.authorization === `Basic ${Buffer.from(this.login).toString('base64')}`;
    if (!isKnown) return this.#refuse(response, 401, 'Unauthorized');
    const { pathname, searchParams } = new URL(url, this.url);
    const name = /^\/computer\/([^/]+)\//.exec(pathname)?.[1];
    if (name !== this.agent) return this.#refuse(response, 404, `no ${method} ${pathname}`);
    const page = pathname.slice(`/computer/${name}/`.length);
    if (page === 'api/json') return this.#describe(response, searchParams);
    if (page !== 'toggleOffline' && page !== 'changeOfflineCause') return this.#refuse(response, 404, `no ${pathname}`);
    if (method !== 'POST') return this.#refuse(response, 405, 'Method Not Allowed');
    this.isMarked = page === 'changeOfflineCause' || !this.isMarked;
    response.writeHead(302, { Location: '.' }).end();
    this.#endBuild();
    this.#schedule();
  }

  #describe(response: ServerResponse, query: URLSearchParams): void {
    const facts: Readonly<Record<string, boolean>> = {
      idle: !this.#isBusy,
      offline: this.isMarked || this.#channel === null,
      temporarilyOffline: this.isMarked,
    };
    const names = (query.get('tree') ?? '').split(',');
    const shown = Object.fromEntries(names.filter((name) => name in facts).map((name) => [name, facts[name]]));
    response.setHeader('Content-Type', 'application/json;charset=utf-8');
    response.end(JSON.stringify({ _class: 'hudson.slaves.SlaveComputer', ...shown }));
  }

  #serveAgent({ method, headers }: IncomingMessage, response: ServerResponse): void {
    if (headers['node-name'] !== this.agent) return this.#refuse(response, 400, 'no such agent');
    if (headers['secret-key'] !== this.secret) return this.#refuse(response, 403, 'incorrect secret');
    if (method === 'POST') {
      this.#isThrough = true;
      response.end();
      this.#endBuild();
      return this.#schedule();
    }
    if (this.#channel !== null)
      return this.#refuse(response, 400, `${this.agent} is already connected to this controller`);
    this.#channel = response;
    response.once('close', () => {
      if (this.#channel === response) this.#lose();
    });
    response.writeHead(200).flushHeaders();
    this.#schedule();
  }

  #lose(): void {
    this.#channel = null;
    // A build does not outlive its agent.
    this.#isBusy = this.#isThrough = false;
  }

  /** Each build lasts until the recipe has seen it and marked the agent, however slow the machine is. */
  #endBuild(): void {
    if (!this.#isThrough || !this.isMarked) return;
    this.#isBusy = this.#isThrough = false;
    this.builds += 1;
  }

  #schedule(): void {
    if (this.#channel === null || this.#isBusy || this.isMarked) return;
    const build = this.queue.shift();
    if (build === undefined) return;
    this.#isBusy = true;
    this.#channel.write(`${build}\n`);
  }

  #refuse(response: ServerResponse, status: number, text: string): void {
    this.refusals.push(text);
    response.writeHead(status, { 'Content-Type': 'text/html' }).end(text);
  }
}
