import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../../src/lib/errors.ts';
import { DEFAULT_LOG_SETTINGS, parseLogSettings, readLogSettings } from '../../../src/process/log-settings.ts';

const PATH = '/etc/nodepool/logging.yaml';

/** The sentences, one per problem. */
function problemsOf(text: string): readonly string[] {
  try {
    parseLogSettings(text, PATH);
    return [];
  } catch (error) {
    return error instanceof Error ? error.message.split('\n') : [describeError(error)];
  }
}

describe('the logging settings', () => {
  it('are read from the example file', () => {
    expect(readLogSettings(fileURLToPath(new URL('../../../config/logging.example.yaml', import.meta.url)))).toEqual({
      level: 'info',
      format: 'auto',
      file: '/var/log/nodepool/nodepoold.log',
      levels: { 'nodepool.engine': 'debug' },
    });
  });

  it('have a default for every key', () => {
    expect(parseLogSettings('', PATH)).toEqual(DEFAULT_LOG_SETTINGS);
    expect(parseLogSettings('# nothing yet\n', PATH)).toEqual(DEFAULT_LOG_SETTINGS);
    expect(parseLogSettings('level:\nformat:\nfile:\nlevels:\n', PATH)).toEqual(DEFAULT_LOG_SETTINGS);
  });

  it('take every level for what it says, off too', () => {
    expect(parseLogSettings('level: off\nlevels: {nodepool.store: debug}', PATH)).toMatchObject({
      level: 'off',
      levels: { 'nodepool.store': 'debug' },
    });
  });

  it('take a relative log file from the directory of the settings', () => {
    expect(parseLogSettings('file: log/daemon.log', PATH).file).toBe('/etc/nodepool/log/daemon.log');
  });

  it('report every problem with its place', () => {
    const text = [
      'level: loud',
      'formatt: json',
      'file: [a]',
      'levels:',
      '  nodepool.engine: trace',
      '  shade: debug',
      '  nodepool.store: warn',
    ].join('\n');
    expect(problemsOf(text)).toEqual([
      `${PATH}:1:8: level: is not one of debug, info, warn, error, off; write one of them`,
      `${PATH}:2:1: formatt: is not a logging setting; there are level, format, file and levels`,
      `${PATH}:3:7: file: is not a path; write the path of the log file`,
      `${PATH}:5:20: levels.nodepool.engine: is not one of debug, info, warn, error, off; write one of them`,
      `${PATH}:6:3: levels.shade: is not a logger; their names start with nodepool`,
    ]);
  });

  it('report levels that are no map', () => {
    expect(problemsOf('levels: debug')).toEqual([
      `${PATH}:1:9: levels: is not a map of loggers to levels; write one logger per line`,
    ]);
  });

  it.each(['- level', '"level: info', 'level: info\nlevel: debug'])(
    'report what is not YAML, or not a map, in one sentence: %j',
    (text) => {
      expect(problemsOf(text)).toEqual([expect.stringMatching(/^\/etc\/nodepool\/logging\.yaml:\d+:\d+: \S/)]);
    },
  );

  it('say of a Python logging file what takes its place', () => {
    expect(problemsOf('# classic\n[loggers]\nkeys=root,nodepool\n')).toEqual([
      `${PATH}: is a Python logging configuration, which is no longer read; write level, format, file and levels as YAML, as in config/logging.example.yaml`,
    ]);
  });

  it('name the file that cannot be read', () => {
    expect(() => readLogSettings('/nowhere/logging.yaml')).toThrow(
      '/nowhere/logging.yaml: does not exist; name an existing file',
    );
  });
});
