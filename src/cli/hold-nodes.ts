/** Holding nodes, which keeps them from use and from deletion, and giving them back. */
import type { Clock } from '../lib/clock.ts';
import { NodepoolError } from '../lib/errors.ts';
import { canMoveNode, type NODE_MOVES, type NodeState } from '../lifecycle/node-states.ts';
import type { NodeRecord } from '../lifecycle/records.ts';
import type { NodePatch, Store } from '../store/store.ts';
import { changeRecord, findNode, joinWithOr, MAX_TRIES } from './records.ts';

export interface Holder {
  readonly store: Store;
  readonly clock: Clock;
}

export interface Holding {
  /** null: it stays as it is. */
  readonly comment: string | null;
  /** Epoch milliseconds; null: as it is, which is until somebody gives the node back where it was not held. */
  readonly until: number | null;
}

/** States that the table of moves lets an operator hold a node from. */
type HoldableState = { [S in NodeState]: 'hold' extends keyof (typeof NODE_MOVES)[S] ? S : never }[NodeState];

/** Holds a node. Of one that is held already, what is given changes and nothing else. Throws `not-found` and `refused`. */
export async function holdNode(holder: Holder, id: number, holding: Holding): Promise<NodeRecord> {
  const { store } = holder;
  const attempt = async (node: NodeRecord): Promise<NodeRecord | null> => {
    if (node.state === 'hold') return renewHold(holder, node, holding);
    if (isHoldable(node.state)) return moveToHold(holder, { ...node, state: node.state }, holding);
    throw new NodepoolError('refused', `node ${id} is ${node.state}; only ${describeHoldable()} nodes can be held`);
  };
  return changeRecord({ subject: `node ${id}`, find: () => findNode(store, id), attempt });
}

async function renewHold({ store }: Holder, node: NodeRecord, holding: Holding): Promise<NodeRecord | null> {
  const patch = { ...commentOf(holding), ...endOf(holding) };
  const held = { ...node, ...patch };
  if (held.comment === node.comment && held.holdUntil === node.holdUntil) return node;
  const isPatched = await store.patch('node', node.id, { state: 'hold' }, patch, heldEvent(holding));
  return isPatched ? held : null;
}

async function moveToHold(
  { store, clock }: Holder,
  node: NodeRecord & { state: HoldableState },
  holding: Holding,
): Promise<NodeRecord | null> {
  const { id, state: from } = node;
  const heldFrom = from === 'test' ? null : from;
  const patch = { ...commentOf(holding), holdUntil: holding.until, heldFrom, reason: 'operator' } satisfies NodePatch;
  const isMoved = await store.moveNode({ id, from, to: 'hold', by: 'operator', patch, event: heldEvent(holding) });
  return isMoved ? { ...node, ...patch, state: 'hold', stateAt: clock.now() } : null;
}

function commentOf({ comment }: Holding): { comment?: string } {
  return comment === null ? {} : { comment };
}

function endOf({ until }: Holding): { holdUntil?: number } {
  return until === null ? {} : { holdUntil: until };
}

function heldEvent({ comment, until }: Holding): { kind: string; reason: string; detail: string | null } {
  const end = until === null ? [] : [`until ${new Date(until).toISOString()}`];
  const detail = [...(comment === null ? [] : [comment]), ...end].join(', ');
  return { kind: 'held', reason: 'operator', detail: detail === '' ? null : detail };
}

/**
 * Holds as many READY nodes of a label as are wanted, the oldest first, or none of them. Throws `refused` when there are
 * not so many.
 */
export async function holdAny(
  holder: Holder,
  { label, count }: { label: string; count: number },
  holding: Holding,
): Promise<readonly NodeRecord[]> {
  const held: NodeRecord[] = [];
  // What others take meanwhile is made up for by the next ones.
  for (let tries = 0; tries < MAX_TRIES && held.length < count; tries += 1) {
    const missing = count - held.length;
    const next = (await readyNodes(holder, label)).slice(0, missing);
    if (next.length < missing) break;
    const outcomes = await Promise.all(next.map((node) => moveToHold(holder, node, holding)));
    held.push(...outcomes.filter((node) => node !== null));
  }
  if (held.length === count) return held;
  await Promise.all(held.map(({ id }) => unholdNode(holder, id)));
  throw tooFew(label, count, (await readyNodes(holder, label)).length);
}

function tooFew(label: string, wanted: number, there: number): NodepoolError {
  if (there >= wanted) {
    const text = `nodes of label ${label} are taken by others all the time; try again`;
    return new NodepoolError('refused', text);
  }
  const text =
    there === 0
      ? `no node of label ${label} is ready`
      : `fewer than ${wanted} nodes of label ${label} are ready: ${there}`;
  return new NodepoolError('refused', text);
}

async function readyNodes({ store }: Holder, label: string): Promise<(NodeRecord & { state: 'ready' })[]> {
  const { nodes } = await store.readPool();
  return nodes
    .flatMap((node) => (node.label === label && node.state === 'ready' ? [{ ...node, state: node.state }] : []))
    .toSorted((a, b) => a.id - b.id);
}

/**
 * Ends the holding of a node: it is again what it was, or used where that is not known. Throws `not-found` and
 * `refused`.
 */
export async function unholdNode({ store, clock }: Holder, id: number): Promise<NodeRecord> {
  const patch = {
    heldFrom: null,
    holdUntil: null,
    heldBy: null,
    comment: null,
    reason: 'operator',
  } satisfies NodePatch;
  const event = { kind: 'unheld', reason: 'operator' };
  const attempt = async (node: NodeRecord): Promise<NodeRecord | null> => {
    if (node.state !== 'hold')
      throw new NodepoolError('refused', `node ${id} is ${node.state}; only a held node can be given back`);
    const to = node.heldFrom ?? 'used';
    // A job may begin on it meanwhile.
    const guard = to === 'ready' ? { heldFrom: to } : {};
    const isMoved = await store.moveNode({ id, from: 'hold', to, by: 'operator', guard, patch, event });
    return isMoved ? { ...node, ...patch, state: to, stateAt: clock.now() } : null;
  };
  return changeRecord({ subject: `node ${id}`, find: () => findNode(store, id), attempt });
}

function isHoldable(state: NodeState): state is HoldableState {
  return canMoveNode(state, 'hold');
}

function describeHoldable(): string {
  return joinWithOr((['ready', 'used', 'test'] satisfies HoldableState[]).filter(isHoldable));
}
