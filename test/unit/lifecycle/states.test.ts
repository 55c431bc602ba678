import { describe, expect, it } from 'vitest';
import { IMAGE_MOVES } from '../../../src/lifecycle/image-states.ts';
import {
  canMoveNode,
  NODE_MOVES,
  STATE_CODES,
  stateFromCode,
  type NodeState,
} from '../../../src/lifecycle/node-states.ts';

const STATES = Object.keys(STATE_CODES) as NodeState[];

describe('the moves of a node', () => {
  it('are those of the table and no others', () => {
    const moves = STATES.flatMap((from) => STATES.filter((to) => canMoveNode(from, to)).map((to) => `${from} > ${to}`));
    expect(moves).toEqual([
      'building > ready',
      'building > delete',
      'building > test',
      'ready > used',
      'ready > delete',
      'ready > hold',
      'used > delete',
      'used > hold',
      'hold > ready',
      'hold > used',
      'hold > delete',
      'test > ready',
      'test > delete',
      'test > hold',
    ]);
  });

  it('out of hold are the operator’s alone, but that its time may run out', () => {
    expect(NODE_MOVES.hold).toEqual({ ready: 'operator', used: 'operator', delete: 'any' });
  });

  it('do not lead out of delete, for nodes and images alike', () => {
    expect([NODE_MOVES.delete, IMAGE_MOVES.delete]).toEqual([{}, {}]);
  });
});

describe('the codes of states', () => {
  it('are read back as the states they stand for', () => {
    expect(STATES.map((state) => stateFromCode(STATE_CODES[state]))).toEqual(STATES);
  });

  it('are nothing when no version has written them', () => {
    expect([0, 7, -1, 1.5].map(stateFromCode)).toEqual([null, null, null, null]);
  });
});
