import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problems.ts';
import { aDirectory, BARE_SYSTEM, checkText, sentences } from './files.ts';

const TOO_DEEP = 'lists or maps are nested too deeply; remove levels';
const TOO_MANY = 'the file has more entries than any pool needs; name another file';
const BOMB = 'aliases make the file larger than any pool needs; write the entries out or remove them';

/** Each level holds ten of the one before. */
const ALIAS_BOMB = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]', ...levels(1, 9)].join('\n');

function levels(from: number, to: number): string[] {
  const level = (index: number): string =>
    `a${index}: &a${index} [${Array(10)
      .fill(`*a${index - 1}`)
      .join(', ')}]`;
  return Array.from({ length: to - from + 1 }, (_, index) => level(from + index));
}

describe('a file that is no configuration is refused in one sentence', () => {
  it.each([
    ['an empty one', '', 'FILE: is empty; write at least providers, labels and targets'],
    ['one of comments only', '# nothing\n---\n', 'FILE: is empty; write at least providers, labels and targets'],
    ['a binary one', Buffer.from('labels: []\0'), 'FILE: is a binary file; name a text file'],
    [
      'one in another encoding',
      Buffer.from('labels: \xe9', 'latin1'),
      'FILE: is not UTF-8 text; convert it or name another file',
    ],
    [
      'one of 10 MB',
      'labels: []\n'.repeat(1_000_000),
      'FILE: is too large for a configuration file (10.5 MB; the limit is 2.0 MB); name another file',
    ],
    ['deeply nested brackets', '['.repeat(2_000_000), `FILE:1:101: ${TOO_DEEP}`],
    ['deeply nested lists', `${'- '.repeat(3000)}a`, `FILE:1:200: ${TOO_DEEP}`],
    [
      'deeply nested maps',
      Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
      `FILE:100:101: ${TOO_DEEP}`,
    ],
    ['an alias bomb', ALIAS_BOMB, `FILE:1:1: ${BOMB}`],
    ['thousands of aliases', `a: &a 1\nb: [${'*a,'.repeat(5001)}]`, `FILE:1:1: ${BOMB}`],
    ['a million entries', `labels: [${'1,'.repeat(900_000)}]`, `FILE:1:166673: ${TOO_MANY}`],
  ])('%s', (_name, content, sentence) => {
    expect(sentences(checkText(content).problems)).toEqual([sentence]);
  });

  it('a directory', () => {
    const path = aDirectory();

    expect(checkConfig({ ...BARE_SYSTEM, path }).problems.map(formatProblem)).toEqual([
      `${path}: is a directory; name a file in it`,
    ]);
  });

  it('a file that does not exist', () => {
    const path = join(aDirectory(), 'nodepool.yaml');

    expect(checkConfig({ ...BARE_SYSTEM, path }).problems.map(formatProblem)).toEqual([
      `${path}: does not exist; name an existing file`,
    ]);
  });

  it('a file below a file', () => {
    const path = join(aDirectory({ 'a.yaml': '' }), 'a.yaml/nodepool.yaml');

    expect(checkConfig({ ...BARE_SYSTEM, path }).problems.map(formatProblem)).toEqual([
      `${path}: does not exist; name an existing file`,
    ]);
  });

  it('a pipe, which is not waited for', () => {
    const path = join(aDirectory(), 'pipe');
    execFileSync('mkfifo', [path]);

    expect(checkConfig({ ...BARE_SYSTEM, path }).problems.map(formatProblem)).toEqual([
      `${path}: is not a regular file; name one`,
    ]);
  });
});

describe('a file within the limits is read', () => {
  it('with anchors used as often as in a large production file', () => {
    const label = (index: number): string => `  - { name: label-${index}, image: ubuntu, providers: *all }`;
    const yaml = [
      'providers:',
      '  - { name: cloud, max-servers: 1, images: [{ name: ubuntu, min-ram: 1, base-image: a, setup: b }] }',
      'targets: [{ name: zuul }]',
      'labels:',
      '  - { name: first, image: ubuntu, providers: &all [{ name: cloud }] }',
      ...Array.from({ length: 500 }, (_, index) => label(index)),
    ].join('\n');
    const { config, problems } = checkText(yaml);

    expect(sentences(problems)).toEqual([]);
    expect(config?.labels.size).toBe(501);
  });

  it('with a byte order mark and the line ends of Windows', () => {
    expect(checkText('\uFEFFtargets:\r\n  - name: zuul\r\n').config?.targets.has('zuul')).toBe(true);
  });
});
