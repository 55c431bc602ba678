import type { Clock } from '../../lib/clock.ts';
import { NodepoolError } from '../../lib/errors.ts';
import { canMoveNode, type NODE_MOVES, type NodeState } from '../../lifecycle/node-states.ts';
import type { NodeRecord } from '../../lifecycle/records.ts';
import type { NodePatch, Store } from '../../store/store.ts';
import { nodeColumns } from '../columns.ts';
import type { OutputOptions } from '../options.ts';
import { renderListing } from '../output/listing.ts';
import { changeRecord, findNode, joinWithOr } from '../records.ts';
import type { Session } from '../session.ts';

export interface HoldOptions extends OutputOptions {
  readonly reason?: string;
}

interface Handles {
  readonly store: Store;
  readonly clock: Clock;
}

/** States that the table of moves lets an operator hold a node from. */
type HoldableState = { [S in NodeState]: 'hold' extends keyof (typeof NODE_MOVES)[S] ? S : never }[NodeState];

export async function hold(session: Session, id: number, options: HoldOptions): Promise<void> {
  await change(session, options, (handles) => holdNode(handles, id, options.reason ?? null));
}

export async function unhold(session: Session, id: number, options: OutputOptions): Promise<void> {
  await change(session, options, (handles) => unholdNode(handles, id));
}

async function change(
  session: Session,
  { output }: OutputOptions,
  work: (handles: Handles) => Promise<NodeRecord>,
): Promise<void> {
  await session.withStore(async (store) => {
    const { clock } = session.context;
    const node = await work({ store, clock });
    session.print(await renderListing(output, nodeColumns(clock.now()), [node]));
  });
}

/** Holds a node. One that is held already only gets the new reason. */
async function holdNode({ store, clock }: Handles, id: number, reason: string | null): Promise<NodeRecord> {
  const comment = reason === null ? {} : { comment: reason };
  const event = { kind: 'held', reason: 'operator', detail: reason };
  const attempt = async (node: NodeRecord): Promise<NodeRecord | null> => {
    const from = node.state;
    if (from === 'hold') {
      if (reason !== null && !(await store.patch('node', id, { state: from }, comment, event))) return null;
      return { ...node, ...comment };
    }
    if (!isHoldable(from))
      throw new NodepoolError('refused', `node ${id} is ${from}; only ${describeHoldable()} nodes can be held`);
    const patch = { ...comment, heldFrom: from === 'test' ? null : from, reason: 'operator' } satisfies NodePatch;
    const isMoved = await store.moveNode({ id, from, to: 'hold', by: 'operator', patch, event });
    return isMoved ? { ...node, ...patch, state: 'hold', stateAt: clock.now() } : null;
  };
  return changeRecord({
    subject: `node ${id}`,
    record: await findNode(store, id),
    find: () => findNode(store, id),
    attempt,
  });
}

/** Ends the holding of a node: it is again what it was, or used where that is not known. */
async function unholdNode({ store, clock }: Handles, id: number): Promise<NodeRecord> {
  const patch = { heldFrom: null, comment: null, reason: 'operator' } satisfies NodePatch;
  const attempt = async (node: NodeRecord): Promise<NodeRecord | null> => {
    if (node.state !== 'hold')
      throw new NodepoolError('refused', `node ${id} is ${node.state}; only a held node can be given back`);
    const to = node.heldFrom ?? 'used';
    const isMoved = await store.moveNode({
      id,
      from: 'hold',
      to,
      by: 'operator',
      patch,
      event: { kind: 'unheld', reason: 'operator' },
    });
    return isMoved ? { ...node, ...patch, state: to, stateAt: clock.now() } : null;
  };
  return changeRecord({
    subject: `node ${id}`,
    record: await findNode(store, id),
    find: () => findNode(store, id),
    attempt,
  });
}

function isHoldable(state: NodeState): state is HoldableState {
  return canMoveNode(state, 'hold');
}

function describeHoldable(): string {
  return joinWithOr((['ready', 'used', 'test'] satisfies HoldableState[]).filter(isHoldable));
}
