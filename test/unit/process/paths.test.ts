import { describe, expect, it } from 'vitest';
import { logSettings, pidFilePath } from '../../../src/process/paths.ts';
import { aDaemonOptions } from '../../support/builders.ts';

const STATE = '/var/lib/nodepool';
const EXAMPLE = new URL('../../../config/logging.example.yaml', import.meta.url).pathname;

describe('the pid file', () => {
  it('is the one that was asked for, and in the foreground none otherwise', () => {
    expect(pidFilePath(aDaemonOptions({ pidFile: '/a/b.pid' }), STATE)).toBe('/a/b.pid');
    expect(pidFilePath(aDaemonOptions({ pidFile: '/a/b.pid', foreground: true }), STATE)).toBe('/a/b.pid');
    expect(pidFilePath(aDaemonOptions({ foreground: true }), STATE)).toBeNull();
  });
});

describe('the log', () => {
  it('goes to standard output in the foreground, and to a file of the state directory when detached', () => {
    expect(logSettings(aDaemonOptions({ foreground: true }), STATE).file).toBeNull();
    expect(logSettings(aDaemonOptions(), STATE).file).toBe('/var/lib/nodepool/nodepoold.log');
    expect(logSettings(aDaemonOptions({ program: 'nodepool-builder' }), STATE).file).toBe(
      '/var/lib/nodepool/nodepool-builder.log',
    );
  });

  it('goes to the file of its settings either way', () => {
    const file = '/var/log/nodepool/nodepoold.log';
    expect(logSettings(aDaemonOptions({ logging: EXAMPLE }), STATE).file).toBe(file);
    expect(logSettings(aDaemonOptions({ logging: EXAMPLE, foreground: true }), STATE).file).toBe(file);
  });
});
