/** How long the event loop of this process is kept from its timers. */
import { existsSync, readFileSync } from 'node:fs';
import { createHistogram, PerformanceObserver } from 'node:perf_hooks';

export interface LoopFigures {
  /** By the wall: on a busy machine also the time in which the process was not let run. */
  readonly maxMs: number;
  readonly p99Ms: number;
  /**
   * The longest time in which the loop was kept from a timer by its own work: of each wait no more counts than the CPU
   * time that the thread used meanwhile.
   */
  readonly ownMaxMs: number;
  /** The longest pause for the collection of garbage, by the wall. */
  readonly gcMaxMs: number;
}

/** Between two looks. */
const INTERVAL_MS = 5;

/** The main thread's time on a CPU, in nanoseconds, is the first number in it. */
const SCHEDULE = `/proc/self/task/${process.pid}/schedstat`;
const hasSchedule = existsSync(SCHEDULE);

/** In milliseconds, of the main thread; of the whole process where the kernel does not tell. */
function cpuTime(): number {
  if (hasSchedule) return Number(readFileSync(SCHEDULE, 'utf8').split(' ', 1)[0]) / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Starts to watch. The returned function tells what was seen since it was called last. */
export function watchLoop(): () => LoopFigures {
  const waits = createHistogram();
  let longest = { ownMaxMs: 0, gcMaxMs: 0 };
  let lookedAt = performance.now();
  let usedMs = cpuTime();
  const look = (): void => {
    const lateMs = performance.now() - lookedAt - INTERVAL_MS;
    waits.record(Math.max(1, Math.round(lateMs * 1000)));
    longest.ownMaxMs = Math.max(longest.ownMaxMs, Math.min(lateMs, cpuTime() - usedMs));
    next();
  };
  const next = (): void => {
    lookedAt = performance.now();
    usedMs = cpuTime();
    setTimeout(look, INTERVAL_MS).unref();
  };
  next();
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest.gcMaxMs = Math.max(longest.gcMaxMs, duration);
  }).observe({ entryTypes: ['gc'] });
  return () => {
    const figures = { maxMs: waits.max / 1000, p99Ms: waits.percentile(99) / 1000, ...longest };
    waits.reset();
    longest = { ownMaxMs: 0, gcMaxMs: 0 };
    return figures;
  };
}
