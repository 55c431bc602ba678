import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startCloudDouble } from './cloud-double.ts';
import type { Reply } from './http-double.ts';
import { failureOf, get, openSession, post } from './session-under-test.ts';

const signal = new AbortController().signal;
const SERVERS = '/compute/v2.1/p1/servers';
const READ = { json: { servers: [{ id: 's1' }] } };

/** A session that is logged in; GET and POST of servers are answered with `replies`, in turn, the last one for ever. */
async function withReplies(...replies: readonly Reply[]) {
  const cloud = await startCloudDouble();
  const next = (_: unknown, nth: number): Reply => replies[Math.min(nth, replies.length) - 1] as Reply;
  cloud.serve('GET', SERVERS, next);
  cloud.serve('POST', SERVERS, next);
  const tested = openSession(cloud.url);
  await tested.session.project(signal);
  return { cloud, ...tested };
}

const HTML_502: Reply = { status: 502, text: '<html><body><h1>502 Bad Gateway</h1>\nnginx</body></html>' };

describe('reading', () => {
  it.each<[string, Reply]>([
    ['a reset connection', 'reset'],
    ['an answer that is cut off', 'cut-off'],
    ['JSON that ends too early', { text: '{"servers": [{"id": "s1"' }],
    ['HTML instead of JSON', { text: '<html>Please log in to the guest network</html>' }],
    ['500', { status: 500, json: { computeFault: { message: 'Unexpected API Error.' } } }],
    ['502 with HTML', HTML_502],
    ['503', { status: 503 }],
    ['504', { status: 504, text: 'Gateway Timeout' }],
  ])('is tried again after %s, up to three times in all', async (_, trouble) => {
    const passing = await withReplies(trouble, trouble, READ);
    const answer = await passing.during(passing.session.send(get()));
    expect(answer.body).toEqual(READ.json);
    expect(passing.pauses).toHaveLength(2);
    expect(passing.pauses[0]).toBeGreaterThanOrEqual(150);
    expect(passing.pauses[0]).toBeLessThanOrEqual(450);
    expect(passing.pauses[1]).toBeGreaterThanOrEqual(500);
    expect(passing.pauses[1]).toBeLessThanOrEqual(1500);

    const lasting = await withReplies(trouble);
    expect(await lasting.during(failureOf(lasting.session.send(get())))).toMatchObject({ code: 'unavailable' });
    expect(lasting.cloud.http.count('GET', SERVERS)).toBe(3);
  });

  it.each<[number, string]>([
    [400, 'rejected'],
    [403, 'rejected'],
    [404, 'not-found'],
    [409, 'conflict'],
    [413, 'throttled'],
    [429, 'throttled'],
    [501, 'rejected'],
    [302, 'unavailable'],
  ])('is not tried again after %i', async (status, code) => {
    const { cloud, session, during } = await withReplies({
      status,
      headers: { location: 'http://example.org/', 'x-openstack-request-id': 'req-1' },
    });
    expect(await during(failureOf(session.send(get())))).toMatchObject({ code });
    expect(cloud.http.count('GET', SERVERS)).toBe(1);
  });

  it('ends with the last words of the cloud', async () => {
    const { cloud, session, during } = await withReplies('reset', HTML_502);
    expect(await during(failureOf(session.send(get())))).toMatchObject({
      message: expect.stringContaining(
        `GET /servers at the compute service (${cloud.url}) failed with 502: 502 Bad Gateway nginx (req-`,
      ) as string,
    });
  });

  it('waits as long as the cloud asks for, up to 5 s', async () => {
    const { session, during, pauses } = await withReplies({ status: 503, headers: { 'retry-after': '5' } }, READ);
    expect((await during(session.send(get()))).status).toBe(200);
    expect(pauses).toEqual([5000]);
  });

  it('leaves it alone when the cloud asks for more, and passes on how long', async () => {
    const { cloud, session, during } = await withReplies({ status: 503, headers: { 'retry-after': '6' } }, READ);
    const error = await during(failureOf(session.send(get())));
    expect(error).toMatchObject({ code: 'unavailable', retryAfterMs: 6000 });
    expect(cloud.http.count('GET', SERVERS)).toBe(1);
  });

  it('is not tried again when the pause would not end within the time limit', async () => {
    const cloud = await startCloudDouble();
    cloud.serve('GET', SERVERS, () => ({ status: 503, headers: { 'retry-after': '2' } }));
    const { session, during } = openSession(cloud.url, { apiTimeoutMs: 2000 });
    expect(await during(failureOf(session.send(get())), 1000)).toMatchObject({ code: 'unavailable' });
    expect(cloud.http.count('GET', SERVERS)).toBe(1);
  });

  it('ends in the middle of a pause when it is abandoned', async () => {
    const { cloud, session, clock } = await withReplies({ status: 503 });
    const caller = new AbortController();
    const failure = failureOf(session.send(get('/servers', { signal: caller.signal })));
    while ((clock.nextAt() ?? Infinity) - clock.now() > 1000) await turn();
    caller.abort();
    expect(await failure).toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('was abandoned') as string,
    });
    expect(cloud.http.count('GET', SERVERS)).toBe(1);
  });
});

