/** The daemon's side of the HTTP interface: starts its thread, keeps it up to date, and ends it. */
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
  /** Nobody caught an error there: the thread is gone. */
  readonly onError: (error: Error) => void;
}

export interface ApiThread {
  /** Called on each pass: the thread learns of a configuration once. */
  configure(config: Config): void;
  /** Lets answers that are under way end. */
  close(): Promise<void>;
}

export function startApiThread({ entry, start, clock, log, onError, ...end }: ApiThreadDeps): ApiThread {
  const worker = new Worker(entry, { workerData: start });
  worker.on('error', onError);
  const exited = new Promise<unknown>((resolve) => worker.once('exit', resolve));
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
