import { describe, expect, it } from 'vitest';
import { FailureLimit } from '../../../src/api/failure-limit.ts';
import { RateLimit } from '../../../src/api/rate-limit.ts';
import { Subscription } from '../../../src/api/subscription.ts';
import { TokenCache } from '../../../src/api/token-cache.ts';
import { REVOKED_TOKEN, REVOKED_WORKS_MS } from '../../../src/requests/tokens.ts';
import type { RequestWithNodes, TokenRecord } from '../../../src/store/store.ts';
import { aRequest } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

describe('a token that is revoked', () => {
  it('works on for five seconds at most, as its owner is told', async () => {
    const clock = createFakeClock();
    let stored: Partial<TokenRecord> | null = { id: 1, expiresAt: null };
    const cache = new TokenCache({ tokens: { findByHash: () => Promise.resolve(stored) } as never, clock });
    expect(await cache.find('hash')).not.toBeNull();
    stored = null;
    await clock.advance(REVOKED_WORKS_MS - 1);
    expect(await cache.find('hash')).not.toBeNull();
    await clock.advance(1);
    expect(await cache.find('hash')).toBeNull();
    expect(REVOKED_TOKEN).toContain('5 seconds');
  });
});

describe('what strangers can make the daemon remember', () => {
  it('of tokens is a thousand, and the first to be forgotten is the oldest', async () => {
    const asked: string[] = [];
    const findByHash = async (hash: string): Promise<TokenRecord | null> => {
      asked.push(hash);
      return null;
    };
    const cache = new TokenCache({ tokens: { findByHash } as never, clock: createFakeClock() });
    for (let number = 0; number <= 1000; number++) await cache.find(`hash ${number}`);
    for (const number of [1, 1000, 0]) await cache.find(`hash ${number}`);
    expect(asked.slice(1001)).toEqual(['hash 0']);
  });

  it('of addresses is ten thousand', () => {
    const limit = new FailureLimit(createFakeClock());
    const fail = (address: string, times: number): void => {
      for (let failure = 0; failure < times; failure++) limit.count(address);
    };
    fail('first', 20);
    fail('second', 20);
    for (let number = 0; number < 9998; number++) limit.count(`other ${number}`);
    expect([limit.waitMs('first'), limit.waitMs('second')]).toEqual([60_000, 60_000]);
    limit.count('one more');
    expect([limit.waitMs('first'), limit.waitMs('second')]).toEqual([0, 60_000]);
  });

  it('of rates is ten thousand', () => {
    const rates = new RateLimit(createFakeClock());
    for (let token = 0; token < 10_000; token++) for (const _ of [1, 2, 3]) rates.take(token, 1);
    expect([rates.take(0, 1), rates.take(1, 1)]).toEqual([1000, 1000]);
    rates.take(10_000, 1);
    expect([rates.take(1, 1), rates.take(0, 1)]).toEqual([1000, 0]);
  });

  it('of changes for one listener is ten thousand: it is sent away to begin anew', async () => {
    const all = { id: null, tokenId: 1, maySee: () => true, isAllowed: () => Promise.resolve(true) };
    const found = (id: number): RequestWithNodes => ({
      request: aRequest({ id }),
      nodes: [],
      imageVersions: new Map(),
    });
    const subscription = new Subscription(all);
    for (let id = 1; id <= 10_000; id++) subscription.offer(found(id));
    subscription.offer(found(1));
    expect((await subscription.next())?.length).toBe(50);
    for (let id = 1; id <= 51; id++) subscription.offer(found(20_000 + id));
    expect(await subscription.next()).toBeNull();
  });
});

describe('what depends on the time', () => {
  it('does not wait for a clock that was set back', async () => {
    const clock = createFakeClock();
    const limit = new FailureLimit(clock);
    for (let failure = 0; failure < 20; failure++) limit.count('address');
    const rates = new RateLimit(clock);
    for (let use = 0; use < 2; use++) rates.take(1, 1);
    clock.set(clock.now() - 86_400_000);
    expect(limit.waitMs('address')).toBe(0);
    expect(rates.take(1, 1)).toBe(1000);
    await clock.advance(1000);
    expect(rates.take(1, 1)).toBe(0);
  });
});
