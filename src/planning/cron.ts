/** When cron entries come due. Pure: the schedules are only asked, never started. */
import type { Cron } from 'croner';
import { parseCron } from '../lib/cron.ts';

/** A parsed specification with its last answer: `next` follows every time from `from` until it. */
interface Schedule {
  readonly cron: Cron;
  from: number;
  next: number;
}

const schedules = new Map<string, Schedule>();

/** First time after `after` at which `spec` comes due, in epoch milliseconds, local time zone. Error: `config`. */
export function nextFiring(spec: string, after: number): number {
  const schedule = scheduleOf(spec);
  // Each pass of the daemon asks again, mostly within the same interval.
  if (after < schedule.from || after >= schedule.next) {
    schedule.next = schedule.cron.nextRun(new Date(after))?.getTime() ?? Infinity;
    schedule.from = after;
  }
  return schedule.next;
}

/** Last time after `after` and not after `until` at which `spec` comes due; null: none. */
export function lastFiring(spec: string, after: number, until: number): number | null {
  if (nextFiring(spec, after) > until) return null;
  // Times before a moment leave out the moment itself.
  const [last] = scheduleOf(spec).cron.previousRuns(1, new Date(until + 1));
  return last?.getTime() ?? null;
}

function scheduleOf(spec: string): Schedule {
  let schedule = schedules.get(spec);
  if (!schedule) {
    schedule = { cron: parseCron(spec), from: Infinity, next: -Infinity };
    schedules.set(spec, schedule);
  }
  return schedule;
}
