/** Whether the loop looks after its pool. */
import type { Clock } from '../lib/clock.ts';
import { describeError, isNodepoolError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

export interface Health {
  passed(): void;
  failed(error: unknown): void;
  /** What is wrong, in a sentence for everybody, so without addresses and users; null: nothing. */
  problem(): string | null;
  /** Epoch milliseconds at the end of the last pass, whether or not it worked. */
  lastPassAt(): number;
}

/** A pass that takes longer hangs: the database has 20 seconds for a statement. */
const LONGEST_PASS_MS = 30_000;

/** Of passes that fail, the first one is news, and so is the first that works again. */
export function createHealth({ clock, log }: { clock: Clock; log: Log }): Health {
  let failure: string | null = 'the daemon has not looked at its pool yet';
  let isFailing = false;
  let isDatabaseAway = false;
  let lastPassAt = clock.now();
  return {
    passed: () => {
      if (isFailing) log.info({}, isDatabaseAway ? 'the database answers again' : 'passes work again');
      isFailing = false;
      failure = null;
      lastPassAt = clock.now();
    },
    failed: (error) => {
      if (!isNodepoolError(error)) log.error({ err: error }, 'a pass failed unexpectedly');
      else if (!isFailing)
        log.warn(
          { code: error.code, error: describeError(error) },
          'a pass failed; nothing new is started until the database answers',
        );
      isFailing = true;
      isDatabaseAway = isNodepoolError(error, 'database-unavailable', 'database-unusable');
      failure = 'the last look at the pool failed; the log says why';
      // Being killed by the watchdog would not bring the database back, and would cut off scripts that run.
      lastPassAt = clock.now();
    },
    problem: () => {
      const silentMs = clock.now() - lastPassAt;
      if (silentMs <= LONGEST_PASS_MS) return failure;
      return `the last look at the pool ended ${Math.round(silentMs / 1000)} s ago`;
    },
    lastPassAt: () => lastPassAt,
  };
}
