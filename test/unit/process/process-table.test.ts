import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isAlive, isDaemon, isNodepoold, runsNodepoold } from '../../../src/process/process-table.ts';

describe('a process', () => {
  it('is alive until it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const pid = child.pid ?? 0;
    expect(isAlive(pid)).toBe(true);
    const exited = once(child, 'exit');
    child.stdin.end();
    await exited;
    expect(isAlive(pid)).toBe(false);
  });

  it('is not a nodepoold when it runs something else', () => {
    expect(isNodepoold(process.pid)).toBe(false);
    expect(isDaemon(process.pid)).toBe(false);
  });
});

describe('a command line', () => {
  it.each([
    [['/usr/bin/node', '/usr/local/bin/nodepoold', '-d']],
    [['node', '--enable-source-maps', 'bin/nodepoold']],
    [['nodepoold', '-c', 'nodepool.yaml']],
  ])('runs nodepoold: %j', (command) => {
    expect(runsNodepoold(command)).toBe(true);
  });

  it.each([
    [['vi', '/usr/local/bin/nodepoold']],
    [['node', '/usr/bin/nodepool', 'list']],
    [['']],
    [['/usr/sbin/sshd', '-D']],
  ])('does not: %j', (command) => {
    expect(runsNodepoold(command)).toBe(false);
  });
});
