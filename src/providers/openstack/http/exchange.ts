/**
 * One HTTP request and what came of it, as data: whether that is an error, or worth another try, is decided by those who
 * know what the request was for. Nothing that leaves this file holds headers or bodies of requests.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../../lib/clock.ts';
import { parseJson } from '../../../lib/json.ts';
import type { Log } from '../../../lib/log.ts';
import type { Connections } from './connections.ts';
import { describeFailure } from './connection-failures.ts';
import { openFileBody, type FileBody, type FileInTransit } from './file-body.ts';

export interface HttpRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly file?: FileBody;
  /** `req-<uuid>`, which the services of the cloud write in their own logs. */
  readonly requestId: string;
}

export type Outcome = Answer | Unusable | Unanswered;

/** An answer with a status of error and any text, or another with JSON or nothing. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The text as JSON; undefined: it is none, or empty. */
  readonly body: unknown;
  /** The cloud's request id, or ours when it did not say. */
  readonly requestId: string;
}

/** A success, as the status says, but the body is not JSON. */
export interface Unusable {
  readonly kind: 'unusable';
  readonly status: number;
  readonly requestId: string;
}

/** No answer, or only a part of one. */
export interface Unanswered {
  readonly kind: 'unanswered';
  /** Completes "no usable answer: ...". */
  readonly problem: string;
  /** Another try may go better. */
  readonly isPassing: boolean;
  readonly requestId: string;
}

/**
 * Sends one request, once. Rejects only when `signal` aborts, with its reason, with what a file that is sent could not be
 * read for, and with `config` when there is no way to make connections.
 */
export type Exchange = (request: HttpRequest, signal: AbortSignal) => Promise<Outcome>;

export interface ExchangeDeps {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly log: Log;
}

export function createExchange({ connections, clock, log }: ExchangeDeps): Exchange {
  return async (request, signal) => {
    signal.throwIfAborted();
    const startedAt = clock.now();
    let result: Readonly<Record<string, unknown>> = { problem: 'abandoned' };
    try {
      const outcome = await attempt(connections, request, signal);
      result = summarize(outcome);
      return outcome;
    } finally {
      const { method, url, requestId } = request;
      const address = `${url.origin}${url.pathname}${url.search}`;
      log.debug({ method, url: address, ms: clock.now() - startedAt, requestId, ...result }, 'sent a request');
    }
  };
}

async function attempt(connections: Connections, request: HttpRequest, signal: AbortSignal): Promise<Outcome> {
  const { method, url, headers, file, requestId } = request;
  const dispatcher = connections.to(url);
  const transit = file ? openFileBody(file) : null;
  try {
    const response = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: {
        ...headers,
        ...(file && { 'content-length': String(file.bytes) }),
        accept: 'application/json',
        'x-openstack-request-id': requestId,
      },
      body: toContent(request, transit),
      // A cloud that takes a file, and works on what it took, is silent for as long as that takes.
      ...(file && { headersTimeout: 0 }),
      signal,
    });
    return toOutcome(request, response, await response.body.text());
  } catch (error) {
    // A request that is cut short fails in many ways; the reason says why it was.
    signal.throwIfAborted();
    transit?.throwFailure();
    // No cause is attached: errors of sockets and parsers hold what was sent.
    return { kind: 'unanswered', ...describeFailure(error), requestId };
  } finally {
    transit?.close();
  }
}

type Content = Exclude<Dispatcher.RequestOptions['body'], undefined>;

function toContent({ body }: HttpRequest, transit: FileInTransit | null): Content {
  // undici takes any iterable, as its documents say and its types do not: one that is asked for the next piece when the
  // one before is on its way.
  if (transit) return transit.chunks as unknown as Content;
  return body === undefined ? null : JSON.stringify(body);
}

function toOutcome(request: HttpRequest, response: Dispatcher.ResponseData, text: string): Outcome {
  const status = response.statusCode;
  const headers = flatten(response.headers);
  const requestId = headers['x-openstack-request-id'] ?? headers['x-compute-request-id'] ?? request.requestId;
  const body = parseJson(text);
  if (status < 300 && text !== '' && body === undefined) return { kind: 'unusable', status, requestId };
  return { kind: 'answer', status, headers, text, body, requestId };
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function summarize(outcome: Outcome): Readonly<Record<string, unknown>> {
  if (outcome.kind === 'unanswered') return { problem: outcome.problem };
  const problem = outcome.kind === 'unusable' && { problem: 'not JSON' };
  return { status: outcome.status, cloudRequestId: outcome.requestId, ...problem };
}
