/** What the Jenkins of each target last said. Kept in memory: after a restart it is asked again. */
import type { TargetRecorder } from '../actions/target-recorder.ts';
import type { Log } from '../lib/log.ts';
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

interface Page extends TargetView {
  /** When it was first not answered, or answered. */
  readonly since: number;
}

export function createTargetBook(log: Log): TargetBook {
  const pages = new Map<string, Page>();
  return {
    view: (now) => new Map(Array.from(pages, ([name, page]) => [name, viewAt(page, now)])),
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
function viewAt({ answer, problem, dueAt, since }: Page, now: number): TargetView {
  const isRecent = since <= now && now < since + COUNTS_FOR_MS;
  const counts = answer !== null && answer.takenAt <= now && (problem === null || isRecent);
  const isHoped = answer === null && isRecent;
  return {
    answer: counts ? answer : null,
    problem: isHoped ? null : problem,
    dueAt: Math.min(dueAt, now + ASK_EVERY_MS),
  };
}
