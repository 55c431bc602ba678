import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDatabase } from '../../../src/config/load-database.ts';
import { loadConfig, type LoadOptions } from '../../../src/config/load.ts';
import { aDirectory, BARE_SYSTEM, FIXTURES } from './files.ts';

function options(yaml: string, more: Partial<LoadOptions> = {}): LoadOptions {
  return { ...BARE_SYSTEM, path: join(aDirectory({ 'nodepool.yaml': yaml }), 'nodepool.yaml'), ...more };
}

describe('the database alone', () => {
  it.each([
    ['none', 'labels: []\n'],
    ['a plain one', 'labels: []\ndburi: mysql://a:b@c/d\nproviders: []\n'],
    ['one in single quotes', "dburi: 'mysql://a:b@c/d?charset=utf8'  \r\n"],
    ['one in double quotes', 'dburi: "mysql://a:b@c/d"'],
    ['one with a comment', 'dburi: mysql://a:b@c/d # not e\n'],
    ['one with an escape', 'dburi: "mysql://a:\\x62@c/d"'],
    ['one behind an anchor', 'dburi: &db mysql://a:b@c/d\n'],
    ['one that is also in a comment', '# dburi: mysql://x:y@z/old\ndburi: mysql://a:b@c/d\n'],
    ['one in a flow map', '{ dburi: mysql://a:b@c/d }'],
    ['one that is only in a comment', '# dburi: mysql://a:b@c/d\nlabels: []'],
    ['an empty one', 'dburi:\nlabels: []\n'],
    ['one folded over lines', 'dburi: >-\n  sqlite:///a\n  b\n'],
  ])('is what the whole configuration says, for %s', async (_name, yaml) => {
    const load = options(yaml);

    expect(await loadDatabase(load)).toEqual(loadConfig(load).config.database);
  });

  it('is found in secure.conf, and for a rehearsal', async () => {
    const load = options('dburi: mysql://a:b@c/d', { securePath: join(FIXTURES, 'secure-faults.conf') });
    const expected = { kind: 'sqlite', file: expect.stringContaining('/rehearsal-') as unknown, isDefault: true };

    expect(await loadDatabase({ ...load, fake: true })).toEqual(expected);
    const securePath = join(
      aDirectory({ 'secure.conf': '[database]\ndburi: sqlite:////a\n[jenkins "x"]\n' }),
      'secure.conf',
    );
    expect(await loadDatabase({ ...load, securePath })).toEqual({ kind: 'sqlite', file: '/a' });
  });

  it('is found in a file that has problems elsewhere', async () => {
    const load = options('dburi: mysql://a:b@c/d\nlabels: [');

    expect(await loadDatabase(load)).toMatchObject({ kind: 'mysql', database: 'd' });
    expect(() => loadConfig(load)).toThrow();
  });

  it.each([
    ['a wrong address', 'labels: []\ndburi: mysql://a:hunter2@c\n', ':2:8: dburi: names no database'],
    [
      'a wrong address in a file that has to be parsed',
      '{ dburi: nowhere }',
      ':1:10: dburi: is not a database address',
    ],
    ['an address of the wrong type', 'dburi: [a]', ':1:8: dburi: is not a text'],
    ['a syntax error around it', '{ dburi: a', 'a [ or { is opened here but not closed'],
  ])('is refused in one sentence for %s', async (_name, yaml, sentence) => {
    const error = await loadDatabase(options(yaml)).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: 'config', message: expect.stringContaining(sentence) as unknown });
    expect(String(error)).not.toMatch(/hunter2|\n/);
  });

  it('is refused when the reason why secure.conf has none may be a slip', async () => {
    const securePath = join(aDirectory({ 'secure.conf': '[databse]\ndburi: sqlite:////a\n' }), 'secure.conf');

    await expect(loadDatabase(options('{}', { securePath }))).rejects.toMatchObject({
      code: 'config',
      message: `${securePath}:1:1: databse: is not a known section; did you mean [database]?`,
    });
  });

  it('is refused when the file does not exist', async () => {
    const path = join(aDirectory(), 'nodepool.yaml');

    await expect(loadDatabase({ ...BARE_SYSTEM, path })).rejects.toMatchObject({
      code: 'config',
      message: `${path}: does not exist; name an existing file`,
    });
  });
});
