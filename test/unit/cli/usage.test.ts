import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { runCli } from '../../support/run-cli.ts';

describe('wrong usage ends with exit code 2 and one sentence', () => {
  it.each([
    [['node-lst'], "unknown command 'node-lst' (Did you mean node-list?)"],
    [['list', '--outptu', 'json'], "unknown option '--outptu' (Did you mean --output?)"],
    [
      ['list', '--output', 'xml'],
      "option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, json, yaml.",
    ],
    [['list', 'surplus'], "too many arguments for 'list'. Expected 0 arguments but got 1."],
    [['hold'], "missing ids of nodes, or option '--label <label>'"],
    [['hold', '7', '--label', 'small'], "ids of nodes cannot be used with option '--label <label>'"],
    [
      ['hold', '--label', 'small', '--count', '0'],
      "option '--count <n>' argument '0' is invalid. It is a whole number, and at least 1.",
    ],
    [['hold', '7', '--count', '2'], "option '--count <n>' needs option '--label <label>'"],
    [['info', 'seven'], "command-argument value 'seven' is invalid for argument 'id'. An id is a positive integer."],
    [['info', '0'], "command-argument value '0' is invalid for argument 'id'. An id is a positive integer."],
    [['info', '1.5'], "command-argument value '1.5' is invalid for argument 'id'. An id is a positive integer."],
    [
      ['info', '12345678901234567890'],
      "command-argument value '12345678901234567890' is invalid for argument 'id'. An id is a positive integer.",
    ],
    [['request', 'small', '--timeout', '5'], "option '--timeout <time>' needs option '--wait'"],
    ...['-1', '0', '1.5'].map((count): [string[], string] => [
      ['request', 'small', '--count', count],
      `option '--count <n>' argument '${count}' is invalid. It is a whole number, and at least 1.`,
    ]),
    ...['high', '101', '-101'].map((priority): [string[], string] => [
      ['request', 'small', '--priority', priority],
      `option '--priority <n>' argument '${priority}' is invalid. It is a whole number between -100 and 100.`,
    ]),
    [['request', 'small', '--requestor', ''], 'the requestor must have 1 to 255 characters'],
    [['request', 'small', '--reason', 'a\nb'], 'the reason must be one line without control characters'],
    [['run', 'small', '--requestor', '', 'true'], 'the requestor must have 1 to 255 characters'],
    [['run', 'small'], "missing required argument 'command'"],
    ...['soon', '0', '4 h', '1.5h', '-1h', '36501d'].map((time): [string[], string] => [
      ['hold', '7', '--for', time],
      `option '--for <time>' argument '${time}' is invalid. It is a time span such as 90 (seconds), 90s, 15m, 4h or 2d, and of 36500d at most.`,
    ]),
    [
      ['token', 'create', 'ci', '--scope', 'requests', '--scope', 'everything'],
      "option '--scope <scope>' argument 'everything' is invalid. Allowed choices are requests, read, admin.",
    ],
    [['delete'], "missing required argument 'ids'"],
    [['delete', '1', 'x'], "command-argument value 'x' is invalid for argument 'ids'. An id is a positive integer."],
    [['delete', '-1'], "command-argument value '-1' is invalid for argument 'ids'. An id is a positive integer."],
    [['image-update', 'cloud'], "missing required argument 'image'"],
    [['image-upload'], "missing required argument 'image'"],
    [['image-upload', 'a', 'b', 'c'], "too many arguments for 'image-upload'. Expected 2 arguments but got 3."],
    [
      ['completion', 'csh'],
      "command-argument value 'csh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.",
    ],
    [
      ['plan', '--timeout', 'soon'],
      "option '--timeout <seconds>' argument 'soon' is invalid. It is a whole number of seconds.",
    ],
    [['-c'], "option '-c, --config <file>' argument missing"],
  ])('%j', async (args, sentence) => {
    expect(await runCli(args)).toEqual({ code: 2, stdout: '', stderr: `nodepool: ${sentence}\n` });
  });

  it.each([
    [[], 'Usage: nodepool [options] [command]'],
    [['token'], 'Usage: nodepool token [options] [command]'],
  ])('without a command, with the help on the error stream (%j)', async (args, usage) => {
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(usage);
  });
});

describe('what is asked for is printed on standard output', () => {
  it('--version', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it.each([['-h'], ['--help'], ['help']])('%s', async (...args) => {
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: nodepool [options] [command]');
  });

  it('the help of a command', async () => {
    const { code, stdout } = await runCli(['help', 'delete']);
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: nodepool delete [options] <ids...>');
  });
});

describe('an expected error', () => {
  const loadDatabase = (): Promise<never> =>
    Promise.reject(new NodepoolError('config', 'nodepool.yaml does not exist', { cause: new Error('ENOENT') }));

  it('is one sentence and exit code 1', async () => {
    expect(await runCli(['list'], { loadDatabase })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: nodepool.yaml does not exist\n',
    });
  });

  it('shows its trace and its causes with --debug', async () => {
    const { code, stderr } = await runCli(['--debug', 'list'], { loadDatabase });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^nodepool: nodepool\.yaml does not exist\nNodepoolError: .*\n {4}at /);
    expect(stderr).toMatch(/\ncaused by Error: ENOENT\n {4}at /);
  });

  it('of wrong usage found late is exit code 2', async () => {
    const late = (): Promise<never> => Promise.reject(new NodepoolError('usage', 'that makes no sense'));
    expect((await runCli(['list'], { loadDatabase: late })).code).toBe(2);
  });
});

describe('an unexpected error', () => {
  const loadDatabase = (): Promise<never> => Promise.reject(new TypeError('x is not a function'));

  it('says that it is one, without a trace', async () => {
    expect(await runCli(['list'], { loadDatabase })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: unexpected error: x is not a function (--debug shows where)\n',
    });
  });
});

describe('global options', () => {
  it('hand the files to whatever reads them', async () => {
    const seen: unknown[] = [];
    const loadDatabase = (files: unknown): Promise<never> => {
      seen.push(files);
      return Promise.reject(new NodepoolError('config', 'enough'));
    };
    await runCli(['-c', 'a.yaml', '-s', 'b.conf', '--fake', 'list'], { loadDatabase });
    await runCli(['list'], { loadDatabase });
    expect(seen).toEqual([
      { config: 'a.yaml', secure: 'b.conf', isRehearsal: true },
      { config: null, secure: null, isRehearsal: false },
    ]);
  });
});
