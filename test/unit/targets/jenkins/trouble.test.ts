import { describe, expect, it } from 'vitest';
import type { Jenkins } from '../../../../src/targets/jenkins/jenkins.ts';
import { anAgent, failureOf, openJenkins, signal, until } from './jenkins-under-test.ts';

const CALLS: readonly [string, (jenkins: Jenkins, signal: AbortSignal) => Promise<unknown>][] = [
  ['status', (jenkins, own) => jenkins.status(own)],
  ['addAgent', (jenkins, own) => jenkins.addAgent(anAgent, own)],
  ['removeAgent', (jenkins, own) => jenkins.removeAgent('a', own)],
  ['labelAgent', (jenkins, own) => jenkins.labelAgent('a', 'x', own)],
  ['startJob', (jenkins, own) => jenkins.startJob('a', {}, own)],
];

describe.each(CALLS)('%s', (_, call) => {
  it.each([
    [400, {}, 'rejected'],
    [401, {}, 'auth'],
    [403, {}, 'auth'],
    [408, {}, 'unavailable'],
    [409, {}, 'rejected'],
    [429, {}, 'throttled'],
    [429, { 'Retry-After': '7' }, 'throttled'],
    [500, {}, 'unavailable'],
    [502, {}, 'unavailable'],
    [503, {}, 'unavailable'],
    [503, { 'Retry-After': '7' }, 'throttled'],
    [202, {}, 'unavailable'],
  ])('rejects after %i %j with %s, and repeats nothing', async (status, headers, code) => {
    const { jenkins, double, asked } = await openJenkins({ hasCrumbs: false });
    double.fault({ kind: 'status', status, headers });
    const error = await failureOf(call(jenkins, signal));
    expect(error).toMatchObject({ code, retryAfterMs: 'Retry-After' in headers ? 7000 : undefined });
    expect(error.message).toContain(`failed with ${status}: `);
    const first = asked();
    expect(first[0]).toMatch(new RegExp(` ${status}$`));
    // After a refusal it may look for the cause, but never tries the same again.
    expect(first.slice(1).filter((line) => !line.startsWith('GET'))).toEqual([]);
  });

  it.each(['reset', 'hang', 'stall', 'huge'] as const)('ends when the answer is a %s', async (kind) => {
    const { jenkins, double, clock } = await openJenkins();
    double.fault({ kind });
    const failure = failureOf(call(jenkins, signal));
    await until(() => double.requests.length > 0);
    if (kind === 'hang' || kind === 'stall') await clock.advance(30_000);
    const words = {
      reset: ' got no usable answer: the connection was closed before the answer was complete',
      hang: ': no answer within 30 s',
      stall: ': no answer within 30 s',
      huge: ' got no usable answer: it has more than 8 MB',
    };
    const error = await failure;
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(error.message).toMatch(new RegExp(`at Jenkins ${double.url}${words[kind]}$`));
  });

  it('ends at once when it is abandoned', async () => {
    const { jenkins, double } = await openJenkins();
    double.fault({ kind: 'hang' });
    const caller = new AbortController();
    const failure = failureOf(call(jenkins, caller.signal));
    await until(() => double.requests.length > 0);
    caller.abort();
    expect(await failure).toMatchObject({ code: 'aborted' });
  });

  it('rejects when nobody listens, and works again when somebody does', async () => {
    const { jenkins, double } = await openJenkins({ jobs: [{ name: 'a', parameters: [] }] });
    await jenkins.addAgent({ ...anAgent, name: 'a' }, signal);
    await double.close();
    const error = await failureOf(call(jenkins, signal));
    expect(error).toMatchObject({ code: 'unavailable' });
    await double.start();
    await call(jenkins, signal);
  });
});

it('a slow answer in time is as good as any', async () => {
  const { jenkins, double, clock } = await openJenkins();
  double.fault({ kind: 'slow', delayMs: 29_000 });
  const status = jenkins.status(signal);
  await until(() => double.requests.length > 0);
  await clock.advance(29_000);
  expect(await status).toMatchObject({ isQuietingDown: false });
});

it('requests begin at least the rate apart, those of one call too', async () => {
  const { jenkins, double, clock } = await openJenkins({ rateMs: 1000 });
  const calls = [jenkins.status(signal), jenkins.addAgent(anAgent, signal), jenkins.removeAgent('b', signal)];
  // Two for the status and two for the agent that is not there.
  for (let count = 1; count <= 5; count += 1) {
    await until(() => double.requests.length >= count);
    await clock.advance(999);
    expect(double.requests).toHaveLength(count);
    await clock.advance(1);
  }
  await Promise.all(calls);
  const times = double.requests.map(({ at }) => at);
  expect(times.map((at) => at - (times[0] ?? 0))).toEqual([0, 1000, 2000, 3000, 4000]);
});

it('after being asked to wait, no request begins before that time', async () => {
  const { jenkins, double, clock } = await openJenkins();
  double.fault({ kind: 'status', status: 503, headers: { 'Retry-After': '20' } });
  expect(await failureOf(jenkins.removeAgent('a', signal))).toMatchObject({ code: 'throttled', retryAfterMs: 20_000 });
  const status = jenkins.status(signal);
  await until(() => double.requests.length > 1 || clock.nextAt() !== null);
  expect(double.requests).toHaveLength(1);
  expect(clock.nextAt()).toBe(clock.now() + 20_000);
  await clock.advance(20_000);
  expect(await status).toMatchObject({ isQuietingDown: false });
});

it('the time to wait may be a date, and is ten minutes at most', async () => {
  const { jenkins, double, clock } = await openJenkins();
  const after = async (value: string): Promise<number | undefined> => {
    const headers = { 'Retry-After': value, Date: new Date(clock.now()).toUTCString() };
    double.fault({ kind: 'status', status: 429, headers });
    const { retryAfterMs } = await failureOf(jenkins.removeAgent('a', signal));
    await clock.advance(retryAfterMs ?? 10_000);
    return retryAfterMs;
  };
  expect(await after(new Date(clock.now() + 30_000).toUTCString())).toBe(30_000);
  expect(await after('86400')).toBe(600_000);
  expect(await after('0')).toBeUndefined();
  expect(await after('soon')).toBeUndefined();
});
