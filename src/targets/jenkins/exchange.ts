/**
 * One HTTP request to Jenkins and its answer. Whether the answer is a good one is decided by those who know what the
 * request was for.
 */
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import { createDeadlines } from '../../lib/deadlines.ts';
import { NodepoolError } from '../../lib/errors.ts';
import { onAbort } from '../../lib/on-abort.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

const CONNECT_TIMEOUT_MS = 10_000;
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
  const deadlines = createDeadlines(clock, LIMIT_MS);
  return {
    send: async ({ method, path, headers, body, what }, signal) => {
      const own = new AbortController();
      const expire = (): void => own.abort(noAnswer(what, `none within ${LIMIT_MS / 1000} s`));
      const abandon = (): void => own.abort(new NodepoolError('aborted', `${what} was abandoned`));
      const release = [onAbort(signal, abandon), deadlines.start(expire)];
      try {
        own.signal.throwIfAborted();
        const response = await agent.request({ origin, method, path, headers, body, signal: own.signal });
        return toAnswer(response, await response.body.text());
      } catch (error) {
        // A request that is cut short fails in many ways; the reason says why it was.
        own.signal.throwIfAborted();
        // No cause is attached: errors of sockets and parsers hold what was sent.
        throw noAnswer(what, describeFailure(error));
      } finally {
        for (const end of release) end();
      }
    },
    close: () => agent.close(),
  };
}

function toAnswer({ statusCode, headers }: Dispatcher.ResponseData, text: string): Answer {
  const first = Object.entries(headers).map(([name, value]) => [name, [value].flat()[0] ?? '']);
  const cookies = [headers['set-cookie'] ?? []].flat().map((cookie) => cookie.split(';', 1)[0] ?? '');
  return { status: statusCode, headers: Object.fromEntries(first) as Record<string, string>, cookies, text };
}

function noAnswer(what: string, why: string): NodepoolError {
  return new NodepoolError('unavailable', `${what} got no usable answer: ${why}`);
}

/** Codes of undici, of Node's sockets and of its resolver. */
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the answer was complete',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${CONNECT_TIMEOUT_MS / 1000} s`,
  UND_ERR_RES_EXCEEDED_MAX_SIZE: `it has more than ${MAX_ANSWER_BYTES / 1024 / 1024} MB`,
};

function describeFailure(error: unknown): string {
  const code = systemErrorCode(error) ?? 'unknown';
  return FAILURES[code] ?? `the connection failed (${code})`;
}
