import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDetached } from '../../../src/process/detach.ts';

/** Starts a program that is not nodepoold but speaks its part. */
function start(
  code: string,
  { outputFile = null, signals = new EventEmitter() }: { outputFile?: string | null; signals?: EventEmitter } = {},
) {
  return startDetached({ command: [process.execPath, '-e', code], outputFile, signals });
}

describe('detaching', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nodepool-detach-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('waits until the daemon says that it has started', async () => {
    const { pid, report } = await start('process.send({ started: true }, () => process.disconnect())');
    expect(report).toEqual({ started: true });
    expect(pid).toBeGreaterThan(1);
  });

  it('hands on why the daemon did not start', async () => {
    const failure = { started: false, exitCode: 2, message: 'the database does not answer' };
    expect((await start(`process.send(${JSON.stringify(failure)})`)).report).toEqual(failure);
  });

  it('notices a daemon that dies before it says anything, and keeps its last words', async () => {
    const file = join(directory, 'daemon.log');
    const { report } = await start('console.error("last words"); process.exit(3)', { outputFile: file });
    expect(report).toEqual({
      started: false,
      exitCode: 1,
      message: `the daemon ended with exit code 3 before it was ready; ${file} says more`,
    });
    expect(readFileSync(file, 'utf8')).toBe('last words\n');
    expect((await start('process.kill(process.pid, "SIGKILL")')).report).toMatchObject({
      message: 'the daemon ended by SIGKILL before it was ready',
    });
  });

  it('gives the daemon a session of its own', async () => {
    const code = `const stat = require('node:fs').readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
      process.send({ started: Number(stat[3]) === process.pid })`;
    expect((await start(code)).report).toEqual({ started: true });
  });

  it('passes an interruption on to a start that hangs', async () => {
    const signals = new EventEmitter();
    const starting = start('setInterval(() => {}, 1000)', { signals });
    signals.emit('SIGINT', 'SIGINT');
    expect((await starting).report).toMatchObject({
      started: false,
      message: 'the daemon ended by SIGINT before it was ready',
    });
    expect(signals.eventNames()).toEqual([]);
  });

  it('says that the log file cannot be written', async () => {
    await expect(start('', { outputFile: join(directory, 'no', 'daemon.log') })).rejects.toThrow(
      /^cannot write the log file .*: no such file or directory$/,
    );
  });
});
