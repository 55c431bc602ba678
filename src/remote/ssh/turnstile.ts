import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Lets callers pass in their order, `atOnce` in each turn of the event loop: what many start in the same moment does
 * not hold up everybody else.
 */
export function createTurnstile(atOnce: number): () => Promise<void> {
  let turn = Promise.resolve();
  let callers = 0;
  return () => {
    callers += 1;
    if (callers % atOnce === 0) turn = turn.then(() => nextTurn());
    return turn;
  };
}
