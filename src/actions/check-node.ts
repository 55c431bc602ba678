import { describeError, isNodepoolError } from '../lib/errors.ts';
import { CHECK_REPEAT_MS } from '../lifecycle/limits.ts';
import type { ActionOf } from '../planning/actions.ts';
import { findNode, type ActionContext, type Rest } from './context.ts';
import { loginTo } from './prepare-node.ts';
import { probe, UNANSWERED } from './probe.ts';
import { failSlot } from './retire.ts';

/** Whether a ready node still lets us in. It counts failures; what follows from them the planner decides. */
export async function checkNode(
  { nodeId }: ActionOf<'check-node'>,
  context: ActionContext,
  signal: AbortSignal,
): Promise<Rest | void> {
  const node = findNode(context, nodeId);
  const { store, clock, world } = context;
  try {
    await probe(context, node.provider, loginTo(context, node, node), signal);
    await store.patch('node', nodeId, { state: 'ready' }, { checkedAt: clock.now(), checkFailures: 0 });
  } catch (error) {
    if (!isNodepoolError(error, ...UNANSWERED, 'host-key-changed')) throw error;
    if (error.code === 'host-key-changed' && world.switches.deletes) {
      const slot = { kind: 'node', id: nodeId, provider: node.provider, key: '' } as const;
      return failSlot(context, slot, { reason: error.code, error, counts: false, signal });
    }
    const event = { kind: 'check-failed', reason: 'check-due', detail: describeError(error) };
    await store.patch('node', nodeId, { state: 'ready' }, { checkFailures: node.checkFailures + 1 }, event);
    return { restMs: CHECK_REPEAT_MS };
  }
}
