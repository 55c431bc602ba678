/**
 * How many nodes the jobs in Gearman's queues ask for. Zuul and the Gearman plugin of Jenkins name the function of a job
 * `build:JOB:LABEL`, or `build:JOB` where any node will do that the job runs on.
 */
import type { FunctionStatus } from '../gearman/status.ts';

const PREFIX = 'build:';

/**
 * Nodes wanted per label, by the rules of the original. All jobs count, also those that are being worked on: the nodes
 * that these occupy are counted as supply. A job without a label counts for the first label that any server shows for
 * a job of that name; while there is none, no node could take it. Only labels of the configuration count.
 *
 * @param tables what the servers answered, in the order of the configuration
 */
export function countQueueDemand(
  tables: readonly (readonly FunctionStatus[])[],
  labels: Pick<ReadonlyMap<string, unknown>, 'has'>,
): ReadonlyMap<string, number> {
  const demand = new Map<string, number>();
  const firstLabels = new Map<string, string>();
  const unlabelled: { readonly job: string; readonly jobs: number }[] = [];
  for (const { name, jobs } of tables.flat()) {
    if (!name.startsWith(PREFIX)) continue;
    const { job, label } = parseFunction(name.slice(PREFIX.length));
    if (label === null) {
      unlabelled.push({ job, jobs: jobs ?? 0 });
    } else if (labels.has(label)) {
      if (!firstLabels.has(job)) firstLabels.set(job, label);
      add(demand, label, jobs ?? 0);
    }
  }
  for (const { job, jobs } of unlabelled) {
    const label = firstLabels.get(job);
    if (label !== undefined) add(demand, label, jobs);
  }
  return demand;
}

/** The first function that asks for nodes but of which the server gave no number of jobs; null: there is none. */
export function findUncounted(table: readonly FunctionStatus[]): string | null {
  return table.find(({ name, jobs }) => jobs === null && name.startsWith(PREFIX))?.name ?? null;
}

/** Names of jobs may hold blanks and colons: the last part is the label, and the one before it is what jobs go by. */
function parseFunction(rest: string): { readonly job: string; readonly label: string | null } {
  const parts = rest.split(':');
  const last = parts.at(-1) ?? '';
  const job = parts.at(-2);
  return job === undefined ? { job: last, label: null } : { job, label: last };
}

function add(demand: Map<string, number>, label: string, jobs: number): void {
  if (jobs > 0) demand.set(label, (demand.get(label) ?? 0) + jobs);
}
