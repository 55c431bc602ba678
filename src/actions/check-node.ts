import { describeError, isNodepoolError, type NodepoolError } from '../lib/errors.ts';
import { CHECK_REPEAT_MS } from '../lifecycle/limits.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { ActionOf } from '../planning/actions.ts';
import { nodeSlot } from '../planning/plan-slot.ts';
import { findNode, type ActionContext, type Rest } from './context.ts';
import { loginTo } from './prepare-node.ts';
import { probe, UNANSWERED } from './probe.ts';
import { failSlot } from './retire.ts';

/** A private key that cannot be used says nothing about the node: it is checked again when the check is due again. */
async function postponeCheck({ store, clock }: ActionContext, { id }: NodeRecord, error: NodepoolError): Promise<void> {
  const event = { kind: 'check-failed', reason: 'check-due', detail: describeError(error) };
  await store.patch('node', id, { state: 'ready' }, { checkedAt: clock.now(), checkFailures: 0 }, event);
}

/** Whether a ready node still lets us in. It counts failures; what follows from them the planner decides. */
export async function checkNode(
  { nodeId }: ActionOf<'check-node'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const node = findNode(context, nodeId);
  const { store, clock, world } = context;
  try {
    const { hostKey } = await probe(context, node.provider, loginTo(context, node, node), signal);
    // Another version of the program may have launched it: then this is the first login that is known.
    await store.patch('node', nodeId, { state: 'ready' }, { checkedAt: clock.now(), checkFailures: 0, hostKey });
  } catch (error) {
    if (!isNodepoolError(error, ...UNANSWERED, 'host-key-changed', 'config')) throw error;
    if (error.code === 'config') return postponeCheck(context, node, error);
    if (error.code === 'host-key-changed' && world.switches.deletes) {
      return failSlot(context, nodeSlot(node).ref, { reason: error.code, error, counts: false, signal });
    }
    const event = { kind: 'check-failed', reason: 'check-due', detail: describeError(error) };
    await store.patch('node', nodeId, { state: 'ready' }, { checkFailures: node.checkFailures + 1 }, event);
    return { restMs: CHECK_REPEAT_MS };
  }
}
