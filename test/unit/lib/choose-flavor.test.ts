import { describe, expect, it } from 'vitest';
import { chooseFlavor } from '../../../src/lib/choose-flavor.ts';

interface Flavor {
  readonly name: string;
  readonly ramMb: number;
  readonly cores: number;
  readonly diskGb: number;
}

const flavor = (name: string, ramMb: number, cores = 1, diskGb = 10): Flavor => ({ name, ramMb, cores, diskGb });
const choose = (flavors: readonly Flavor[], minRamMb: number, nameFilter: string | null = null): string | undefined =>
  chooseFlavor(flavors, { minRamMb, nameFilter })?.name;

describe('the flavor of a server', () => {
  const flavors = [flavor('large', 16_384), flavor('small', 2048), flavor('medium', 8192)];

  it('is the one with the least RAM that suffices', () => {
    expect([8191, 8192, 8193].map((ram) => choose(flavors, ram))).toEqual(['medium', 'medium', 'large']);
  });

  it('is none where none has enough', () => {
    expect(choose(flavors, 16_385)).toBeUndefined();
  });

  it('has the filter in its name, as it is written', () => {
    const named = [...flavors, flavor('8 GB Performance', 8192), flavor('30 GB Performance', 30_720)];
    expect(choose(named, 8000, 'Performance')).toBe('8 GB Performance');
    expect(choose(named, 9000, 'Performance')).toBe('30 GB Performance');
    expect(choose(named, 8000, 'performance')).toBeUndefined();
  });

  it.each([
    ['the fewest cores', flavor('b', 8192, 2, 80), flavor('a', 8192, 4, 20)],
    ['then the least disk', flavor('b', 8192, 2, 20), flavor('a', 8192, 2, 80)],
    ['a disk of its own at all', flavor('b', 8192, 2, 80), flavor('a', 8192, 2, 0)],
    ['then the first name', flavor('a', 8192, 2, 20), flavor('b', 8192, 2, 20)],
  ])('is, of those with equally much RAM, the one with %s, however they are ordered', (_, best, other) => {
    expect([choose([best, other], 1), choose([other, best], 1)]).toEqual([best.name, best.name]);
  });
});
