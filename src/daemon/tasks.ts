/** Actions under way: at most one per subject, none waited for by the loop. */
import type { Rest } from '../actions/context.ts';
import type { Clock } from '../lib/clock.ts';
import { describeError, ERROR_CODES, isNodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { onAbort } from '../lib/on-abort.ts';
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
  /** Runs something whose signal aborts with `signal`, or when it is told to. */
  start(task: { subject: Subject; kind: string }, signal: AbortSignal, run: Run): void;
  /** Tells what is under way on the subject to end. */
  abort(subject: Subject): void;
  running(): readonly RunningTask[];
  /** Resolves when everything that is under way now has ended. */
  settled(): Promise<void>;
}

type Run = (signal: AbortSignal) => Promise<Rest | void>;

/** `since` tells when the clock was set back: a rest of seconds must not become one of hours. */
interface Resting {
  readonly since: number;
  readonly rest: Exclude<Busy, { readonly until: 'done' }>;
}

/** How long a subject rests after an error, by the error's retry class, in milliseconds. */
const REST_MS = { soon: 1000, later: 5000, elsewhere: 10_000, never: 30_000 } as const;

export function createTasks({ clock, log, onEnd }: { clock: Clock; log: Log; onEnd: () => void }): Tasks {
  const running = new Map<Subject, RunningTask & { own: AbortController; done: Promise<void> }>();
  const resting = new Map<Subject, Resting>();

  function rest(subject: Subject, ms: number, failure: { readonly error?: string } = {}): void {
    const since = clock.now();
    resting.set(subject, { since, rest: { until: since + ms, ...(failure.error && { error: failure.error }) } });
  }

  async function conduct({ subject, kind }: Omit<RunningTask, 'since'>, run: () => ReturnType<Run>): Promise<void> {
    try {
      const wish = await run();
      if (wish) rest(subject, wish.restMs, wish);
    } catch (error) {
      rest(subject, restAfter(error), isNodepoolError(error, 'aborted') ? {} : { error: describeError(error) });
      reportError(log, { subject, kind }, error);
    } finally {
      running.delete(subject);
      onEnd();
    }
  }

  return {
    busy: () => busyNow(running.keys(), resting, clock.now()),
    start: ({ subject, kind }, signal, run) => {
      const own = new AbortController();
      const unhook = onAbort(signal, () => own.abort());
      const done = conduct({ subject, kind }, () => run(own.signal).finally(unhook));
      running.set(subject, { subject, kind, since: clock.now(), own, done });
    },
    abort: (subject) => running.get(subject)?.own.abort(),
    running: () => [...running.values()].map(({ subject, kind, since }) => ({ subject, kind, since })),
    settled: async () => {
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

function busyNow(running: Iterable<Subject>, resting: Map<Subject, Resting>, now: number): Map<Subject, Busy> {
  const busy = new Map<Subject, Busy>();
  for (const [subject, { since, rest }] of resting) {
    if (rest.until <= now || now < since) resting.delete(subject);
    else busy.set(subject, rest);
  }
  for (const subject of running) busy.set(subject, { until: 'done' });
  return busy;
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
