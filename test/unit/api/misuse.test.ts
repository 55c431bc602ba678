import { describe, expect, it } from 'vitest';
import { openScene, REQUESTS, type CallOptions } from './scene.ts';

const WISH = { label: 'small' };
const INJECTION = "small'; DROP TABLE request; --";

interface Misuse {
  readonly method: string;
  readonly path: string;
  readonly options?: CallOptions;
  readonly status: number;
  /** Part of the message. */
  readonly says: string;
}

const post = (body: unknown, says: string, status = 400): Misuse => ({
  method: 'POST',
  path: REQUESTS,
  options: { body },
  status,
  says,
});
const get = (path: string, says: string, status = 404): Misuse => ({ method: 'GET', path, status, says });

/** A body of another type, or headers that are no use. */
const withHeaders = (headers: Record<string, string>, status: number, says: string): Misuse => ({
  method: 'POST',
  path: REQUESTS,
  options: { body: WISH, headers },
  status,
  says,
});

const NOTHING = 'there is nothing here';
const NO_SUCH = 'there is no such request';
const OFF_LIST = 'limit must be a whole number from 1 to 1000';

const MISUSES: readonly Misuse[] = [
  post('', 'the body is not valid JSON'),
  post('{', 'the body is not valid JSON'),
  post('{"label":"small",}', 'the body is not valid JSON'),
  post('{"label":"small"}{}', 'the body is not valid JSON'),
  post('\u0000', 'the body is not valid JSON'),
  post('['.repeat(30_000), 'the body is not valid JSON'),
  post([], 'the body must be a JSON object'),
  post('null', 'the body must be a JSON object'),
  post('"small"', 'the body must be a JSON object'),
  post({}, 'label is missing'),
  post({ label: 7 }, 'label must be a text'),
  post({ label: ['small'] }, 'label must be a text'),
  post({ ...WISH, count: '1' }, 'count must be a whole number'),
  post({ ...WISH, count: 1.5 }, 'count must be a whole number'),
  post('{"label":"small","count":1e999}', 'count must be a whole number'),
  post('{"label":"small","count":1e18}', 'count is out of range'),
  post({ ...WISH, ttl: true }, 'ttl must be a whole number'),
  post({ ...WISH, priority: null }, 'priority must be a whole number'),
  post({ ...WISH, requestor: {} }, 'requestor must be a text'),
  post({ ...WISH, state: 'granted' }, 'there is no key "state"'),
  post({ ...WISH, tokenId: 1 }, 'there is no key "tokenId"'),
  post('{"label":"small","__proto__":{"count":2}}', 'there is no key "__proto__"'),
  post('{"label":"small","constructor":{"prototype":{"count":2}}}', 'there is no key "constructor"'),
  post({ ...WISH, ['x'.repeat(5000)]: 1 }, `there is no key "${'x'.repeat(60)}"`),
  post({ label: INJECTION }, 'there is no label', 422),
  post({ label: '__proto__' }, 'there is no label', 422),
  post({ ...WISH, requestor: 'a\r\nSet-Cookie: b' }, 'requestor must be one line', 422),
  post({ ...WISH, reason: 'nul \u0000 byte' }, 'reason must be one line', 422),
  post({ ...WISH, reason: 'x'.repeat(1001) }, 'reason must have 1 to 1000 characters', 422),
  post({ ...WISH, reason: 'x'.repeat(70_000) }, 'the body may have 65536 bytes at most', 413),
  withHeaders({ 'Content-Type': 'text/plain' }, 415, 'the body must be application/json'),
  withHeaders({ 'Content-Type': 'application/x-www-form-urlencoded' }, 415, 'the body must be application/json'),
  withHeaders({ 'Content-Type': 'multipart/form-data; boundary=x' }, 415, 'the body must be application/json'),
  withHeaders({ 'Content-Type': 'application/jsonx' }, 415, 'the body must be application/json'),
  withHeaders({ 'Idempotency-Key': '' }, 400, 'idempotency-key must have 1 to 255 visible ASCII characters'),
  withHeaders({ 'Idempotency-Key': 'a b' }, 400, 'idempotency-key must have'),
  withHeaders({ 'Idempotency-Key': 'caf\u00e9' }, 400, 'idempotency-key must have'),
  withHeaders({ 'Idempotency-Key': 'x'.repeat(256) }, 400, 'idempotency-key must have'),
  { method: 'POST', path: `${REQUESTS}/1/extend`, options: { body: { ttl: '1' } }, status: 400, says: 'ttl must be' },
  { method: 'POST', path: `${REQUESTS}/1/extend`, options: { body: { by: 1 } }, status: 400, says: 'no key "by"' },
  { method: 'DELETE', path: `${REQUESTS}/1?result=maybe`, status: 400, says: 'result must be success or failure' },
  { method: 'DELETE', path: `${REQUESTS}/1?force=1`, status: 400, says: 'there is no parameter "force"' },
  get(`${REQUESTS}?limit=0`, OFF_LIST, 400),
  get(`${REQUESTS}?limit=1001`, OFF_LIST, 400),
  get(`${REQUESTS}?limit=1e2`, OFF_LIST, 400),
  get(`${REQUESTS}?limit=-1`, OFF_LIST, 400),
  get(`${REQUESTS}?limit=1&limit=2`, 'limit must be', 400),
  get(`${REQUESTS}?state=lost`, 'state must be waiting, granted or ended', 400),
  get(`${REQUESTS}?labels=small`, 'there is no parameter "labels"', 400),
  get(`${REQUESTS}?__proto__=1`, 'there is no parameter "__proto__"', 400),
  ...[
    '0',
    '-1',
    '01',
    '1.0',
    '1e1',
    '0x1',
    ' 1',
    '%201',
    '1%00',
    '2147483648',
    '99999999999',
    'NaN',
    '%31%27--',
    '1;2',
  ].map((id) => get(`${REQUESTS}/${id}`, NO_SUCH)),
  ...['%2e%2e', '..%2f..%2fetc%2fpasswd', '..%5c..%5c', '%c0%ae%c0%ae', '%', '%zz'].map((id) =>
    get(`${REQUESTS}/${id}`, 'there is no'),
  ),
  get(`${REQUESTS}/2147483647`, 'there is no request 2147483647'),
  get('/', NOTHING),
  get('//', NOTHING),
  get('/api', NOTHING),
  get('/api/v1', NOTHING),
  get('/api/v2/requests', NOTHING),
  get('/API/V1/REQUESTS', NOTHING),
  get(`${REQUESTS}/`, NOTHING),
  get(`${REQUESTS}//1`, NOTHING),
  get(`//evil.example.org${REQUESTS}`, NOTHING),
  get(`${REQUESTS}/1/../../../etc/passwd`, NOTHING),
  get(`${REQUESTS}/1/nodes`, NOTHING),
  get('/.git/config', NOTHING),
  get('/constructor', NOTHING),
  get('/__proto__', NOTHING),
  ...['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'].map((method) => ({
    method,
    path: REQUESTS,
    status: 405,
    says: 'use POST, GET, HEAD here',
  })),
  { method: 'POST', path: `${REQUESTS}/1`, status: 405, says: 'use GET, HEAD, DELETE here' },
  { method: 'GET', path: `${REQUESTS}/1/extend`, status: 405, says: 'use POST here' },
  { method: 'POST', path: '/healthz', status: 405, says: 'use GET, HEAD here' },
];

describe('misuse', () => {
  it('is answered with the right status and one sentence, and changes nothing', async () => {
    const scene = await openScene({ api: { host: '127.0.0.1', port: 0, rateLimit: 0 } });
    await scene.ready(2);
    const before = await scene.store.readPool();
    const wrong = [];
    for (const { method, path, options, status, says } of MISUSES) {
      const answer = await scene.call(method, path, options);
      const message = answer.body?.error?.message ?? '';
      const isSafe =
        answer.headers.get('Content-Type') === 'application/json' &&
        answer.headers.get('X-Content-Type-Options') === 'nosniff' &&
        answer.headers.get('Cache-Control') === 'no-store' &&
        !answer.headers.has('Access-Control-Allow-Origin');
      const isRight = answer.status === status && message.includes(says) && message.length < 200;
      if (!isSafe || !isRight) wrong.push({ method, path, body: options?.body, status: answer.status, message });
    }
    expect(wrong).toEqual([]);
    expect([scene.changes(), await scene.store.readPool()]).toEqual([0, before]);
    expect(({} as { count?: number }).count).toBeUndefined();
  });
});
