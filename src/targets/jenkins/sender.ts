/** Requests to one Jenkins, each when its turn has come, and what is said about those that fail. */
import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import { isHttpAddress } from '../../lib/http-address.ts';
import { Limiter, type LaneName } from '../../lib/limiter.ts';
import { createExchange, type Answer } from './exchange.ts';
import { toFault } from './faults.ts';

/** Of one lane under way at once. Jenkins makes agents one at a time; more would only wait there. */
const CONCURRENCY = 4;

export interface JenkinsSettings {
  readonly url: string;
  readonly user: string;
  /** An API token; a password does too. */
  readonly apikey: string;
  /** Least time between the starts of two requests, in milliseconds. */
  readonly rateMs: number;
}

export interface Call {
  readonly lane: LaneName;
  /** Below the address of Jenkins, escaped, without a query. */
  readonly path: string;
  /** Absent: none. */
  readonly query?: Readonly<Record<string, string>>;
  /** With one it is a POST, without a GET. */
  readonly body?: { readonly type: string; readonly text: string };
  /** Beside those that every request has; absent: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Sender {
  /** The answer, whatever its status; but where Jenkins asks us to slow down, it rejects with `throttled`. */
  send(call: Call, signal: AbortSignal): Promise<Answer>;
  /** The error for an answer that is not the one that was hoped for. */
  fault(call: Call, answer: Answer): NodepoolError;
  /** The error for an answer that no Jenkins gives. */
  unusable(call: Call, why: string): NodepoolError;
  /** Ends when the requests under way have ended. */
  close(): Promise<void>;
}

/** Connects to nothing yet. Throws `config` when the address is none. */
export function createSender({ url, user, apikey, rateMs }: JenkinsSettings, clock: Clock): Sender {
  const base = readAddress(url);
  const credentials = Buffer.from(`${user}:${apikey}`).toString('base64');
  const secrets = [apikey, credentials].filter(Boolean);
  const exchange = createExchange(base.origin, clock);
  const limiter = new Limiter({ clock, rateMs, concurrency: CONCURRENCY });

  const describe = ({ path, body }: Call): string => `${body ? 'POST' : 'GET'} ${path} at Jenkins ${base.href}`;
  const fault = (call: Call, answer: Answer): NodepoolError =>
    toFault(answer, { what: describe(call), secrets, now: clock.now() });
  const request = async (call: Call, signal: AbortSignal): Promise<Answer> => {
    const { path, query, body, headers } = call;
    const own = { authorization: `Basic ${credentials}`, ...(body && { 'content-type': body.type }) };
    const target = `${base.pathname}${path}${query ? `?${new URLSearchParams(query).toString()}` : ''}`;
    const method = body ? 'POST' : 'GET';
    const sent = { method, path: target, headers: { ...own, ...headers }, body: body?.text ?? null } as const;
    const answer = await exchange.send({ ...sent, what: describe(call) }, signal);
    // Thrown in here, so that the limiter learns of it.
    const error = answer.status >= 400 ? fault(call, answer) : null;
    if (error?.code === 'throttled') throw error;
    return answer;
  };

  return {
    send: (call, signal) => limiter.run(call.lane, signal, () => request(call, signal)),
    fault,
    unusable: (call, why) => new NodepoolError('unavailable', `${describe(call)} got no usable answer: ${why}`),
    close: exchange.close,
  };
}

/** With a slash at its end, and nothing in it that is secret. */
function readAddress(text: string): URL {
  if (!isHttpAddress(text)) {
    throw new NodepoolError('config', 'the url of a Jenkins is not an address that begins with http:// or https://');
  }
  const url = new URL(text);
  return new URL(`${url.pathname.replace(/\/*$/, '')}/`, url.origin);
}
