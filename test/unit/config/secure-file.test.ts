import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig, type ConfigCheck } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problems.ts';
import { readSecureFile } from '../../../src/config/secure-file.ts';
import { aDirectory, BARE_SYSTEM, checkFixture, checkText, FIXTURES, good, sentences } from './files.ts';

function checkUrl(url: string): ConfigCheck {
  const directory = aDirectory({ 'secure.conf': `[jenkins "ci"]\nurl = ${url}\nuser = me\napikey = hunter2\n` });
  return checkText('targets: [{ name: ci }]', { securePath: join(directory, 'secure.conf') });
}

describe('secure.conf', () => {
  it('holds the address of the database and the login of each Jenkins', () => {
    const { dburi, jenkins, problems } = readSecureFile(join(FIXTURES, 'secure-full.conf'), ['jenkins01', 'jenkins02']);

    expect(problems).toEqual([]);
    expect(dburi).toEqual({
      value: 'mysql+pymysql://nodepool:p%40ss%(word)s@db.example.org/nodepool',
      line: 3,
      column: 1,
    });
    expect(Object.fromEntries(jenkins)).toEqual({
      jenkins01: { url: 'https://secure01.example.org/', user: 'secure', apikey: 'k=e:y', credentialsId: '1234' },
      jenkins02: { url: 'https://secure02.example.org/', user: 'secure', apikey: 'key', credentialsId: null },
    });
  });

  it('has all its faults reported with their lines', () => {
    const { problems } = checkFixture('obsolete-keys.yaml', { securePath: join(FIXTURES, 'secure-faults.conf') });

    expect(sentences(problems)).toEqual([
      'FILE:1:1: stands before the first section; write [database] or [jenkins "NAME"] above it',
      'FILE:2:1: databse: is not a known section; did you mean [database]?',
      'FILE:4:1: jenkins: is not a known section; write [jenkins "NAME"] with the name of a target',
      'FILE:6:1: jenkins "jenkins1": there is no target of this name; did you mean "jenkins01"?',
      'FILE:6:1: jenkins "jenkins1".apikey: is missing; add it',
      'FILE:8:1: jenkins "jenkins1".api-key: is not a known key; did you mean apikey?',
      'FILE:10:1: jenkins "jenkins1".user: is given twice; remove one',
      'FILE:11:1: jenkins "jenkins1": is neither a [section] nor KEY = VALUE; correct the line',
      'FILE:12:1: statsd: is not a known section; remove it (there are [database] and [jenkins "NAME"])',
      'FILE:14:1: database.dburi: is missing; add it',
    ]);
  });

  it('has a wrong address reported at its place, and not that of the YAML file, which it replaces', () => {
    const directory = aDirectory({
      'nodepool.yaml': 'dburi: also-wrong\n',
      'secure.conf': '[database]\n\ndburi = pgsql://localhost/nodepool\n',
    });
    const securePath = join(directory, 'secure.conf');
    const { problems } = checkConfig({ ...BARE_SYSTEM, path: join(directory, 'nodepool.yaml'), securePath });

    expect(problems.map(formatProblem)).toEqual([
      `${securePath}:3:1: database.dburi: names a kind of database that is not known; use mysql://, mariadb:// or sqlite:///`,
    ]);
  });

  it.each([
    'jenkins.example.org',
    'jenkins.example.org:8080',
    'http://',
    'ftp://jenkins.example.org/',
    'http://me:hunter2@jenkins.example.org:99999/',
  ])('has the url %s of a Jenkins refused, without showing it', (url) => {
    expect(sentences(checkUrl(url).problems)).toEqual([
      'FILE:2:1: jenkins "ci".url: is not the address of a Jenkins; write https://HOST/ or http://HOST:PORT/, with a port up to 65535',
    ]);
  });

  it.each([
    'http://jenkins',
    'https://jenkins.example.org/ci/',
    'HTTP://[::1]:8080/',
    'http://me:hunter2@10.0.0.1:65535/',
  ])('has the url %s of a Jenkins taken', (url) => {
    expect(sentences(checkUrl(url).problems)).toEqual([]);
  });

  it('is reported with the problems of the YAML file, also when that cannot be read at all', () => {
    const securePath = join(FIXTURES, 'secure-faults.conf');

    expect(checkText('labels: [', { securePath }).problems.map(({ line }) => line)).toEqual([
      1, 1, 2, 4, 6, 8, 10, 11, 12, 14,
    ]);
  });
});

describe('which secure.conf is read', () => {
  const SECURE = '[database]\ndburi = sqlite:///secure.sqlite\n';
  const system = (): { root: string; path: string } => {
    const root = aDirectory({ 'etc/nodepool/secure.conf': SECURE, 'nodepool.yaml': '{}', 'empty/secure.conf': '' });
    return { root, path: join(root, 'nodepool.yaml') };
  };

  it('the default one when none is asked for', () => {
    const { root, path } = system();

    expect(good(checkConfig({ ...BARE_SYSTEM, root, path })).database).toEqual({
      kind: 'sqlite',
      file: join(root, 'secure.sqlite'),
    });
  });

  it('none when there is no default one', () => {
    const { path } = system();

    expect(good(checkConfig({ ...BARE_SYSTEM, path })).database).not.toMatchObject({
      file: expect.stringContaining('secure') as unknown,
    });
  });

  it('only the one that is asked for', () => {
    const { root, path } = system();
    const { database } = good(checkConfig({ ...BARE_SYSTEM, root, path, securePath: join(root, 'empty/secure.conf') }));

    expect(database).not.toMatchObject({ file: expect.stringContaining('secure') as unknown });
  });

  it('the one that is asked for must exist', () => {
    const { root, path } = system();
    const securePath = join(root, 'other.conf');

    expect(checkConfig({ ...BARE_SYSTEM, root, path, securePath }).problems.map(formatProblem)).toEqual([
      `${securePath}: does not exist; name an existing file`,
    ]);
  });
});
