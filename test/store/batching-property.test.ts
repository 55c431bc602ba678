/** Whatever writes come together in whatever turns: the answers and the rows are as if they had come one by one. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NODE_MOVES, type NodeState } from '../../src/lifecycle/node-states.ts';
import type { Store } from '../../src/store/store.ts';
import { openFreshStore, type OpenedStore } from '../support/with-database.ts';
import { aNewNode, launch } from './harness.ts';

const NODES = 4;
const STATES = Object.keys(NODE_MOVES) as NodeState[];

type Command =
  | { kind: 'move'; node: number; from: NodeState; to: NodeState }
  | { kind: 'patch'; node: number; state: NodeState | null; comment: string | null; ip: string | null }
  | { kind: 'attempt'; node: number; attempt: number }
  | { kind: 'remove'; node: number }
  /** Lets what was sent so far begin. */
  | { kind: 'turn' };

interface ModelNode {
  state: NodeState;
  comment: string | null;
  ip: string | null;
  attempt: number;
  events: string[];
}

const node = fc.nat({ max: NODES - 1 });
const state = fc.constantFrom(...STATES);
const text = fc.option(fc.constantFrom('a', 'b', ''), { nil: null });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc
    .record({ kind: fc.constant('move' as const), node, from: state, to: state })
    .filter(({ from, to }) => to in NODE_MOVES[from]),
  fc.record({
    kind: fc.constant('patch' as const),
    node,
    state: fc.option(state, { nil: null }),
    comment: text,
    ip: text,
  }),
  fc.record({ kind: fc.constant('attempt' as const), node, attempt: fc.nat({ max: 2 }) }),
  fc.record({ kind: fc.constant('remove' as const), node }),
  fc.record({ kind: fc.constant('turn' as const) }),
);

/** The same on plain objects, one after the other. Answers whether the command wins. */
function apply(model: (ModelNode | null)[], step: Exclude<Command, { kind: 'turn' }>, index: number): boolean {
  const row = model[step.node];
  if (!row) return false;
  switch (step.kind) {
    case 'move':
      if (row.state !== step.from) return false;
      row.state = step.to;
      break;
    case 'patch':
      if (step.state !== null && row.state !== step.state) return false;
      Object.assign(row, { comment: step.comment, ip: step.ip });
      break;
    case 'attempt':
      if (row.state !== 'building' || row.attempt !== step.attempt) return false;
      row.attempt += 1;
      return true;
    case 'remove':
      if (row.state !== 'delete') return false;
      model[step.node] = null;
  }
  row.events.push(`event ${index}`);
  return true;
}

function send(store: Store, id: number, step: Exclude<Command, { kind: 'turn' }>, index: number): Promise<boolean> {
  const event = { kind: `event ${index}`, reason: null };
  switch (step.kind) {
    case 'move': {
      const { from, to } = step;
      const mover = (NODE_MOVES[from] as Record<string, string>)[to];
      const by = mover === 'any' ? 'cleanup' : (mover as 'launch' | 'event' | 'operator');
      // Any pair of states that the table allows.
      return store.moveNode({ id, from, to: to as never, by, event });
    }
    case 'patch':
      return store.patch(
        'node',
        id,
        step.state === null ? {} : { state: step.state },
        { comment: step.comment, ip: step.ip },
        event,
      );
    case 'attempt':
      return store.recordAttempt({ kind: 'node', id }, step.attempt, {});
    case 'remove':
      return store.removeNode(id, event);
  }
}

let opened: OpenedStore;
beforeAll(async () => {
  opened = await openFreshStore('SQLite');
});
afterAll(() => opened.close());

it('writes have the effect and the answers that they would have one by one', async () => {
  const { store, wipe } = opened;
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      await wipe();
      const nodes = await launch(store, ...Array.from({ length: NODES }, () => aNewNode()));
      const model: (ModelNode | null)[] = nodes.map(() => ({
        state: 'building',
        comment: null,
        ip: null,
        attempt: 0,
        events: ['launch'],
      }));
      const histories = model.map((row) => row!.events);
      const expected: boolean[] = [];
      const answers: Promise<boolean>[] = [];
      for (const [index, step] of commands.entries()) {
        if (step.kind === 'turn') {
          await nextTurn();
          continue;
        }
        expected.push(apply(model, step, index));
        answers.push(send(store, nodes[step.node]!.id, step, index));
      }
      expect(await Promise.all(answers)).toEqual(expected);
      const left = new Map((await store.readPool()).nodes.map((row) => [row.id, row]));
      for (const [index, { id }] of nodes.entries()) {
        const row = left.get(id);
        const events = (await store.events.of('node', id)).map(({ kind }) => kind);
        expect(events).toEqual(histories[index]);
        const seen = row ? { state: row.state, comment: row.comment, ip: row.ip, attempt: row.attempt, events } : null;
        expect(seen).toEqual(model[index]);
      }
    }),
    { numRuns: 100 },
  );
});
