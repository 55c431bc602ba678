/** Requests to send: right ones, wrong ones, and no requests at all. Bytes are kept as text in latin1. */
import type { ApiToken } from '../../test/support/api-pool.ts';
import { garbage, mutate, NASTY_IDS, NASTY_TEXTS, nastyValue, type Dice } from './mutations.ts';

export interface Case {
  /** What is sent, piece by piece. */
  readonly pieces: readonly string[];
  /** It is whole and well-formed as HTTP, so there must be an answer. */
  readonly isWhole: boolean;
  /** The connection is reset when everything was sent, at once or a moment later; null: it is not. */
  readonly breaksOff: 'at once' | 'soon' | null;
}

const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'QUERY', 'CONNECT'];
const KEYS = [
  'label',
  'count',
  'priority',
  'ttl',
  'requestor',
  'reason',
  'state',
  'id',
  '__proto__',
  'constructor',
  'token_id',
];
const QUERIES = [
  'state=waiting',
  'state=granted',
  'state=ended',
  'label=small',
  'limit=1',
  'limit=1000',
  'limit=0',
  'result=failure',
  'result=',
  '__proto__=1',
  'state=%00',
  'limit=1&limit=2',
  '%',
  '&&&',
  'a[]=1',
];
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  '',
  'application/json;;',
  '/',
];

const WHOLE_NUMBERS = [0, 1, 1, 2, 3, 5, 60, 100, -100, 101, 1000, 604_800, 604_801, 2 ** 31, 2 ** 53 - 1, -1, null];

const toLatin1 = (text: string): string => Buffer.from(text).toString('latin1');

/** @param ids up to this the ids of requests may exist */
export function nextCase(dice: Dice, tokens: readonly ApiToken[], ids: number): Case {
  if (dice.happens(0.04)) return { pieces: [garbage(dice)], isWhole: false, breaksOff: breakOff(dice, 0.3) };
  const count = dice.happens(0.1) ? 2 + dice.below(4) : 1;
  const requests = Array.from({ length: count }, () => buildRequest(dice, tokens, ids));
  const text = requests.join('');
  const breaksOff = breakOff(dice, 0.05);
  if (dice.happens(0.25)) return { pieces: split(mutate(text, dice), dice), isWhole: false, breaksOff };
  return { pieces: split(text, dice), isWhole: breaksOff === null, breaksOff };
}

function breakOff(dice: Dice, share: number): Case['breaksOff'] {
  return dice.happens(share) ? dice.pick(['at once', 'soon'] as const) : null;
}

function split(text: string, dice: Dice): string[] {
  if (dice.happens(0.8)) return [text];
  const at = dice.below(text.length);
  return [text.slice(0, at), text.slice(at)];
}

function buildRequest(dice: Dice, tokens: readonly ApiToken[], ids: number): string {
  const { method, path, body } = buildCall(dice, ids);
  const headers = [
    `Host: ${dice.happens(0.97) ? 'nodepool' : dice.pick(['', 'a:b:c', '[::1]:80', 'evil.example.org:99999'])}`,
    ...authorize(dice, tokens),
    ...(dice.happens(0.2)
      ? [
          `Idempotency-Key: ${dice.happens(0.8) ? `key-${dice.below(20)}` : dice.pick(['', 'a b', '\xe9', 'x'.repeat(300)])}`,
        ]
      : []),
    ...(dice.happens(0.02) ? ['Expect: 100-continue'] : []),
    ...(dice.happens(0.02) ? ['Upgrade: websocket', 'Connection: Upgrade'] : []),
    ...(dice.happens(0.02) ? [`X-Long: ${'x'.repeat(dice.pick([1000, 15_000, 20_000]))}`] : []),
    ...(dice.happens(0.02) ? ['Last-Event-ID: 5', 'Accept: text/event-stream'] : []),
  ];
  const start = `${method} ${path} HTTP/1.1\r\n`;
  if (body === null) return `${start}${headers.join('\r\n')}\r\n\r\n`;
  const type = dice.happens(0.9) ? TYPES[0] : dice.pick(TYPES);
  const isChunked = dice.happens(0.2);
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
  const payload = isChunked ? chunked(body, dice) : body;
  return `${start}${[...headers, `Content-Type: ${type}`, framing].join('\r\n')}\r\n\r\n${payload}`;
}

