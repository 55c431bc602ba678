import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildLogDirectory, lastLines, logPath, openBuildLog } from '../../../src/images/build-logs.ts';
import { silentLog, type Log } from '../../../src/lib/log.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nodepool-logs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('where logs are', () => {
  it('is the configured directory, else beside the images, else in the state directory', () => {
    expect(buildLogDirectory({ imagesDir: '/images', buildLogDir: '/logs' }, '/state')).toBe('/logs');
    expect(buildLogDirectory({ imagesDir: '/images', buildLogDir: null }, '/state')).toBe('/images/logs');
    expect(buildLogDirectory({ imagesDir: null, buildLogDir: null }, '/state')).toBe('/state/build-logs');
  });

  it('is one file for each build', () => {
    expect(logPath('/logs', { provider: null, image: 'ubuntu', version: 17 })).toBe('/logs/ubuntu-17.log');
    expect(logPath('/logs', { provider: 'a/b', image: 'c/d', version: 17 })).toBe('/logs/c_d@a_b-17.log');
  });
});

describe('a build log', () => {
  const warnings: unknown[] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => void warnings.push([fields, message]) };
  beforeEach(() => void warnings.splice(0));

  it('has the lines in their order, after those of the program that wrote it before', async () => {
    const path = join(root, 'new', 'ubuntu-17.log');
    for (const word of ['first', 'second']) {
      const buildLog = openBuildLog(path, log);
      for (let n = 1; n <= 3; n += 1) buildLog.line(`${word} ${n}`);
      await buildLog.close();
    }
    const lines = ['first 1', 'first 2', 'first 3', 'second 1', 'second 2', 'second 3'];
    expect(readFileSync(path, 'utf8')).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(warnings).toEqual([]);
  });

  it('that cannot be made is reported once and harms nobody', async () => {
    writeFileSync(join(root, 'file'), '');
    const path = join(root, 'file', 'ubuntu-17.log');
    const buildLog = openBuildLog(path, log);
    for (let n = 0; n < 5; n += 1) buildLog.line('a line');
    await buildLog.close();
    expect(buildLog.fd).toBeNull();
    const error = expect.stringContaining('mkdir') as string;
    expect(warnings).toEqual([[{ path, error }, 'the log of a build cannot be written']]);
  });

  it('that cannot be written any more is reported once and harms nobody', async () => {
    const buildLog = openBuildLog('/dev/full', log);
    for (let n = 0; n < 5; n += 1) buildLog.line('a line');
    await buildLog.written();
    await buildLog.close();
    const error = expect.stringContaining('ENOSPC') as string;
    expect(warnings).toEqual([[{ path: '/dev/full', error }, 'the log of a build cannot be written']]);
  });
});

describe('the last lines of a log', () => {
  const read = async (text: string, count: number) => {
    writeFileSync(join(root, 'log'), text);
    return lastLines(join(root, 'log'), count);
  };

  it('are those that say something', async () => {
    expect(await read('one\ntwo\n\n  \nthree\n', 2)).toEqual(['two', 'three']);
    expect(await read('one', 2)).toEqual(['one']);
    expect(await read('', 2)).toEqual([]);
  });

  it('are what a terminal would show', async () => {
    expect(await read('10 %\r50 %\r100 %\r\n\u001b[1;31mred\u001b[0m\u001b[K text\r\n', 5)).toEqual([
      '100 %',
      'red text',
    ]);
  });

  it('of a long log are whole, and there in no time', async () => {
    const text = `${'x'.repeat(50)} line\n`.repeat(200_000);
    const lines = await read(text, 1_000_000);
    expect(new Set(lines)).toEqual(new Set([`${'x'.repeat(50)} line`]));
    expect(lines.length).toBeGreaterThan(1000);
  });

  it('are none where there is no log', async () => {
    mkdirSync(join(root, 'directory'));
    expect(await lastLines(join(root, 'none'), 5)).toEqual([]);
    expect(await lastLines(join(root, 'directory'), 5)).toEqual([]);
  });
});
