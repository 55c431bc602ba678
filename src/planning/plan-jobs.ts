/** Plans nodes on which a job has ended: some are held, the others go. */
import { groupBy } from '../lib/group-by.ts';
import { CLOCK_DIFFERENCE_MS, JOB_END_DELAY_MS } from '../lifecycle/limits.ts';
import type { JobRecord, NodeRecord } from '../lifecycle/records.ts';
import type { Reason } from './actions.ts';
import type { Draft } from './draft.ts';

/** Why the use of a node is over, so that it has to go; null: it is not, or the node is to be held, which is ordered here. */
export function planUseEnd(draft: Draft, node: NodeRecord): Reason | null {
  const { jobDoneAt, requestId } = node;
  if (jobDoneAt !== null) return planJobEnd(draft, { ...node, jobDoneAt });
  return requestId !== null && draft.request(requestId) === null ? 'lease-lost' : null;
}

/**
 * Until some time after the end of a job Jenkins may still want to fetch what it has printed. A request that ends says
 * itself that it is done.
 */
function planJobEnd(draft: Draft, node: NodeRecord & { readonly jobDoneAt: number }): Reason | null {
  const { id, jobDoneAt, requestId, jobResult } = node;
  const rule = findHolds(draft).get(id);
  if (rule !== undefined) {
    draft.order({ kind: 'hold-node', subject: `node:${id}`, reason: 'auto-hold', nodeId: id, jobId: rule.id });
    return null;
  }
  const { now } = draft.world;
  const goesAt = requestId === null ? jobDoneAt + JOB_END_DELAY_MS : jobDoneAt;
  // What ended "in the future" ended before the clock was set back.
  if (now >= goesAt || jobDoneAt > now + CLOCK_DIFFERENCE_MS) return isFailure(jobResult) ? 'job-failed' : 'job-ended';
  draft.wakeAt(goesAt);
  return null;
}

/** Jenkins' words for the end of a build; one that nobody knows is none. */
function isFailure(result: string | null): boolean {
  return result !== null && result !== 'SUCCESS';
}

const holdsOf = new WeakMap<Draft, ReadonlyMap<number, JobRecord>>();

/**
 * The rule that holds each node on which a job has failed. Who comes first is the same for all daemons, whatever part of
 * the nodes they act on: so together they hold no more than a rule wants.
 */
function findHolds(draft: Draft): ReadonlyMap<number, JobRecord> {
  let holds = holdsOf.get(draft);
  if (holds === undefined) holdsOf.set(draft, (holds = chooseHolds(draft)));
  return holds;
}

function chooseHolds({ world: { nodes, jobs, now } }: Draft): ReadonlyMap<number, JobRecord> {
  const rules = jobs.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  const holds = new Map<number, JobRecord>();
  if (rules.length === 0) return holds;
  const held = groupBy(
    nodes.filter(({ state }) => state === 'hold'),
    ({ heldBy }) => heldBy,
  );
  const left = new Map(rules.map(({ id, holdOnFailure }) => [id, holdOnFailure - (held.get(id)?.length ?? 0)]));
  for (const node of failedNodes(nodes)) {
    const rule = rules.find((candidate) => wants(candidate, node) && (left.get(candidate.id) ?? 0) > 0);
    if (rule === undefined) continue;
    holds.set(node.id, rule);
    left.set(rule.id, (left.get(rule.id) ?? 0) - 1);
  }
  return holds;
}

/** Nodes on which a job has failed, in the order of its ends. */
function failedNodes(nodes: readonly NodeRecord[]): readonly NodeRecord[] {
  return nodes
    .flatMap((node) => {
      const { state, stateAt, reason, jobDoneAt, jobResult } = node;
      if (state !== 'used' || jobDoneAt === null || !isFailure(jobResult)) return [];
      // It was held after its job had ended, and an operator has given it back.
      return reason === 'operator' && stateAt > jobDoneAt ? [] : [{ ...node, jobDoneAt }];
    })
    .sort((a, b) => a.jobDoneAt - b.jobDoneAt || a.id - b.id);
}

function wants({ name, label }: JobRecord, node: NodeRecord): boolean {
  return (name === '*' || name === node.jobName) && (label === null || label === node.label);
}
