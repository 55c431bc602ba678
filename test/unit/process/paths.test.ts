import { describe, expect, it } from 'vitest';
import type { DaemonOptions } from '../../../src/process/options.ts';
import { logSettings, pidFilePath } from '../../../src/process/paths.ts';

const STATE = '/var/lib/nodepool';
const EXAMPLE = new URL('../../../config/logging.example.yaml', import.meta.url).pathname;

function options(parts: Partial<DaemonOptions>): DaemonOptions {
  return {
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
    ...parts,
  };
}

describe('the pid file', () => {
  it('is the one that was asked for, and in the foreground none otherwise', () => {
    expect(pidFilePath(options({ pidFile: '/a/b.pid' }), STATE)).toBe('/a/b.pid');
    expect(pidFilePath(options({ pidFile: '/a/b.pid', foreground: true }), STATE)).toBe('/a/b.pid');
    expect(pidFilePath(options({ foreground: true }), STATE)).toBeNull();
  });
});

describe('the log', () => {
  it('goes to standard output in the foreground, and to a file of the state directory when detached', () => {
    expect(logSettings(options({ foreground: true }), STATE).file).toBeNull();
    expect(logSettings(options({}), STATE).file).toBe('/var/lib/nodepool/nodepoold.log');
    expect(logSettings(options({ program: 'nodepool-builder' }), STATE).file).toBe(
      '/var/lib/nodepool/nodepool-builder.log',
    );
  });

  it('goes to the file of its settings either way', () => {
    const file = '/var/log/nodepool/nodepoold.log';
    expect(logSettings(options({ logging: EXAMPLE }), STATE).file).toBe(file);
    expect(logSettings(options({ logging: EXAMPLE, foreground: true }), STATE).file).toBe(file);
  });
});
