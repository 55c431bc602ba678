/** The HTTP interface on a pool in memory, with a clock that the test moves. */
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { createApp, type AppDeps } from '../../../src/api/app.ts';
import type { ErrorBody } from '../../../src/api/http-error.ts';
import type { Config } from '../../../src/config/types.ts';
import { logLines, type Log } from '../../../src/lib/log.ts';
import type { Explanation } from '../../../src/planning/explanation.ts';
import type { RequestView } from '../../../src/requests/view.ts';
import { openApiPool, type ApiPool, type ApiToken } from '../../support/api-pool.ts';
import { aConfig, type ConfigOverrides } from '../../support/builders.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { logText } from '../../support/log-text.ts';

export const REQUESTS = '/api/v1/requests';
export const NOW = Date.UTC(2026, 0, 15, 12);

/** Lets the event loop turn until it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** What came back: the body is null where there is none. */
export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Body;
}

export interface CallOptions {
  readonly token?: ApiToken | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Scene extends ApiPool {
  readonly clock: FakeClock;
  readonly deps: AppDeps;
  /** Lines of the log as JSON, with their levels. */
  readonly lines: readonly string[];
  /** How often the loop was told to look. */
  changes(): number;
  /** Who may make requests. */
  readonly user: ApiToken;
  /** Calls the application without a socket; a body that is no text is sent as JSON. */
  call<Body = RequestView & ErrorBody>(method: string, path: string, options?: CallOptions): Promise<Answer<Body>>;
  /** The answer as it is, for streams. */
  fetch(path: string, token: ApiToken, method?: string): Promise<Response>;
  /** What the plan says why a request waits. */
  readonly explanations: Map<number, Explanation>;
  setUnready(problem: string | null): void;
  /** Makes the database answer with the error; null: no more. */
  breakDatabase(error: Error | null): void;
  /** How often a token was looked up. */
  lookups(): number;
  /** Changes the configuration in force. */
  configure(overrides: ConfigOverrides): void;
}

function recordingLog(lines: string[]): Log {
  return logLines((line) => void lines.push(`${line.level} ${logText(line)}`));
}

export async function openScene(overrides: ConfigOverrides = {}): Promise<Scene> {
  const clock = createFakeClock(NOW);
  let config: Config = aConfig(overrides);
  const pool = await openApiPool({ clock, config });
  const lines: string[] = [];
  const explanations = new Map<number, Explanation>();
  let changes = 0;
  let unready: string | null = null;
  let failure: Error | null = null;
  let lookups = 0;
  const unlessBroken = async <T>(answer: () => Promise<T>): Promise<T> => {
    if (failure !== null) throw failure;
    return answer();
  };
  const deps: AppDeps = {
    store: {
      requests: pool.store.requests,
      readPool: () => unlessBroken(() => pool.store.readPool()),
      tokens: {
        ...pool.store.tokens,
        findByHash: (hash) => {
          lookups += 1;
          return unlessBroken(() => pool.store.tokens.findByHash(hash));
        },
      },
    },
    config: () => config,
    clock,
    log: recordingLog(lines),
    version: '1.2.3',
    explain: async (id) => explanations.get(id) ?? null,
    unready: async () => unready,
    onChange: () => void (changes += 1),
  };
  const { app, endStreams } = createApp(deps);
  onTestFinished(async () => {
    endStreams();
    await pool.close();
  });
  const user = await pool.token(['requests'], { name: 'zuul' });

  return {
    ...pool,
    clock,
    deps,
    lines,
    explanations,
    user,
    changes: () => changes,
    lookups: () => lookups,
    breakDatabase: (error) => (failure = error),
    setUnready: (problem) => (unready = problem),
    configure: (changed) => (config = aConfig({ ...overrides, ...changed })),
    fetch: async (path, token, method = 'GET') => app.request(path, { method, headers: token.headers }, {}),
    call: async (method, path, { token = user, body, headers = {} } = {}) => {
      const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
      const init = {
        method,
        headers: { ...token?.headers, ...json, ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      };
      const response = await app.request(path, init, {});
      const text = await response.text();
      const parsed: unknown = text === '' ? null : JSON.parse(text);
      return { status: response.status, headers: response.headers, text, body: parsed as never };
    },
  };
}
