/** Bytes and values that programs have stumbled over. */
import type { Random } from '../../src/lib/random.ts';

/** Choices by chance, repeatable for a seed. */
export interface Dice {
  /** A whole number from 0 to below `below`. */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
  /** Whether something happens that does so with this likelihood. */
  happens(likelihood: number): boolean;
}

export function createDice(random: Random): Dice {
  const below = (limit: number): number => Math.min(limit - 1, Math.floor(random.fraction() * limit));
  return {
    below,
    pick: (items) => items[below(items.length)]!,
    happens: (likelihood) => random.fraction() < likelihood,
  };
}

export const NASTY_TEXTS = [
  '',
  ' ',
  'small',
  'large',
  'off',
  'null',
  '__proto__',
  'constructor',
  'toString',
  "' OR 1=1 --",
  "small'; DROP TABLE request; --",
  '" OR ""="',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../../etc/passwd',
  '%00',
  '\u0000',
  '\r\nX-Injected: 1',
  '\u2028',
  '\ud800',
  '\udfff\ud800',
  '🚀'.repeat(50),
  'é'.repeat(300),
  'x'.repeat(256),
  'x'.repeat(1001),
  'x'.repeat(65_537),
  '𝒳'.repeat(1000),
  '-1',
  '1e309',
  'true',
];

export const NASTY_NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  3,
  5,
  100,
  -100,
  101,
  1000,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 53,
  2 ** 63,
  1e308,
  0.1,
  1.5,
  -1e-7,
];

const NASTY_JSON = [
  '1e999',
  '-1e999',
  '00',
  '0x10',
  'NaN',
  'Infinity',
  'undefined',
  '[[[[[[]]]]]]',
  '{"a":{}}',
  '""',
  '[]',
  '{}',
];

export const NASTY_IDS = [
  '0',
  '-1',
  '01',
  '1.5',
  '1e3',
  '2147483647',
  '2147483648',
  '9'.repeat(30),
  '%31',
  '1%00',
  '..',
  '%2e%2e',
  'a',
  '1;2',
  "1'--",
  '1/..',
  '%',
  '%zz',
  '%c0%af',
];

/** A JSON text of a value that may be wrong. */
export function nastyValue(dice: Dice): string {
  if (dice.happens(0.4)) return JSON.stringify(dice.pick(NASTY_TEXTS));
  if (dice.happens(0.6)) return JSON.stringify(dice.pick(NASTY_NUMBERS));
  return dice.pick(NASTY_JSON);
}

const NASTY_BYTES = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  '\x7f',
  '\xff',
  '\xfe\xff',
  '%',
  '/',
  '?',
  '#',
  '0',
  ',',
];

/** The same bytes with some of them changed, removed, doubled or moved. */
export function mutate(text: string, dice: Dice): string {
  let bytes = text;
  for (let left = 1 + dice.below(4); left > 0; left--) {
    const at = dice.below(bytes.length + 1);
    const length = dice.below(1 + Math.min(40, bytes.length - at));
    const [before, part, after] = [bytes.slice(0, at), bytes.slice(at, at + length), bytes.slice(at + length)];
    const changed = [
      before + after,
      before + part + part + after,
      before + dice.pick(NASTY_BYTES) + part + after,
      before + String.fromCharCode(dice.below(256)) + after,
      part + before + after,
      before + part,
    ];
    bytes = dice.pick(changed);
  }
  return bytes;
}

export function garbage(dice: Dice): string {
  return Array.from({ length: 1 + dice.below(600) }, () => String.fromCharCode(dice.below(256))).join('');
}
