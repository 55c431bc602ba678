import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../src/config/yaml-parse.ts';
import { positionAt } from '../../../src/config/problems.ts';
import { YAML_SENTENCES, type SlipCode } from '../../../src/config/yaml-sentences.ts';

/** Lines that people write, with the place and kind of all that is said about them. */
const SLIPS: readonly (readonly [slip: string, text: string, place: string, code: SlipCode])[] = [
  ['a key left of its list entry', 'a:\n  - b: x\n   c: y\n', '3:4', 'BAD_INDENT'],
  ['a key right of its list entry', 'a:\n  - b: x\n     c: y\n', '3:6', 'BAD_INDENT'],
  ['a key further in than its value', 'a: b\n      c: d\n', '2:7', 'BAD_INDENT'],
  ['a key left of its map', 'a:\n    b: 2\n  c: 3\n', '3:1', 'BAD_INDENT'],
  ['a key right of its map', 'a: 1\n  b: 2\n', '2:3', 'BAD_INDENT'],
  ['a first key that is indented', '  a: 1\nb: 2\n', '2:1', 'BAD_INDENT'],
  ['a list entry left of its list', 'a:\n  - x\n - y\n', '3:2', 'BAD_INDENT'],
  ['a list entry right of its list', 'a:\n  - b: x\n    - b: y\n', '3:5', 'BAD_INDENT'],
  ['a list below a key with a value', 'a: b\n- c\n', '2:1', 'BAD_INDENT'],
  ['a key below a list entry', 'a:\n- x\n b: 1\n', '3:2', 'BAD_INDENT'],
  ['a key beside a list', 'a:\n  - x\n  b: 1\n', '3:1', 'BAD_INDENT'],
  ['a [ without ]', 'a: [b\nc: []\n', '1:4', 'OPEN_BRACKET'],
  ['a [ without ] in the last line', 'a: []\nc: [b\n', '2:4', 'OPEN_BRACKET'],
  ['a [ without ] over several lines', 'a:\n  b: [\n    c,\n    d\n  e: []\n', '2:6', 'OPEN_BRACKET'],
  ['a [ without ] at the start of the file', '[a, b: 1\n', '1:1', 'OPEN_BRACKET'],
  ['a { without }', 'a:\n  - {b: 1\n  - {b: 2}\n', '2:5', 'OPEN_BRACKET'],
  ['a { without } in the last line', 'a: []\nc: {b: 1\n', '2:4', 'OPEN_BRACKET'],
  ['a { without } in brackets', 'a: [{b: 1, c: 2]\nd: 1\n', '1:5', 'OPEN_BRACKET'],
  ['a ] that is not indented', 'a:\n  b: [\n    c\n]\n', '2:6', 'OPEN_BRACKET'],
  ['a [ with }', 'a: [b}\nc: []\n', '1:4', 'OPEN_BRACKET'],
  ['a ] too many', 'a: [b]]\nc: []\n', '1:7', 'UNEXPECTED_TOKEN'],
  ['a double quote without end', 'a: "x\nb: 1\n', '1:4', 'OPEN_QUOTE'],
  ['a double quote that ends with another text', 'a: "x\nb: "y"\n', '1:4', 'OPEN_QUOTE'],
  ['a single quote without end', "a:\n  - b: 'x\n    c: y\n", '2:8', 'OPEN_QUOTE'],
  ['a single quote that ends with another text', "a:\n  - b: 'x\n    c: y\n  - b: 'z'\n", '2:8', 'OPEN_QUOTE'],
  ['a quote without end in brackets', 'a: ["x, y]\nb: 1\n', '1:5', 'OPEN_QUOTE'],
  ['a text behind a quoted one', 'a: "x" y\nb: 1\n', '1:8', 'UNEXPECTED_TOKEN'],
  ['a key without colon', 'aa: []\nbb\ncc: []\n', '2:1', 'MULTILINE_IMPLICIT_KEY'],
  ['a key without colon above a list', 'a\n  - b: x\n', '1:1', 'MULTILINE_IMPLICIT_KEY'],
  ['a key without colon in a list entry', 'a:\n  - b x\n    c: y\n', '2:5', 'MULTILINE_IMPLICIT_KEY'],
  ['a key without colon in the last line', 'a: []\nb\n', '2:1', 'MISSING_CHAR'],
  ['a colon without space', 'a:\n  - b:x\n    c: y\n', '2:5', 'MULTILINE_IMPLICIT_KEY'],
  ['a text with a colon and a space', 'a: b: c\n', '1:4', 'BLOCK_AS_IMPLICIT_KEY'],
  ['a list in the line of its key', 'a: - x\n', '1:4', 'BLOCK_AS_IMPLICIT_KEY'],
  ['no comma between texts', 'a: ["b" "c"]\n', '1:9', 'MISSING_CHAR'],
  ['no comma between maps', 'a: [{b: 1} {b: 2}]\n', '1:12', 'MISSING_CHAR'],
  ['no comma at the end of a line', 'a: {b: 1\n  c: 2}\n', '1:8', 'MISSING_CHAR'],
  ['a tab before a list entry', 'a:\n\t- b: x\n', '2:1', 'TAB_AS_INDENT'],
  ['a tab before a key', 'a:\n  - b: x\n\tc: y\n', '3:1', 'TAB_AS_INDENT'],
  ['a tab behind spaces', 'a:\n  - b: x\n  \tc: y\n', '3:1', 'TAB_AS_INDENT'],
  ['a dash without space', 'a:\n  - b: x\n  -b: y\n', '3:1', 'NO_SPACE_AFTER_DASH'],
  ['a dash without space in the first entry', 'a:\n  -b: x\n   c: y\n', '2:3', 'NO_SPACE_AFTER_DASH'],
  ['a line that starts with %', '%a: 1\n', '1:1', 'BAD_DIRECTIVE'],
];

describe('of a file with one slip, the sentence and the line are those of the slip', () => {
  it.each(SLIPS)('%s', (_slip, text, place, code) => {
    expect(reported(text)).toEqual([`${place}: ${YAML_SENTENCES[code]}`]);
  });
});

describe('of a file with two slips', () => {
  it('both are reported when the second cannot come from the first', () => {
    expect(reported('a: @b\nc: [d\n')).toEqual([
      `1:4: ${YAML_SENTENCES.BAD_SCALAR_START}`,
      `2:4: ${YAML_SENTENCES.OPEN_BRACKET}`,
    ]);
  });

  it('what comes after one that is open waits until it is closed', () => {
    expect(reported('a: [b\nc: @d\n')).toEqual([`1:4: ${YAML_SENTENCES.OPEN_BRACKET}`]);
  });
});

describe('no slip is seen', () => {
  it.each([
    'a: [\n  b,\n  c\n]\nd: {}\n',
    'a:\n- b: x\n  c: y\n- "it\'s"\n',
    '%YAML 1.1\n---\na: b\n',
    'a: b\n  c\n',
    'a: |\n  b: [\n',
  ])('in %j', (text) => {
    expect(reported(text)).toEqual([]);
  });
});

function reported(text: string): string[] {
  const parsed = parseYaml(text);
  return 'document' in parsed
    ? []
    : parsed.problems.map(({ offset, message }) => {
        const { line, column } = positionAt(text, offset);
        return `${line}:${column}: ${message}`;
      });
}
