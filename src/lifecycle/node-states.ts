/**
 * States of a node, their classic codes, and the allowed moves with who may make them. The diagram in
 * `src/README.md`, the types of `store.moveNode` and the tests follow from this table.
 */

/** Integer codes as the original stores them; the same for all tables. */
export const STATE_CODES = { building: 1, ready: 2, used: 3, delete: 4, hold: 5, test: 6 } as const;

export type NodeState = keyof typeof STATE_CODES;
export type SubnodeState = 'building' | 'ready' | 'delete';

/** `launch`: the launch sequence; `event`: news of a job or a request; `operator`: the command line; `any`: each of these and the clean-up. */
export type Mover = 'launch' | 'event' | 'operator' | 'any';

export const NODE_MOVES = {
  building: { ready: 'launch', test: 'launch', delete: 'any' },
  test: { ready: 'event', hold: 'operator', delete: 'any' },
  ready: { used: 'event', hold: 'operator', delete: 'any' },
  used: { hold: 'any', delete: 'any' },
  hold: { ready: 'operator', used: 'operator', delete: 'any' },
  delete: {},
} as const satisfies Record<NodeState, Partial<Record<NodeState, Mover>>>;

/** States that `From` can move to. */
export type NodeMove<From extends NodeState> = keyof (typeof NODE_MOVES)[From] & NodeState;

/** Whether the table allows the move; for input that the type checker has not seen. */
export function canMoveNode(from: NodeState, to: NodeState): boolean {
  return to in NODE_MOVES[from];
}

const STATE_NAMES = new Map<number, NodeState>(
  Object.entries(STATE_CODES).map(([name, code]) => [code, name as NodeState]),
);

/** The state of a stored code; null for a code that no version of Nodepool has written. */
export function stateFromCode(code: number): NodeState | null {
  return STATE_NAMES.get(code) ?? null;
}