describe('what changes something', () => {
  it.each<[string, Reply, string]>([
    ['a reset connection', 'reset', 'the connection was closed before the answer was complete'],
    ['an answer that is cut off', 'cut-off', 'the connection was closed before the answer was complete'],
    ['an answer that is not JSON', { status: 202, text: '{"server": {"id"' }, '202, not JSON'],
    ['503', { status: 503, headers: { 'retry-after': '1' } }, 'Service Unavailable'],
  ])('is sent once, and may have been done, after %s', async (_, reply, words) => {
    const { cloud, session, during } = await withReplies(reply);
    expect(await during(failureOf(session.send(post())))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(words) as string,
    });
    expect(cloud.http.count('POST', SERVERS)).toBe(1);
  });

  it('is sent once after others went over the same connection, which the cloud then closed', async () => {
    const { cloud, session, during } = await withReplies(READ, 'reset');
    cloud.serve('GET', SERVERS, () => READ);
    for (let n = 0; n < 5; n += 1) await session.send(get());
    const opened = cloud.http.connections;
    expect(opened).toBeLessThan(5);
    cloud.serve('POST', SERVERS, () => 'reset');
    expect(await during(failureOf(session.send(post())))).toMatchObject({ code: 'unavailable' });
    expect(cloud.http.count('POST', SERVERS)).toBe(1);
    expect(cloud.http.connections).toBe(opened);
  });
});

describe('time', () => {
  it('is up when the limit is reached and not before, however many tries it takes', async () => {
    const { cloud, session, clock } = await withReplies('silence');
    let failure: unknown = null;
    const ended = failureOf(session.send(get())).then((error) => (failure = error));
    await expect.poll(() => cloud.http.count('GET', SERVERS), { interval: 1 }).toBe(1);
    await clock.advance(59_999);
    expect(failure).toBeNull();
    await clock.advance(1);
    await ended;
    expect(failure).toMatchObject({
      code: 'unavailable',
      message: `GET /servers at the compute service (${cloud.url}): no answer within 60 s`,
    });
    expect(cloud.http.count('GET', SERVERS)).toBe(1);
  });

  it('is up for a Keystone that says nothing', async () => {
    const cloud = await startCloudDouble();
    cloud.onLogin = () => 'silence';
    const { session, clock } = openSession(cloud.url);
    const failure = failureOf(session.send(get()));
    await expect.poll(() => cloud.logins, { interval: 1 }).toBe(1);
    await clock.advance(60_000);
    expect(await failure).toMatchObject({
      code: 'unavailable',
      message: 'logging in to cloud test in clouds.yaml: no answer within 60 s',
    });
  });

  it('leaves nothing behind that keeps the process alive', async () => {
    const { session, clock } = await withReplies(READ);
    await session.send(get());
    await turn();
    expect(clock.nextAt()).toBeNull();
  });
});

describe('abandoning', () => {
  it('ends a request under way', async () => {
    const { cloud, session } = await withReplies('silence');
    const caller = new AbortController();
    const failure = failureOf(session.send(post('/servers', { signal: caller.signal })));
    await expect.poll(() => cloud.http.count('POST', SERVERS), { interval: 1 }).toBe(1);
    caller.abort();
    expect(await failure).toMatchObject({ code: 'aborted' });
  });

  it('keeps a request from being sent', async () => {
    const { cloud, session, lines } = await withReplies(READ);
    expect(await failureOf(session.send(get('/servers', { signal: AbortSignal.abort() })))).toMatchObject({
      code: 'aborted',
    });
    expect(lines).toHaveLength(1);
    expect(cloud.http.count('GET', SERVERS)).toBe(0);
  });
});

describe('an answer', () => {
  it('is refused when it has more than 64 MB, and not asked for again', async () => {
    const { cloud, session } = await withReplies({ text: 'x'.repeat(64 * 1024 * 1024 + 1) });
    expect(await failureOf(session.send(get()))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the answer has more than 64 MB') as string,
    });
    expect(cloud.http.count('GET', SERVERS)).toBe(1);
  });
});

describe('a service that is not there', () => {
  it('is tried three times', async () => {
    const cloud = await startCloudDouble();
    const { session, during, pauses, lines } = openSession(cloud.url);
    await session.project(signal);
    await cloud.http.close();
    expect(await during(failureOf(session.send(get())))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('got no usable answer: the connection was') as string,
    });
    expect(pauses).toHaveLength(2);
    expect(lines.at(-1)?.fields).toMatchObject({ problem: 'the connection was refused' });
  });
});
