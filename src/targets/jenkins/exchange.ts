/**
 * One HTTP request to Jenkins and its answer. Whether the answer is a good one is decided by those who know what the
 * request was for.
 */
import { Agent, type Dispatcher } from 'undici';
import { createBounded } from '../../lib/bounded.ts';
import type { Clock } from '../../lib/clock.ts';
import { CONNECT_TIMEOUT_MS, describeConnectionFailure } from '../../lib/connection-failures.ts';
import { NodepoolError } from '../../lib/errors.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

/** From the request to the end of the answer. */
const LIMIT_MS = 30_000;
/** A listing of ten thousand computers has about 1 MB. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Escaped, with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** For messages: `POST computer/doCreateItem at Jenkins https://jenkins.example.org/`. */
  readonly what: string;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case. Where there are several of one name, the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** `name=value` */
  readonly cookies: readonly string[];
  readonly text: string;
}

export interface Exchange {
  /**
   * Sends one request, once, and follows no redirection. Rejects with `unavailable` when there is no complete answer in
   * time, and with `aborted` when `signal` aborts.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<Answer>;
  /** Ends when the requests under way have ended. */
  close(): Promise<void>;
}

/** @param origin such as `https://jenkins.example.org` */
export function createExchange(origin: string, clock: Clock): Exchange {
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    maxResponseSize: MAX_ANSWER_BYTES,
    // The limit below is for all of an answer; these would be for the silences in it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const bounded = createBounded(clock, LIMIT_MS);
  return {
    send: ({ method, path, headers, body, what }, signal) =>
      bounded(what, signal, async (own) => {
        own.throwIfAborted();
        try {
          const response = await agent.request({ origin, method, path, headers, body, signal: own });
          return toAnswer(response, await response.body.text());
        } catch (error) {
          // A request that is cut short fails in many ways; the reason says why it was.
          own.throwIfAborted();
          // No cause is attached: errors of sockets and parsers hold what was sent.
          throw new NodepoolError('unavailable', `${what} got no usable answer: ${describeFailure(error)}`);
        }
      }),
    close: () => agent.close(),
  };
}

function toAnswer({ statusCode, headers }: Dispatcher.ResponseData, text: string): Answer {
  const first = Object.entries(headers).map(([name, value]) => [name, [value].flat()[0] ?? '']);
  const cookies = [headers['set-cookie'] ?? []].flat().map((cookie) => cookie.split(';', 1)[0] ?? '');
  return { status: statusCode, headers: Object.fromEntries(first) as Record<string, string>, cookies, text };
}

function describeFailure(error: unknown): string {
  const code = systemErrorCode(error) ?? 'unknown';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return `it has more than ${MAX_ANSWER_BYTES / 1024 / 1024} MB`;
  return describeConnectionFailure(code);
}
