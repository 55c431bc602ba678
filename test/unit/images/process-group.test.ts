import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endNotedGroup, NOTE_AND_EXEC, thisHost } from '../../../src/images/process-group.ts';
import { hurriedClock, isRunning, until } from './workshop.ts';

const MARK = 'DIB_IMAGE_FILENAME=/images/.ubuntu-17/ubuntu-17';

describe('what a note of a process group names', () => {
  let root: string;
  let note: string;
  let leader: ChildProcess;
  let child: number;
  const clock = hurriedClock();

  /** A group of two, as a daemon starts it that is killed afterwards: nothing but the note tells about it. */
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'nodepool-group-'));
    note = join(root, 'note');
    const command = ['/bin/sh', '-c', 'sleep 1000 & echo $! >"$0.new"; mv "$0.new" "$0"; wait', join(root, 'child')];
    leader = spawn('/bin/sh', ['-c', NOTE_AND_EXEC, note, thisHost(), ...command], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], DIB_IMAGE_FILENAME: MARK.split('=')[1] },
    });
    await until(() => existsSync(join(root, 'child')));
    child = Number(readFileSync(join(root, 'child'), 'utf8'));
  });
  afterEach(() => {
    if (isRunning(child)) process.kill(-(leader.pid ?? 0), 'SIGKILL');
    rmSync(root, { recursive: true });
  });

  const end = (): Promise<void> => endNotedGroup(note, { mark: MARK, clock });
  const edit = (change: (text: string) => string): void => writeFileSync(note, change(readFileSync(note, 'utf8')));
  const running = (): number => [leader.pid ?? 0, child].filter(isRunning).length;

  it('is ended', async () => {
    expect(running()).toBe(2);
    await end();
    expect(running()).toBe(0);
    // The second time there is nothing to do.
    await end();
  });

  it('is ended when its leader has ended before, by the mark in the environment', async () => {
    leader.kill('SIGKILL');
    await once(leader, 'exit');
    expect(running()).toBe(1);
    await end();
    expect(running()).toBe(0);
  });

  it('is left alone when its leader has ended and nobody has the mark', async () => {
    leader.kill('SIGKILL');
    await once(leader, 'exit');
    await endNotedGroup(note, { mark: `${MARK}8`, clock });
    expect(running()).toBe(1);
  });

  it.each<[string, (text: string) => string]>([
    ['a process that began at another time', (text) => text.replace(/(\) (?:\S+ ){19})\d+/, '$17')],
    ['a process of another host, or before the last boot', (text) => text.replace(/^/, 'x')],
    ['a host that is not known', (text) => text.replace(/^.*\n/, '\n')],
    ['everybody', (text) => text.replace(/\n\d+/, '\n1')],
    ['nothing, being cut', (text) => text.slice(0, 60)],
    ['nothing, being empty', () => ''],
  ])('is left alone when it is %s', async (_whom, change) => {
    const before = readFileSync(note, 'utf8');
    edit(change);
    expect(readFileSync(note, 'utf8')).not.toBe(before);
    await end();
    expect(running()).toBe(2);
  });

  it('is nothing when there is no note', async () => {
    rmSync(note);
    await end();
    expect(running()).toBe(2);
  });
});

it('a command is not run when it cannot be noted', async () => {
  const root = mkdtempSync(join(tmpdir(), 'nodepool-group-'));
  const args = ['-c', NOTE_AND_EXEC, join(root, 'gone', 'note'), 'host', 'touch', join(root, 'ran')];
  const [code] = (await once(spawn('/bin/sh', args, { stdio: 'ignore' }), 'exit')) as [number];
  expect([code, existsSync(join(root, 'ran'))]).toEqual([125, false]);
  rmSync(root, { recursive: true });
});
