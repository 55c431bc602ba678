import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { parseSecureFile } from '../../../src/config/secure-file.ts';
import { parseDburi } from '../../../src/config/dburi.ts';
import { isNodepoolError } from '../../../src/lib/errors.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { join } from 'node:path';
import { aDirectory, BARE_SYSTEM, writeIn } from './files.ts';

/** All words of the schema, so that made-up files get past the first check. */
const KEYS = [...new Set(JSON.stringify(configSchema()).match(/(?<=")[a-z][a-z-]*(?=":)/g))];

const key = fc.oneof(fc.constantFrom(...KEYS, '<<', '__proto__', 'constructor'), fc.string());
const leaf = fc.oneof(
  fc.constantFrom('fake', 'ubuntu', 'cloud', '{label.name}', '* * * * *', 'mysql://a:b@c/d', null, true, -1, 0, 1.5),
  fc.string(),
  fc.double(),
  fc.integer(),
);
const { value: tree } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
}));

/** Pieces of YAML in any order: most of it is wrong in some way. */
const yamlish = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        ' ',
        '  - ',
        ': ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        ', ',
        '&a ',
        '*a',
        '<<: *a',
        '"',
        "'",
        '|\n',
        '>',
        '#',
      ),
      fc.constantFrom('!!binary ', '!x ', '%YAML 1.2\n', '---\n', '...\n', '? ', '\t', '\r\n', '!!merge '),
      key,
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''));

describe('whatever a file holds', () => {
  const attempt = (directory: string, content: string): unknown => {
    const path = writeIn(directory, 'nodepool.yaml', content);
    try {
      return loadConfig({ ...BARE_SYSTEM, path });
    } catch (error) {
      return error;
    }
  };

  /** A configuration, or an error with a place and a sentence on each line. */
  const isAnswered = (result: unknown, directory: string): boolean => {
    if (!isNodepoolError(result)) return typeof result === 'object' && result !== null && 'config' in result;
    const path = join(directory, 'nodepool.yaml');
    return isNodepoolError(result, 'config') && result.message.split('\n').every((line) => line.startsWith(`${path}:`));
  };

  it('it is a configuration or it is refused with reasons: values of all kinds under known keys', () => {
    const directory = aDirectory();

    fc.assert(
      fc.property(fc.dictionary(key, tree), (value) => {
        expect(isAnswered(attempt(directory, stringify(value)), directory)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('it is a configuration or it is refused with reasons: pieces of YAML in any order', () => {
    const directory = aDirectory();

    fc.assert(
      fc.property(yamlish, (text) => {
        expect(isAnswered(attempt(directory, text), directory)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('secure.conf is read to the end, with a sentence for each line that is wrong', () => {
    const line = fc.oneof(
      fc.constantFrom('[database]', '[jenkins "a"]', 'dburi = a', 'url: b', '# c', '; d', '  e = f'),
      fc.string(),
    );

    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { problems } = parseSecureFile('secure.conf', lines.join('\n'), ['a']);
        expect(problems.every(({ line: at }) => at !== null && at >= 1 && at <= lines.length + 1)).toBe(true);
      }),
    );
  });

  it('a password survives being written into an address', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (password) => {
        const parsed = parseDburi(`mysql://nodepool:${encodeURIComponent(password)}@localhost/pool`, '/nodepool.yaml');
        expect(parsed).toMatchObject({ database: { password } });
      }),
    );
  });
});
