/** What follows from jobs on nodes: holding one on which a job has failed, and what only Jenkins could tell. */
import type { ActionOf } from '../planning/actions.ts';
import { findNode, type ActionContext } from './context.ts';

export async function holdNode(
  { nodeId, jobId, reason }: ActionOf<'hold-node'>,
  context: ActionContext,
): Promise<void> {
  const { store, clock, world, log } = context;
  const { jobName, label, provider } = findNode(context, nodeId);
  const rule = world.jobs.find(({ id }) => id === jobId);
  if (rule === undefined) return;
  const comment = `${rule.reason ?? 'automatic hold'}: ${jobName ?? 'a job'} failed`;
  const holdUntil = rule.holdMs === null ? null : clock.now() + rule.holdMs;
  const patch = { heldFrom: 'used' as const, heldBy: jobId, holdUntil, comment, reason };
  const event = { kind: 'held', reason, detail: comment };
  if (await store.moveNode({ id: nodeId, from: 'used', to: 'hold', by: 'cleanup', patch, event }))
    log.info({ node: nodeId, provider, label, job: jobName }, 'node held');
}

export async function noteJob({ nodeId, seen, reason }: ActionOf<'note-job'>, context: ActionContext): Promise<void> {
  const { store, clock } = context;
  if (seen === 'started') {
    const event = { kind: 'job-started', reason, detail: null };
    const { state } = findNode(context, nodeId);
    if (state === 'hold') await store.patch('node', nodeId, { state, heldFrom: 'ready' }, { heldFrom: 'used' }, event);
    else await store.moveNode({ id: nodeId, from: 'ready', to: 'used', by: 'event', patch: { reason: null }, event });
    return;
  }
  const event = { kind: 'job-ended', reason, detail: null };
  await store.patch('node', nodeId, { state: 'used', jobDoneAt: null }, { jobDoneAt: clock.now() }, event);
}
