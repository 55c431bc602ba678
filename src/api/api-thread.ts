/** The daemon's side of the HTTP interface: starts its thread, keeps it up to date, and ends it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { linkThread, type DaemonEnd } from './thread-link.ts';

/** Longer than answers that are under way may take to end. */
const CLOSE_LIMIT_MS = 5000;

export interface ApiThreadDeps extends Omit<DaemonEnd, 'onLog'> {
  /** The module that the thread runs. */
  readonly entry: URL;
  /** What that gets, as `workerData`. */
  readonly start: { readonly config: Config };
  readonly clock: Clock;
  readonly log: Log;
}

export interface ApiThread {
  /** Called on each pass: the thread learns of a configuration once. */
  configure(config: Config): void;
  /** Lets answers that are under way end. */
  close(): Promise<void>;
}

export function startApiThread({ entry, start, clock, log, ...end }: ApiThreadDeps): ApiThread {
  const worker = new Worker(entry, { workerData: start });
  // What nobody caught there ends the daemon, as it does here.
  worker.on('error', (error) => {
    throw error;
  });
  const exited = once(worker, 'exit');
  const thread = linkThread(worker, {
    ...end,
    onLog: ({ level, fields, message }) => log[level](fields, message),
  });
  let { config: known } = start;
  return {
    configure: (config) => {
      if (config === known) return;
      known = config;
      thread.configure(config);
    },
    close: async () => {
      thread.close();
      const enough = new AbortController();
      await Promise.race([exited, clock.sleep(CLOSE_LIMIT_MS, enough.signal)]);
      enough.abort();
      await worker.terminate();
    },
  };
}
