import { describe, expect, it } from 'vitest';
import { parseDaemonOptions } from '../../../src/process/options.ts';

function parse(...args: string[]) {
  const written = { out: '', err: '' };
  const parsed = parseDaemonOptions(args, {
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
        foreground: false,
        config: null,
        secure: null,
        logging: null,
        pidFile: null,
        fake: false,
        switches: { deletes: true, launches: true, images: true },
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
    ];
    expect(parse(...args).parsed).toEqual({
      options: {
        foreground: true,
        config: '/a/n.yaml',
        secure: '/a/s.conf',
        logging: '/a/l.yaml',
        pidFile: '/a/n.pid',
        fake: true,
        switches: { deletes: false, launches: false, images: false },
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
