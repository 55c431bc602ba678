import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writePidFile } from '../../../src/process/pid-file.ts';

const nobody = { pid: 100, isDaemon: () => false };

describe('the pid file', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nodepool-pid-'));
    path = join(directory, 'nodepool.pid');
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('holds the pid while the daemon runs and is gone afterwards', () => {
    const file = writePidFile(path, nobody);
    expect(readFileSync(path, 'utf8')).toBe('100\n');
    expect(readdirSync(directory)).toEqual(['nodepool.pid']);
    file.remove();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('keeps a second daemon out, naming the first', () => {
    writePidFile(path, nobody);
    expect(() => writePidFile(path, { pid: 200, isDaemon: (pid) => pid === 100 })).toThrow(
      `another nodepoold runs as process 100 and holds the pid file ${path}`,
    );
    expect(readFileSync(path, 'utf8')).toBe('100\n');
    expect(readdirSync(directory)).toEqual(['nodepool.pid']);
  });

  it.each([
    ['names a process that is no daemon', '4711\n'],
    ['names our own pid, from an earlier life', '100\n'],
    ['is empty', ''],
    ['holds something else', 'not a number'],
    ['holds a number that means a process group', '-1'],
  ])('is taken over when it is stale: it %s', (_how, content) => {
    writeFileSync(path, content);
    writePidFile(path, { pid: 100, isDaemon: (pid) => pid !== 4711 });
    expect(readFileSync(path, 'utf8')).toBe('100\n');
    expect(readdirSync(directory)).toEqual(['nodepool.pid']);
  });

  it('goes back to a daemon that took the stale one over before us', () => {
    writeFileSync(path, '4711\n');
    const late = {
      pid: 200,
      isDaemon: (pid: number) => {
        if (pid !== 4711) return true;
        // Between our look at the stale file and our step, the other one takes its place.
        rmSync(path);
        writePidFile(path, nobody);
        return false;
      },
    };
    expect(() => writePidFile(path, late)).toThrow('another nodepoold runs as process 100');
    expect(readFileSync(path, 'utf8')).toBe('100\n');
    expect(readdirSync(directory)).toEqual(['nodepool.pid']);
  });

  it('is left alone at the end when it names another daemon by then', () => {
    const file = writePidFile(path, nobody);
    writeFileSync(path, '200\n');
    file.remove();
    expect(readFileSync(path, 'utf8')).toBe('200\n');
  });

  it('says what is wrong with its directory', () => {
    const missing = join(directory, 'run', 'nodepool.pid');
    expect(() => writePidFile(missing, nobody)).toThrow(
      `cannot write the pid file ${missing} (no such file or directory): choose another one with -p`,
    );
    const beneathFile = join(path, 'nodepool.pid');
    writeFileSync(path, '');
    expect(() => writePidFile(beneathFile, nobody)).toThrow(
      `cannot write the pid file ${beneathFile} (not a directory): choose another one with -p`,
    );
    expect(() => writePidFile(directory, nobody)).toThrow(
      `cannot write the pid file ${directory} (illegal operation on a directory)`,
    );
  });
});
