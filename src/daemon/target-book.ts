/** What each target last said: its Jenkins, and who takes its nodes. Kept in memory: after a restart it is asked again. */
import type { TargetRecorder } from '../actions/target-recorder.ts';
import type { Log } from '../lib/log.ts';
import { offerRetryDelayMs } from '../lifecycle/limits.ts';
import type { TargetView } from '../planning/world.ts';

/** Between two questions, and after a failed one, in milliseconds. */
const ASK_EVERY_MS = 10_000;
const RETRY_AFTER_MS = 5000;
/** One answer that is missing means little: so long the last one counts, or the hope for a first one after a restart. */
const COUNTS_FOR_MS = 30_000;

export interface TargetBook extends TargetRecorder {
  /** What is known of every target that was asked, by name, as it stands at `now`. */
  view(now: number): ReadonlyMap<string, TargetView>;
}

interface Page extends Omit<TargetView, 'refusal'> {
  /** When it was first not answered, or answered. */
  readonly since: number;
}

/** Of a target that was not asked. */
const BLANK: Page = { answer: null, problem: null, dueAt: 0, since: -Infinity };

interface Refusal {
  readonly error: string;
  /** Times in a row. */
  readonly count: number;
  readonly until: number;
}

export function createTargetBook(log: Log): TargetBook {
  const pages = new Map<string, Page>();
  const refusals = new Map<string, Refusal>();
  return {
    view: (now) => {
      const names = new Set([...pages.keys(), ...refusals.keys()]);
      const viewOf = (name: string): TargetView => viewAt(pages.get(name) ?? BLANK, refusals.get(name) ?? null, now);
      return new Map(Array.from(names, (name) => [name, viewOf(name)]));
    },
    recordOffer: (target, { error, now }) => {
      const last = refusals.get(target);
      if (error === null) refusals.delete(target);
      // Of nodes that were offered together.
      else if (last === undefined || last.until <= now) {
        const count = (last?.count ?? 0) + 1;
        refusals.set(target, { error, count, until: now + offerRetryDelayMs(count) });
        if (count === 1) log.warn({ target, error }, 'a launcher of the target refuses nodes');
      }
    },
    recordStatus: (target, takenAt, { isQuietingDown, computers }) => {
      if (pages.get(target)?.problem != null) log.info({ target }, 'the Jenkins of the target answers again');
      const agents = new Map(computers.map(({ name, isBusy }) => [name, { isBusy }]));
      const answer = { takenAt, isQuietingDown, agents };
      pages.set(target, { answer, problem: null, dueAt: takenAt + ASK_EVERY_MS, since: takenAt });
    },
    recordProblem: (target, { error, now }) => {
      const page = pages.get(target);
      // The first failure is news; its repetitions are not.
      if (page?.problem == null) log.warn({ target, error }, 'the Jenkins of the target does not answer as it should');
      const { answer, since } = page ?? { answer: null, since: now };
      pages.set(target, { answer, problem: error, dueAt: now + RETRY_AFTER_MS, since });
    },
  };
}

/** After the clock was set back, what is from before seems to be from later than all that is recorded now. */
function viewAt({ answer, problem, dueAt, since }: Page, refusal: Refusal | null, now: number): TargetView {
  const isRecent = since <= now && now < since + COUNTS_FOR_MS;
  const counts = answer !== null && answer.takenAt <= now && (problem === null || isRecent);
  const isHoped = answer === null && isRecent;
  return {
    answer: counts ? answer : null,
    problem: isHoped ? null : problem,
    dueAt: Math.min(dueAt, now + ASK_EVERY_MS),
    refusal: refusal && {
      error: refusal.error,
      until: Math.min(refusal.until, now + offerRetryDelayMs(refusal.count)),
    },
  };
}
