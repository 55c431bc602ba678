import { describe, expect, it } from 'vitest';
import { DATABASES } from '../support/with-database.ts';
import { NOW, query, useStore } from './harness.ts';

const HASH = 'a'.repeat(64);

describe.each(DATABASES)('tokens on %s', (kind) => {
  const test = useStore(kind);

  it('a token is found by the digest of its secret until it is removed', async () => {
    const { tokens } = test.store;
    const wish = { name: 'ci', scopes: ['read', 'request'], expiresAt: NOW + 1000 };
    const token = await tokens.add(wish, HASH);
    expect(token).toEqual({ id: token.id, createdAt: NOW, ...wish });
    const plain = await tokens.add({ name: 'x'.repeat(300), scopes: [], expiresAt: null }, 'b'.repeat(64));
    expect(plain).toMatchObject({ name: `${'x'.repeat(254)}…`, scopes: [] });
    expect(await test.another().tokens.list()).toEqual([token, plain]);
    // Whether it has expired is for whoever asks to say.
    await test.clock.advance(5000);
    expect(await tokens.findByHash(HASH)).toEqual(token);
    expect(await tokens.findByHash(HASH.toUpperCase())).toBeNull();
    expect(await tokens.remove(token.id)).toBe(true);
    expect(await tokens.remove(token.id)).toBe(false);
    expect(await tokens.findByHash(HASH)).toBeNull();
    expect(await tokens.list()).toEqual([plain]);
  });
});

describe.each(DATABASES)('rules that hold nodes on %s', (kind) => {
  const test = useStore(kind);

  it('a rule is read with the pool until it is removed', async () => {
    const { jobs } = test.store;
    const wish = { name: 'gate', label: 'small', holdOnFailure: 2, reason: 'für später', holdMs: 5, expiresAt: NOW };
    const rule = await jobs.add(wish);
    expect(rule).toEqual({ id: rule.id, ...wish });
    const bare = { name: '*', label: null, holdOnFailure: 1, reason: null, holdMs: null, expiresAt: null };
    const second = await test.another().jobs.add(bare);
    expect((await test.store.readPool()).jobs).toEqual([rule, second]);
    expect(await jobs.remove(rule.id)).toBe(true);
    expect(await jobs.remove(rule.id)).toBe(false);
    expect((await test.store.readPool()).jobs).toEqual([second]);
  });

  it('rules of the original are read, whatever they lack', async () => {
    await query(test.knex, "INSERT INTO job (name, hold_on_failure) VALUES ('gate', 3)");
    await query(test.knex, 'INSERT INTO job (name) VALUES (NULL)');
    const nothing = { label: null, reason: null, holdMs: null, expiresAt: null };
    expect((await test.store.readPool()).jobs).toMatchObject([
      { name: 'gate', holdOnFailure: 3, ...nothing },
      { name: '', holdOnFailure: 0, ...nothing },
    ]);
  });
});
