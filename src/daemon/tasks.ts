/** Actions under way: at most one per subject, none waited for by the loop. */
import type { Rest } from '../actions/context.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, ERROR_CODES, isNodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Busy, Subject } from '../planning/world.ts';

export interface RunningTask {
  readonly subject: Subject;
  readonly kind: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

export interface Tasks {
  /** Subjects that are not to be planned: under way, or resting. A copy. */
  busy(): Map<Subject, Busy>;
  start(task: { subject: Subject; kind: string }, run: () => Promise<Rest | void>): void;
  running(): readonly RunningTask[];
  /** Resolves when everything that is under way now has ended. */
  settled(): Promise<void>;
}

/** How long a subject rests after an error, by the error's retry class, in milliseconds. */
const REST_MS = { soon: 1000, later: 5000, elsewhere: 10_000, never: 30_000 } as const;

export function createTasks({ clock, log, onEnd }: { clock: Clock; log: Log; onEnd: () => void }): Tasks {
  const running = new Map<Subject, RunningTask & { done: Promise<void> }>();
  const resting = new Map<Subject, number>();

  async function conduct(subject: Subject, kind: string, run: () => Promise<Rest | void>): Promise<void> {
    try {
      const rest = await run();
      if (rest) resting.set(subject, clock.now() + rest.restMs);
    } catch (error) {
      resting.set(subject, clock.now() + restAfter(error));
      reportError(log, { subject, kind }, error);
    } finally {
      running.delete(subject);
      onEnd();
    }
  }

  return {
    busy: () => {
      const now = clock.now();
      const busy = new Map<Subject, Busy>();
      for (const [subject, until] of resting) {
        if (until <= now) resting.delete(subject);
        else busy.set(subject, { until });
      }
      for (const subject of running.keys()) busy.set(subject, { until: 'done' });
      return busy;
    },
    start: ({ subject, kind }, run) => {
      running.set(subject, { subject, kind, since: clock.now(), done: conduct(subject, kind, run) });
    },
    running: () => [...running.values()].map(({ subject, kind, since }) => ({ subject, kind, since })),
    settled: async () => {
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

function restAfter(error: unknown): number {
  if (!isNodepoolError(error)) return REST_MS.never;
  return error.retryAfterMs ?? REST_MS[ERROR_CODES[error.code].retry];
}

function reportError(log: Log, task: { subject: Subject; kind: string }, error: unknown): void {
  if (isNodepoolError(error, 'aborted')) return;
  // Expected trouble is no error of ours; anything else is a mistake and shows where it comes from.
  if (isNodepoolError(error)) log.warn({ ...task, code: error.code, error: describeError(error) }, 'action failed');
  else log.error({ ...task, err: error }, 'action failed unexpectedly');
}
