import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/lib/random.ts';
import { createSecret, hashSecret, isSecret } from '../../../src/requests/tokens.ts';

describe('the secret of a token', () => {
  it('is 32 random bytes in a form that fits a header, a URL and a shell', () => {
    const random = { ...systemRandom, hex: (bytes: number) => 'fb'.repeat(bytes) };
    expect(createSecret(random)).toBe(`np_${Buffer.alloc(32, 0xfb).toString('base64url')}`);
    const secrets = new Set(Array.from({ length: 100 }, () => createSecret(systemRandom)));
    expect(secrets.size).toBe(100);
    expect([...secrets].every(isSecret)).toBe(true);
  });

  it('is told from other text', () => {
    const others = [
      '',
      'np_',
      `np_${'a'.repeat(42)}`,
      `np_${'a'.repeat(44)}`,
      `xx_${'a'.repeat(43)}`,
      `np_${'a'.repeat(42)}+`,
    ];
    expect(others.filter(isSecret)).toEqual([]);
    expect(isSecret(`np_${'a'.repeat(43)}\n`)).toBe(false);
  });

  it('is stored as its SHA-256', () => {
    expect(hashSecret('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
