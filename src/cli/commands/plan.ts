import { groupBy } from '../../lib/group-by.ts';
import { explainReason } from '../explain-event.ts';
import { askDaemon } from '../intents.ts';
import type { OutputOptions, TimeoutOptions } from '../options.ts';
import { renderResult } from '../output/format.ts';
import type { Session } from '../session.ts';

type Options = OutputOptions & TimeoutOptions;

/** A plan as the daemon reports it; `json` and `yaml` show it unchanged. */
interface PlanReport {
  readonly actions: readonly PlannedAction[];
  readonly notes: readonly Remark[];
  /** How many nodes of each label each provider gives; absent in the answer of an older daemon. */
  readonly shares?: readonly Remark[];
  readonly next_wake_in_seconds: number | null;
}

interface Remark {
  readonly about: string;
  readonly text: string;
}

interface PlannedAction {
  readonly kind: string;
  readonly subject: string;
  /** A reason from the planner's closed list. */
  readonly reason: string;
  /** What exactly, for people. */
  readonly text: string;
}

export async function showPlan(session: Session, { output, timeout }: Options): Promise<void> {
  await session.withStore(async (store) => {
    const intent = { kind: 'plan', args: {}, what: 'make a plan', timeoutS: timeout } as const;
    const plan = (await askDaemon(session, store, intent)) as PlanReport;
    session.print(await renderResult(output, plan, () => drawPlan(plan)));
  });
}

/** Actions under the reasons for them, then what is not done, then when the daemon looks again. */
function drawPlan(plan: PlanReport): string {
  const blocks = [
    drawActions(plan.actions),
    drawRemarks('How missing nodes are divided', plan.shares ?? []),
    drawRemarks('Not done now', plan.notes),
  ];
  if (plan.next_wake_in_seconds !== null) {
    blocks.push(
      `The next look is due in ${formatSeconds(plan.next_wake_in_seconds)}, or as soon as something changes.\n`,
    );
  }
  return blocks.filter((block) => block !== '').join('\n');
}

function drawActions(actions: readonly PlannedAction[]): string {
  if (actions.length === 0) return 'Nothing is to be done now.\n';
  const groups = groupBy(actions, ({ kind, reason }) => `${kind}, because ${explainReason(reason)}:`);
  const drawn = [...groups].map(([heading, group]) =>
    [`  ${heading}`, ...group.map(({ text }) => `    ${text}`)].join('\n'),
  );
  return `To be done now:\n${drawn.join('\n')}\n`;
}

function drawRemarks(heading: string, remarks: readonly Remark[]): string {
  if (remarks.length === 0) return '';
  return `${heading}:\n${remarks.map(({ about, text }) => `  ${about}: ${text}`).join('\n')}\n`;
}

function formatSeconds(seconds: number): string {
  return seconds < 1 ? 'less than a second' : `${Math.round(seconds)} s`;
}
