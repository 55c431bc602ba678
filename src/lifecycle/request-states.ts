/** States of a request for nodes, their codes, and the allowed moves. */

export const REQUEST_STATE_CODES = { waiting: 1, granted: 2, ended: 3 } as const;

export type RequestState = keyof typeof REQUEST_STATE_CODES;

/** `grant`: all of its nodes are given to it in one transaction; `any`: whoever made it, an operator, or the clean-up. */
export const REQUEST_MOVES = {
  waiting: { granted: 'grant', ended: 'any' },
  granted: { ended: 'any' },
  ended: {},
} as const satisfies Record<RequestState, Partial<Record<RequestState, 'grant' | 'any'>>>;

const NAMES = new Map<number, RequestState>(
  Object.entries(REQUEST_STATE_CODES).map(([name, code]) => [code, name as RequestState]),
);

/** The state of a stored code; null for a code that this version does not write. */
export function requestStateFromCode(code: number): RequestState | null {
  return NAMES.get(code) ?? null;
}

/** One step of priority is worth so much waiting, in milliseconds. */
const PRIORITY_STEP_MS = 600_000;

/**
 * The place of a request among those for the same label: lower goes first. A request goes ahead of older ones by ten
 * minutes for each step of its priority, and never by more; so whatever else is asked for, each one's turn comes.
 * @param createdAt epoch milliseconds, as is the result
 */
export function requestRank(createdAt: number, priority: number): number {
  return createdAt - priority * PRIORITY_STEP_MS;
}
