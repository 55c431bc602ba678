import { describe, expect, it } from 'vitest';
import { parseDaemonOptions, programName, type ProgramName } from '../../../src/process/options.ts';
import { aDaemonOptions } from '../../support/builders.ts';

function parse(...args: string[]) {
  return parseAs('nodepoold', args);
}

function parseAs(program: ProgramName, args: readonly string[]) {
  const written = { out: '', err: '' };
  const parsed = parseDaemonOptions(args, {
    program,
    version: '1.2.3',
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
  });
  return { parsed, ...written };
}

describe('the options of the daemon', () => {
  it('detaches and does everything when none is given', () => {
    expect(parse().parsed).toEqual({
      options: {
        program: 'nodepoold',
        foreground: false,
        config: null,
        secure: null,
        logging: null,
        pidFile: null,
        fake: false,
        switches: { deletes: true, launches: true, images: true },
        builder: true,
        api: true,
        workers: { builds: 1, uploads: 4 },
        detached: false,
      },
    });
  });

  it('takes all of them, with paths made absolute', () => {
    const args = [
      '-d',
      '-c',
      '/a/n.yaml',
      '-s',
      '/a/s.conf',
      '-l',
      '/a/l.yaml',
      '-p',
      '/a/n.pid',
      '--fake',
      '--no-deletes',
      '--no-launches',
      '--no-images',
      '--no-builder',
      '--no-webapp',
      '--build-workers',
      '2',
      '--upload-workers',
      '8',
    ];
    expect(parse(...args).parsed).toEqual({
      options: {
        program: 'nodepoold',
        foreground: true,
        config: '/a/n.yaml',
        secure: '/a/s.conf',
        logging: '/a/l.yaml',
        pidFile: '/a/n.pid',
        fake: true,
        switches: { deletes: false, launches: false, images: false },
        builder: false,
        api: false,
        workers: { builds: 2, uploads: 8 },
        detached: false,
      },
    });
    expect(parse('-c', 'n.yaml').parsed).toMatchObject({ options: { config: `${process.cwd()}/n.yaml` } });
  });

  it('prints the version alone', () => {
    expect(parse('--version')).toEqual({ parsed: { exitCode: 0 }, out: '1.2.3\n', err: '' });
  });

  it.each([
    [['--no-such-option'], "nodepoold: unknown option '--no-such-option'\n"],
    [['-c'], "nodepoold: option '-c, --config <file>' argument missing\n"],
    ...['0', '-1', '1.5', 'two', '', '1001'].flatMap((text) =>
      ['build', 'upload'].map((what): [string[], string] => [
        [`--${what}-workers=${text}`],
        `nodepoold: option '--${what}-workers <n>' argument '${text}' is invalid. It is a whole number from 1 to 1000.\n`,
      ]),
    ),
    [['start'], 'nodepoold: too many arguments. Expected 0 arguments but got 1.\n'],
  ])('refuses %s in one sentence with exit code 2', (args, sentence) => {
    expect(parse(...args)).toEqual({ parsed: { exitCode: 2 }, out: '', err: sentence });
  });

  it('does not show in its help how a detached daemon is told that it is one', () => {
    const { out } = parse('--help');
    expect(out).toContain('--pidfile');
    expect(out).not.toContain('--detached');
  });
});

describe('the options of nodepool-builder', () => {
  it('builds and uploads disk images, and neither launches nor deletes', () => {
    expect(parseAs('nodepool-builder', []).parsed).toEqual({
      options: aDaemonOptions({
        program: 'nodepool-builder',
        switches: { deletes: false, launches: false, images: true },
        api: false,
      }),
    });
  });

  it('takes those of the original', () => {
    const args = '-d -c /a/n.yaml -l /a/l.yaml -p /a/b.pid --build-workers 3 --upload-workers 5'.split(' ');
    expect(parseAs('nodepool-builder', args).parsed).toMatchObject({
      options: {
        foreground: true,
        config: '/a/n.yaml',
        logging: '/a/l.yaml',
        pidFile: '/a/b.pid',
        workers: { builds: 3, uploads: 5 },
      },
    });
  });

  it('names itself in its help, with its own pid file and without what it never does', () => {
    const { out } = parseAs('nodepool-builder', ['--help']);
    expect(out).toMatch(/^Usage: nodepool-builder \[options\]\n/);
    expect(out.replaceAll(/\s+/g, ' ')).toContain('/var/run/nodepool-builder/nodepool-builder.pid');
    expect(out).not.toContain('--no-');
  });

  it.each(['--no-deletes', '--no-launches', '--no-images', '--no-builder'])('does not know %s', (option) => {
    expect(parseAs('nodepool-builder', [option])).toEqual({
      parsed: { exitCode: 2 },
      out: '',
      err: `nodepool-builder: unknown option '${option}'\n`,
    });
  });
});

describe('the name of the program', () => {
  it.each([
    ['/usr/local/bin/nodepool-builder', 'nodepool-builder'],
    ['/usr/local/bin/nodepoold', 'nodepoold'],
    ['/opt/nodepool-builder/src/main.ts', 'nodepoold'],
  ])('of %s is %s', (script, name) => {
    expect(programName(script)).toBe(name);
  });
});
