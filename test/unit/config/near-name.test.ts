import { describe, expect, it } from 'vitest';
import { nearName } from '../../../src/lib/near-name.ts';

const KEYS = ['min-ready', 'min-ram', 'max-servers', 'rate', 'name', 'pool'];

describe('the nearest known name', () => {
  it.each([
    ['max-server', 'max-servers'],
    ['max_servers', 'max-servers'],
    ['MIN-READY', 'min-ready'],
    ['min-raedy', 'min-ready'],
    ['mim-rma', 'min-ram'],
    ['nmae', 'name'],
  ])('of %s is %s', (name, near) => {
    expect(nearName(name, KEYS)).toBe(near);
  });

  it('is the first of those that are equally near', () => {
    expect(nearName('b', ['a', 'c'])).toBe('a');
  });

  it.each(['colour', 'ab', '', 'x'.repeat(1_000_000)])('of another word is none', (name) => {
    expect(nearName(name, KEYS)).toBeNull();
  });
});
