import { expect, it } from 'vitest';
import { createTail } from '../../../../src/remote/ssh/tail.ts';

function tailOf(...lines: readonly string[]): string {
  const tail = createTail();
  for (const line of lines) tail.add(line);
  return tail.text();
}

it('keeps the last twenty lines that say something', () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
  expect(tailOf(...lines, '', '  ')).toBe(`last output: ${lines.slice(-20).join(' / ')}`);
});

it('keeps no more than two kilobytes, of the end', () => {
  const text = tailOf('a'.repeat(1500), 'b'.repeat(1500), 'the end');
  expect(text).toHaveLength('last output: '.length + 2048);
  expect(text).toMatch(/^last output: \.\.\.a+ \/ b{1500} \/ the end$/);
});

it('says that there was no output', () => {
  expect(tailOf('')).toBe('without output');
});
