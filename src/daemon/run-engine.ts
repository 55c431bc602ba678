/** The loop around the engine's passes: when the next one runs, what stops it, how it ends. */
import { describeError } from '../lib/errors.ts';
import type { Explanation } from '../planning/explanation.ts';
import type { EngineDeps } from './deps.ts';
import { EngineCore } from './engine.ts';
import { createHealth } from './health.ts';
import type { RunningTask } from './tasks.ts';

export interface Engine {
  /**
   * Runs passes until `signal` aborts, then lets what is under way end, abandons what does not within the limit
   * (the next daemon goes on from the rows), and gives up its leases.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Makes the next pass come now. */
  wake(): void;
  inFlight(): readonly RunningTask[];
  /** Why a request waits, as the last plan says; null: it does not, or this daemon does not grant. */
  explain(requestId: number): Explanation | null;
  /** Why the pool is not looked after now, in a sentence; null: it is. */
  unready(): string | null;
  /** Epoch milliseconds at the end of the last pass, whether or not the database answered; for the watchdog. */
  lastPassAt(): number;
}

/** The database is asked for changes of others this often, in milliseconds. */
const POLL_INTERVAL_MS = 250;
/** A pass after a failed one comes this much later. */
const FAILURE_PAUSE_MS = 1000;
/**
 * Passes come at least this far apart, so that what ends together is looked at together, and three times as far as the
 * last one took, so that at most a quarter of the time goes into planning: what was planned is done by the same thread.
 */
const LEAST_PAUSE_MS = 10;
const PAUSE_PER_PASS = 3;
/** A pass that waited for a slow database, or in which the clock was set, must not keep the leases from being renewed. */
const LONGEST_PAUSE_MS = 1000;
/** What is under way at the end gets this long. */
const STOP_LIMIT_MS = 20_000;

export function createEngine(deps: EngineDeps): Engine {
  const { clock, log } = deps;
  let waker = new AbortController();
  // To abort once more costs an exception that nobody sees, hundreds of times a second.
  const wake = (): void => {
    if (!waker.signal.aborted) waker.abort();
  };
  const core = new EngineCore(deps, wake);
  const health = createHealth({ clock, log });

  /** One pass; answers how long the next one must wait at least. */
  async function pass(): Promise<number> {
    const startedAt = clock.now();
    try {
      await core.tick();
      health.passed();
      return Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, PAUSE_PER_PASS * (clock.now() - startedAt)));
    } catch (error) {
      health.failed(error);
      return FAILURE_PAUSE_MS;
    }
  }

  return {
    wake,
    inFlight: () => core.inFlight(),
    explain: (requestId) => core.explain(requestId),
    unready: () => health.problem(),
    lastPassAt: () => health.lastPassAt(),
    run: async (signal) => {
      signal.addEventListener('abort', wake, { once: true });
      while (!signal.aborted) {
        waker = new AbortController();
        const pauseMs = await pass();
        await clock.sleep(pauseMs, signal);
        const restMs = Math.min(POLL_INTERVAL_MS - pauseMs, core.nextWakeAt() - clock.now());
        if (restMs > 0 && !waker.signal.aborted) await clock.sleep(restMs, waker.signal);
      }
      await stop(core, deps);
    },
  };
}

async function stop(core: EngineCore, { clock, log }: EngineDeps): Promise<void> {
  core.abandonLongWork();
  const settled = new AbortController();
  const ended = core.settled().then(() => settled.abort());
  await Promise.race([ended, clock.sleep(STOP_LIMIT_MS, settled.signal)]);
  const left = core.inFlight();
  if (left.length > 0)
    log.warn({ left: left.map(({ subject, kind }) => `${kind} ${subject}`) }, 'abandoned what is still under way');
  try {
    await core.release();
  } catch (error) {
    // The leases run out by themselves; the process ends all the same.
    log.warn({ error: describeError(error) }, 'the leases could not be given up');
  }
}
