/**
 * Tells systemd how the daemon is (the sd_notify protocol) where it runs as a unit of `Type=notify`.
 *
 * The protocol wants datagrams on a Unix socket, which Node.js cannot send; `systemd-notify`, which comes with
 * systemd, sends them for us. It is another process than the main one, so the unit needs `NotifyAccess=all`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock } from '../lib/clock.ts';
import { describeError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { systemErrorCode } from '../lib/system-error.ts';

const run = promisify(execFile);

/** Longer than systemd-notify waits by itself for systemd to have read the message (5 s). */
const SEND_LIMIT_MS = 10_000;

export interface ServiceManager {
  /** The daemon works: after start, and after a reload. */
  ready(): Promise<void>;
  reloading(): Promise<void>;
  stopping(): Promise<void>;
  /**
   * Reports life twice per watchdog interval while `lastPassAt` (epoch ms) shows that the loop turns, until the
   * signal aborts. Returns at once when systemd wants no reports.
   */
  watch(lastPassAt: () => number, signal: AbortSignal): Promise<void>;
}

export interface ServiceManagerDeps {
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Log;
}

export function createServiceManager({ env, pid, clock, log }: ServiceManagerDeps): ServiceManager {
  let missing = false;
  let last: Promise<void> = Promise.resolve();

  const send = async (message: string): Promise<void> => {
    if (env['NOTIFY_SOCKET'] === undefined || missing) return;
    try {
      await run('systemd-notify', [message], { env, timeout: SEND_LIMIT_MS });
    } catch (error) {
      missing = systemErrorCode(error) === 'ENOENT';
      const reason = missing
        ? 'the program systemd-notify is missing, so no message will reach it'
        : describeError(error);
      log.warn({}, `cannot tell systemd ${message}: ${reason}`);
    }
  };
  // One after the other: READY=1 must not overtake RELOADING=1.
  const notify = (message: string): Promise<void> => (last = last.then(() => send(message)));

  return {
    ready: () => notify('READY=1'),
    reloading: () => notify('RELOADING=1'),
    stopping: () => notify('STOPPING=1'),
    watch: async (lastPassAt, signal) => {
      const intervalMs = watchdogIntervalMs(env, pid);
      if (intervalMs === null) return;
      while (!signal.aborted && !missing) {
        if (clock.now() - lastPassAt() < intervalMs / 2) await notify('WATCHDOG=1');
        await clock.sleep(intervalMs / 2, signal);
      }
    },
  };
}

/** Within which time systemd wants each sign of life, in milliseconds; null: it wants none from this process. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv, pid: number): number | null {
  const micros = Number(env['WATCHDOG_USEC']);
  if (!Number.isFinite(micros) || micros <= 0) return null;
  const wanted = env['WATCHDOG_PID'];
  return wanted === undefined || Number(wanted) === pid ? micros / 1000 : null;
}
