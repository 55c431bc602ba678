/**
 * A double of GitHub, as far as a just-in-time runner needs it: https://docs.github.com/en/rest/actions/self-hosted-runners.
 * What that would refuse, or a careful client would not send, is refused, and noted. Its jobs are shell commands.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { until } from './real-pool.ts';

export interface Job {
  readonly name: string;
  readonly command: string;
}

interface Runner {
  readonly id: number;
  readonly name: string;
  readonly labels: readonly string[];
  /** With which it proves who it is. */
  readonly secret: string;
  state: 'registered' | 'busy';
}

type Answer = readonly [status: number, body?: unknown];

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

export class GithubDouble {
  readonly token = `github_pat_${randomBytes(16).toString('hex')}`;
  readonly scope = 'repos/example/project';
  readonly queue: Job[] = [];
  /** Of all jobs that were run, in the order of their ends. */
  readonly results: string[] = [];
  /** What was refused. */
  readonly refusals: string[] = [];
  /** What it leaves without an answer: `GET /jobs/NAME` while a runner is to wait for a job; null: nothing. */
  silence: RegExp | null = null;
  /** Called at each call, while who makes it waits for the answer. */
  onCall: () => void = () => undefined;
  /** Every secret that it gave to a runner. */
  readonly secrets: string[] = [];
  readonly #runners = new Map<string, Runner>();
  readonly #server: Server;
  readonly #unanswered: { readonly what: string; readonly response: ServerResponse }[] = [];
  #lastId = 20;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<GithubDouble> {
    const double = new GithubDouble();
    double.#server.listen(0, '127.0.0.1');
    await once(double.#server, 'listening');
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Names of the runners that it knows. */
  get runners(): readonly string[] {
    return [...this.#runners.keys()];
  }

  /** Resolves when something of that kind waits for its answer. */
  async leavesUnanswered(what: RegExp): Promise<void> {
    await until(`${what} waits`, async () => this.#unanswered.some((one) => what.test(one.what)) || null);
  }

  /** Begins anew, with nobody who waits. */
  forget(): void {
    this.silence = null;
    this.onCall = () => undefined;
    for (const { response } of this.#unanswered.splice(0)) response.destroy();
    for (const list of [this.queue, this.results, this.refusals, this.secrets]) list.length = 0;
    this.#runners.clear();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await text(request);
    const what = `${request.method} ${request.url}`;
    this.onCall();
    if (this.silence?.test(what)) {
      this.#unanswered.push({ what, response });
      return;
    }
    const [status, body] = this.#answer(request, sent);
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
    // GitHub's answers have line breaks and spaces for curl.
    response.end(body === undefined ? '' : JSON.stringify(body, null, 2));
  }

  #answer(request: IncomingMessage, body: string): Answer {
    const { method = '', url = '' } = request;
    const runners = `/${this.scope}/actions/runners`;
    const job = /^\/jobs\/([\w-]+)$/.exec(url)?.[1];
    if (job !== undefined) return this.#serveRunner(method, job, { request, body });
    const problem = this.#findProblem(request);
    if (problem !== null) return this.#refuse(problem === 'Bad credentials' ? 401 : 400, problem);
    if (method === 'POST' && url === `${runners}/generate-jitconfig`) return this.#register(request, body);
    const id = method === 'DELETE' && url.startsWith(`${runners}/`) ? Number(url.slice(runners.length + 1)) : NaN;
    return Number.isInteger(id) ? this.#remove(id) : this.#refuse(404, `no ${method} ${url}`);
  }

  #findProblem({ headers }: IncomingMessage): string | null {
    if (headers.authorization !== `Bearer ${this.token}`) return 'Bad credentials';
    if (headers.accept !== 'application/vnd.github+json') return `Accept: ${headers.accept}`;
    if (headers['x-github-api-version'] !== '2022-11-28') return 'no version of the interface';
    return headers['user-agent'] ? null : 'Request forbidden by administrative rules: no User-Agent';
  }

  #register({ headers }: IncomingMessage, body: string): Answer {
    if (headers['content-type'] !== 'application/json') return this.#refuse(415, 'this is no JSON');
    const { name, runner_group_id: group, labels, ...rest } = JSON.parse(body) as Record<string, unknown>;
    if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) return this.#refuse(422, 'Invalid name');
    if (!Number.isInteger(group)) return this.#refuse(422, 'object is missing required key: runner_group_id');
    if (!areLabels(labels)) return this.#refuse(422, 'Invalid labels');
    if (Object.keys(rest).some((key) => key !== 'work_folder')) return this.#refuse(422, `unknown: ${body}`);
    if (this.#runners.has(name)) return this.#refuse(409, 'Already exists - A runner with this name already exists.');
    const runner: Runner = {
      id: ++this.#lastId,
      name,
      labels,
      secret: randomBytes(16).toString('hex'),
      state: 'registered',
    };
    this.#runners.set(name, runner);
    const encoded = this.#configurationOf(runner);
    this.secrets.push(encoded);
    return [201, { runner: describe(runner), encoded_jit_config: encoded }];
  }

  #configurationOf({ id, name, secret }: Runner): string {
    return base64({
      '.runner': base64({ AgentId: String(id), AgentName: name, Ephemeral: 'True', ServerUrl: this.url }),
      '.credentials': base64({ Scheme: 'OAuth', Data: { token: secret } }),
      '.credentials_rsaparams': base64({ d: 'x'.repeat(3000) }),
    });
  }

  #remove(id: number): Answer {
    const runner = [...this.#runners.values()].find((one) => one.id === id);
    if (!runner) return [404, { message: 'Not Found' }];
    if (runner.state === 'busy') return [422, { message: 'Bad request - Runner is currently running a job' }];
    this.#runners.delete(runner.name);
    return [204];
  }

  /** The part of GitHub that only runners know. */
  #serveRunner(method: string, name: string, { request, body }: { request: IncomingMessage; body: string }): Answer {
    const runner = this.#runners.get(name);
    if (!runner) return [404];
    if (method === 'POST') {
      this.results.push(body);
      // It was there for one job.
      this.#runners.delete(name);
      return [200];
    }
    const job = this.queue.shift();
    if (request.headers.authorization !== `Bearer ${runner.secret}` || !job) return [401];
    runner.state = 'busy';
    return [200, job];
  }

  #refuse(status: number, message: string): Answer {
    this.refusals.push(message);
    return [status, { message, documentation_url: 'https://docs.github.com/rest', status: String(status) }];
  }
}

function areLabels(labels: unknown): labels is string[] {
  const areTexts = Array.isArray(labels) && labels.every((label) => typeof label === 'string' && label !== '');
  return areTexts && labels.length >= 1 && labels.length <= 100;
}

function describe({ id, name, labels }: Runner): object {
  const shown = labels.map((label, index) => ({ id: index + 1, name: label, type: 'custom' }));
  return { id, name, os: 'unknown', status: 'offline', busy: false, labels: shown, runner_group_id: 1 };
}
