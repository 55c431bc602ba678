/**
 * The messages go over a real Unix datagram socket. Node.js can neither open nor serve one, so a few lines of Perl
 * do, which every Debian has. The sender is systemd's own where it is installed, else Perl again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../src/lib/log.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createServiceManager, watchdogIntervalMs } from '../../../src/process/service-manager.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const LISTENER = `use Socket; $| = 1;
  socket(S, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!"; bind(S, sockaddr_un($ARGV[0])) or die "bind: $!";
  print "listening\\n"; while (defined recv(S, $m, 4096, 0)) { print "$m\\n" }`;

const SENDER = `#!/usr/bin/perl
use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; send(S, join("\\n", @ARGV), 0, sockaddr_un($ENV{NOTIFY_SOCKET})) or die "send: $!";
`;

let directory: string;
let socket: string;
let env: NodeJS.ProcessEnv;
let listener: ChildProcess;
let lines: AsyncIterator<string>;
let reader: Interface;
let warnings: string[];
const log: Log = { ...silentLog, warn: (_fields, message) => void warnings.push(message) };

function hasSystemdNotify(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'systemd-notify'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The next message; systemd-notify adds an empty-handed one that only asks systemd to keep up. */
async function received(): Promise<string> {
  for (;;) {
    const { value } = (await lines.next()) as { value: string };
    if (value !== 'BARRIER=1') return value;
  }
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-notify-'));
  socket = join(directory, 'notify');
  warnings = [];
  env = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket };
  if (!hasSystemdNotify()) {
    writeFileSync(join(directory, 'systemd-notify'), SENDER);
    chmodSync(join(directory, 'systemd-notify'), 0o755);
    env['PATH'] = `${directory}${delimiter}${env['PATH']}`;
  }
  listener = spawn('perl', ['-e', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  reader = createInterface({ input: listener.stdout as NodeJS.ReadableStream });
  lines = reader[Symbol.asyncIterator]();
  expect(await received()).toBe('listening');
});

afterEach(() => {
  reader.close();
  listener.kill();
  rmSync(directory, { recursive: true });
});

function aServiceManager(clock = createFakeClock()) {
  return createServiceManager({ env, pid: 100, clock, log });
}

describe('the service manager', () => {
  it('is told of start, reload and stop, in this order', async () => {
    const service = aServiceManager();
    void service.ready();
    void service.reloading();
    void service.ready();
    void service.stopping();
    expect([await received(), await received(), await received(), await received()]).toEqual([
      'READY=1',
      'RELOADING=1',
      'READY=1',
      'STOPPING=1',
    ]);
    expect(warnings).toEqual([]);
  });

  it('hears twice per interval that the loop turns, and nothing while it does not', async () => {
    env['WATCHDOG_USEC'] = '60000000';
    const clock = createFakeClock();
    const service = aServiceManager(clock);
    const stop = new AbortController();
    let lastPassAt = clock.now();
    const watching = service.watch(() => lastPassAt, stop.signal);
    expect(await received()).toBe('WATCHDOG=1');

    // The loop stands still for half an interval: no sign of life, and the next message is another one.
    await untilAsleep(clock);
    await clock.advance(30_000);
    await service.ready();
    expect(await received()).toBe('READY=1');

    lastPassAt = clock.now() + 30_000;
    await clock.advance(30_000);
    expect(await received()).toBe('WATCHDOG=1');
    stop.abort();
    await watching;
  });

  it('gets one warning in the log when systemd-notify is missing, and the daemon goes on', async () => {
    env['PATH'] = join(directory, 'nothing');
    env['WATCHDOG_USEC'] = '60000000';
    const service = aServiceManager();
    await service.ready();
    await service.watch(() => 0, new AbortController().signal);
    await service.stopping();
    expect(warnings).toEqual([
      'cannot tell systemd READY=1: the program systemd-notify is missing, so no message will reach it',
    ]);
  });

  it('is tried again after a message that was lost', async () => {
    env['NOTIFY_SOCKET'] = join(directory, 'gone');
    const service = aServiceManager();
    await service.ready();
    await service.stopping();
    expect(warnings).toEqual([
      expect.stringMatching(/^cannot tell systemd READY=1: /),
      expect.stringMatching(/^cannot tell systemd STOPPING=1: /),
    ]);
  });

  it('is left in peace where there is none', async () => {
    env = { PATH: '' };
    const service = aServiceManager();
    await service.ready();
    await service.watch(() => 0, new AbortController().signal);
    expect(warnings).toEqual([]);
  });
});

/** The watchdog sends before it sleeps, and sending takes real time. */
async function untilAsleep(clock: ReturnType<typeof createFakeClock>): Promise<void> {
  while (clock.nextAt() === null) await new Promise((resolve) => setImmediate(resolve));
}

describe('the watchdog interval', () => {
  it('is in milliseconds, and only for the process that it is meant for', () => {
    expect(watchdogIntervalMs({ WATCHDOG_USEC: '3000000' }, 100)).toBe(3000);
    expect(watchdogIntervalMs({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: '100' }, 100)).toBe(3000);
    expect(watchdogIntervalMs({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: '101' }, 100)).toBeNull();
    expect(watchdogIntervalMs({}, 100)).toBeNull();
    expect(watchdogIntervalMs({ WATCHDOG_USEC: 'soon' }, 100)).toBeNull();
  });
});
