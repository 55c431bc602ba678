/** Rules that hold nodes on which jobs fail. Who applies them is the planner. */
import { NodepoolError } from '../../lib/errors.ts';
import type { JobRecord, NodeRecord } from '../../lifecycle/records.ts';
import type { Store } from '../../store/store.ts';
import { requireLabel } from '../labels.ts';
import type { OutputOptions } from '../options.ts';
import { renderListing, type Column } from '../output/listing.ts';
import { formatTime } from '../output/time.ts';
import { joinWithOr } from '../records.ts';
import { requireLine } from '../require-line.ts';
import type { Session } from '../session.ts';

export interface JobOptions extends OutputOptions {
  /** Without it the job is listed, and its nodes are never held, as in the original. */
  readonly holdOnFailure: number;
  readonly label?: string;
  readonly reason?: string;
  /** How long each node is held, in milliseconds. */
  readonly for?: number;
  /** How long the rule lasts, in milliseconds. */
  readonly until?: number;
}

export async function listJobs(session: Session, { output }: OutputOptions): Promise<void> {
  await session.withStore((store) => printJobs(session, store, output));
}

export async function createJob(session: Session, name: string, options: JobOptions): Promise<void> {
  const { holdOnFailure, label = null, reason = null, for: holdMs = null, until, output } = options;
  requireLine('the name of a job', name);
  requireLine('the reason', reason);
  if (label !== null) requireLabel(await session.loadConfig(), label);
  const expiresAt = until === undefined ? null : session.context.clock.now() + until;
  await session.withNewStore(async (store) => {
    await store.jobs.add({ name, label, holdOnFailure, reason, holdMs, expiresAt });
    await printJobs(session, store, output);
  });
}

/** Deletes what there is of the rules, and then tells what there is not. Nodes that they hold stay held. */
export async function deleteJobs(session: Session, ids: readonly number[]): Promise<void> {
  await session.withStore(async (store) => {
    const isRemoved = await Promise.all(ids.map((id) => store.jobs.remove(id)));
    const unknown = ids.filter((_, index) => !isRemoved[index]);
    if (unknown.length > 0) throw new NodepoolError('not-found', `there is no job ${joinWithOr(unknown)}`);
  });
}

async function printJobs(session: Session, store: Store, output: OutputOptions['output']): Promise<void> {
  const { jobs, nodes } = await store.readPool();
  session.print(await renderListing(output, jobColumns(nodes), jobs));
}

/** The columns of the original first, then new ones. */
function jobColumns(nodes: readonly NodeRecord[]): readonly Column<JobRecord>[] {
  const held = nodes.filter(({ state }) => state === 'hold').map(({ heldBy }) => heldBy);
  return [
    { title: 'ID', key: 'id', value: ({ id }) => id },
    { title: 'Name', key: 'name', value: ({ name }) => name },
    { title: 'Hold on Failure', key: 'hold_on_failure', value: ({ holdOnFailure }) => holdOnFailure },
    { title: 'Held now', key: 'held', value: ({ id }) => held.filter((rule) => rule === id).length },
    { title: 'Label', key: 'label', value: ({ label }) => label },
    { title: 'Reason', key: 'reason', value: ({ reason }) => reason },
    { title: 'Held for', key: 'hold_for', unit: 'age', value: ({ holdMs }) => holdMs && Math.floor(holdMs / 1000) },
    { title: 'Until', key: 'until', value: ({ expiresAt }) => formatTime(expiresAt) },
  ];
}