function chunked(body: string, dice: Dice): string {
  const size = 1 + dice.below(Math.max(1, body.length));
  let text = '';
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size);
    text += `${part.length.toString(16)}\r\n${part}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

function authorize(dice: Dice, tokens: readonly ApiToken[]): string[] {
  // The first ones have the most rights.
  const token = tokens[Math.min(dice.below(tokens.length), dice.below(tokens.length))]!;
  if (dice.happens(0.95)) return [`Authorization: ${token.headers.Authorization}`];
  if (dice.happens(0.3)) return [];
  const wrong = [
    'Bearer',
    'Bearer np_',
    `Bearer np_${'A'.repeat(42)}${dice.below(10)}`,
    'Basic YTpi',
    'Bearer \xff',
    `bearer ${'x'.repeat(5000)}`,
  ];
  return [`Authorization: ${dice.pick(wrong)}`];
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
}

const REQUESTS = '/api/v1/requests';

function buildCall(dice: Dice, ids: number): Call {
  const query = dice.happens(0.3) ? `?${dice.pick(QUERIES)}` : '';
  const one = `${REQUESTS}/${dice.happens(0.8) ? 1 + dice.below(ids) : dice.pick(NASTY_IDS)}`;
  const calls: readonly (() => Call)[] = [
    () => ({ method: 'POST', path: REQUESTS, body: wish(dice) }),
    () => ({ method: 'POST', path: REQUESTS, body: JSON.stringify({ label: 'small', count: 1 + dice.below(3) }) }),
    () => ({ method: 'GET', path: `${REQUESTS}${query}`, body: null }),
    () => ({ method: 'GET', path: one + query, body: null }),
    () => ({ method: 'DELETE', path: one + query, body: dice.happens(0.1) ? wish(dice) : null }),
    () => ({ method: 'POST', path: `${one}/extend`, body: dice.happens(0.3) ? null : extension(dice) }),
    () => ({ method: dice.pick(['GET', 'HEAD']), path: `${one}/events`, body: null }),
    () => ({ method: 'GET', path: '/api/v1/events', body: null }),
    () => ({
      method: 'GET',
      path: dice.pick(['/healthz', '/readyz', '/api/v1/openapi.json', '/', '*', '//', '/%2e%2e/x', 'http://x/healthz']),
      body: null,
    }),
    () => ({
      method: dice.pick(METHODS),
      path: dice.pick([REQUESTS, one, '/healthz']),
      body: dice.happens(0.5) ? wish(dice) : null,
    }),
  ];
  return dice.pick(calls)();
}

function extension(dice: Dice): string {
  return dice.happens(0.6) ? JSON.stringify({ ttl: 1 + dice.below(10_000) }) : toLatin1(`{"ttl":${nastyValue(dice)}}`);
}

function wish(dice: Dice): string {
  if (dice.happens(0.05)) return toLatin1(dice.pick(NASTY_TEXTS));
  if (dice.happens(0.02)) return '['.repeat(1 + dice.below(70_000));
  const fields = [`"label":${dice.happens(0.7) ? '"small"' : nastyValue(dice)}`];
  for (let left = dice.below(4); left > 0; left--) {
    if (dice.happens(0.6)) fields.push(`"${dice.pick(['count', 'priority', 'ttl'])}":${dice.pick(WHOLE_NUMBERS)}`);
    else if (dice.happens(0.6))
      fields.push(`"${dice.pick(['requestor', 'reason'])}":${JSON.stringify(dice.pick(NASTY_TEXTS))}`);
    else fields.push(`"${dice.pick(KEYS)}":${nastyValue(dice)}`);
  }
  return toLatin1(`{${fields.join(',')}}`);
}
