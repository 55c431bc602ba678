/**
 * The decorator around any driver's cloud: each call waits for its turn, has a time limit, ends with an error of the
 * catalogue if it fails, and is reported. It decides nothing: listings are taken, and clouds in trouble left alone,
 * by the planner.
 */
import type { Clock } from '../lib/clock.ts';
import { describeError, isNodepoolError, NodepoolError } from '../lib/errors.ts';
import type { LaneName, Limiter } from '../lib/limiter.ts';
import { onAbort } from '../lib/on-abort.ts';
import { createDeadlines } from '../lib/deadlines.ts';
import type { Cloud, CloudCall } from './provider.ts';

/** The last part of the classic timing key `nodepool.task.<provider>.<task>` for each call. */
export const TASK_NAMES = {
  listServers: 'ServerList',
  createServer: 'ServerCreate',
  deleteServer: 'ServerDelete',
  listImages: 'ImageList',
  saveImage: 'ServerImageCreate',
  deleteImage: 'ImageDelete',
  limits: 'LimitsGet',
} as const satisfies Record<CloudCall, string>;

const LANES: Readonly<Record<CloudCall, LaneName>> = {
  listServers: 'read',
  listImages: 'read',
  limits: 'read',
  createServer: 'create',
  saveImage: 'create',
  deleteServer: 'delete',
  deleteImage: 'delete',
};

/** One call that was sent: how it ended, and how long it took without its wait in the queue. */
export interface CallReport {
  readonly provider: string;
  readonly call: CloudCall;
  readonly ms: number;
  /** null: it succeeded. */
  readonly error: NodepoolError | null;
}

export interface Supervision {
  /** Name of the provider, for reports and messages. */
  readonly provider: string;
  readonly limiter: Limiter;
  /** From the start of a call, not counting its wait for a turn, until it counts as unanswered. */
  readonly apiTimeoutMs: number;
  readonly clock: Clock;
  readonly onCall: (report: CallReport) => void;
}

type Send<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Puts limits, time limits, error classes and reports around `cloud`. A call rejects with `unavailable` when its time is
 * up and with `aborted` when its signal aborts, whether or not the driver heeds the signal that it is given.
 */
export function supervise(cloud: Cloud, supervision: Supervision): Cloud {
  const { provider, limiter, apiTimeoutMs, clock, onCall } = supervision;
  const deadlines = createDeadlines(clock, apiTimeoutMs);
  const unanswered = (call: CloudCall): NodepoolError =>
    new NodepoolError('unavailable', `${provider} did not answer ${call} within ${apiTimeoutMs / 1000} s`);

  const perform = <T>(call: CloudCall, signal: AbortSignal, send: Send<T>): Promise<T> =>
    limiter.run(LANES[call], signal, async () => {
      const startedAt = clock.now();
      const report = (error: NodepoolError | null): void => {
        onCall({ provider, call, ms: clock.now() - startedAt, error });
      };
      try {
        const answer = await interruptible(send, [
          (interrupt) => deadlines.start(() => interrupt(unanswered(call))),
          (interrupt) => onAbort(signal, () => interrupt(new NodepoolError('aborted', `${call} was abandoned`))),
        ]);
        report(null);
        return answer;
      } catch (thrown) {
        const error = toDriverError(thrown, provider, call);
        report(error);
        throw error;
      }
    });

  return {
    listServers: (signal) => perform('listServers', signal, (own) => cloud.listServers(own)),
    createServer: (spec, signal) => perform('createServer', signal, (own) => cloud.createServer(spec, own)),
    deleteServer: (id, signal) => perform('deleteServer', signal, (own) => cloud.deleteServer(id, own)),
    listImages: (signal) => perform('listImages', signal, (own) => cloud.listImages(own)),
    saveImage: (id, spec, signal) => perform('saveImage', signal, (own) => cloud.saveImage(id, spec, own)),
    deleteImage: (id, signal) => perform('deleteImage', signal, (own) => cloud.deleteImage(id, own)),
    limits: (signal) => perform('limits', signal, (own) => cloud.limits(own)),
  };
}

/** Begins to watch for a reason to interrupt a call; returns what ends the watch. */
type Watch = (interrupt: (error: NodepoolError) => void) => () => void;

/**
 * Settles as `send` does, or rejects as soon as a watch interrupts it; then the signal given to `send` aborts too,
 * but nobody waits until the driver has noticed.
 */
async function interruptible<T>(send: Send<T>, watches: readonly Watch[]): Promise<T> {
  const own = new AbortController();
  let release: readonly (() => void)[] = [];
  const interruption = new Promise<never>((_, reject) => {
    const interrupt = (error: NodepoolError): void => {
      reject(error);
      own.abort(error);
    };
    release = watches.map((watch) => watch(interrupt));
  });
  try {
    return await Promise.race([send(own.signal), interruption]);
  } finally {
    for (const end of release) end();
  }
}

/** What no driver should throw says nothing about the effect of the call, which is what `unavailable` means. */
function toDriverError(thrown: unknown, provider: string, call: CloudCall): NodepoolError {
  if (isNodepoolError(thrown, 'not-found', 'quota', 'throttled', 'rejected', 'unavailable', 'auth', 'aborted'))
    return thrown;
  return new NodepoolError('unavailable', `${provider} failed at ${call}: ${describeError(thrown)}`, { cause: thrown });
}
