import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignments, quote } from '../../../src/remote/quote.ts';

/** What a shell makes of a command line. Output is split at NUL, the one character no word can hold. */
function wordsAfter(line: string): string[] {
  const { stdout, stderr, status } = spawnSync('sh', ['-c', line], { encoding: 'utf8', env: {} });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.split('\0').slice(0, -1);
}

const NASTY = [
  '',
  ' ',
  "'",
  "''",
  "it's",
  '"',
  '\\',
  "\\'",
  '$HOME',
  '$(exit 3)',
  '`exit 3`',
  '!!',
  '*',
  '?',
  '~',
  '~root',
  '#',
  ';exit 3',
  '&&',
  '|',
  '>x',
  '\n',
  'a\nb\n',
  '\t',
  '\r\n',
  '-n',
  '--',
  'a=b',
  '{a,b}',
  '[a]',
  'ключ 钥匙',
  '\u0001\u007f',
];

const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ unit: 'binary' }).filter((string) => !string.includes('\0')),
  fc.array(fc.constantFrom(...NASTY)).map((parts) => parts.join('')),
);

describe('quote', () => {
  it('gives every nasty text to the command as one unchanged word', () => {
    expect(wordsAfter(`printf '%s\\0' ${NASTY.map(quote).join(' ')}`)).toEqual(NASTY);
  });

  it('does so with any texts', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => {
        expect(wordsAfter(`printf '%s\\0' ${texts.map(quote).join(' ')}`)).toEqual(texts);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves plain words as they are', () => {
    expect(['devstack-precise-12.example.org', '/opt/x', '10.0.0.1', 'a_b@c'].map(quote)).toEqual([
      'devstack-precise-12.example.org',
      '/opt/x',
      '10.0.0.1',
      'a_b@c',
    ]);
  });

  it('refuses a NUL character', () => {
    expect(() => quote('a\0b')).toThrowError(expect.objectContaining({ code: 'config' }));
  });
});

describe('assignments', () => {
  it('gives any values to a command unchanged', () => {
    fc.assert(
      fc.property(text, text, (first, second) => {
        const line = `${assignments({ NODEPOOL_A: first, NODEPOOL_B: second }).join(' ')} sh -c 'printf "%s\\0" "$NODEPOOL_A" "$NODEPOOL_B"'`;
        expect(wordsAfter(line)).toEqual([first, second]);
      }),
      { numRuns: 60 },
    );
  });

  it('gives any values to a shell that reads them from a file', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(wordsAfter(`${assignments({ A: value }).join('\n')}\nprintf '%s\\0' "$A"`)).toEqual([value]);
      }),
      { numRuns: 60 },
    );
  });

  it('writes an empty value as nothing', () => {
    expect(assignments({ NODEPOOL_AZ: '' })).toEqual(['NODEPOOL_AZ=']);
  });

  it.each(['', '1A', 'A-B', 'A B', 'A;exit', 'A\nB'])('refuses %j as a name', (name) => {
    expect(() => assignments({ [name]: 'x' })).toThrowError(expect.objectContaining({ code: 'config' }));
  });
});
