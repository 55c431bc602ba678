import type { Random } from '../../src/lib/random.ts';

/** A {@link Random} that repeats itself for equal seeds: Marsaglia's xorshift with 32 bits (2003). */
export function createSeededRandom(seed: number): Random {
  // Zero is the one state that xorshift never leaves; the multiplication spreads small seeds over all bits.
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;

  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state;
  };
  const hex = (bytes: number): string =>
    Array.from({ length: bytes }, () => (next() >>> 24).toString(16).padStart(2, '0')).join('');

  return {
    fraction: () => (next() - 1) / 0xffff_ffff,
    hex,
    uuid: () => [4, 2, 2, 2, 6].map(hex).join('-'),
  };
}
