import { describe, expect, it } from 'vitest';
import { IMAGE_MOVES, type ImageState } from '../../src/lifecycle/image-states.ts';
import { NODE_MOVES, STATE_CODES, type NodeState } from '../../src/lifecycle/node-states.ts';
import type { Actor, Store } from '../../src/store/store.ts';
import { DATABASES } from '../support/with-database.ts';
import { launchOne, nodeNow, NOW_SECONDS, query, useStore, type StoreTest } from './harness.ts';

const ACTORS: readonly Actor[] = ['launch', 'event', 'operator', 'cleanup'];
const STATES = Object.keys(NODE_MOVES) as NodeState[];
const IMAGE_STATES = Object.keys(IMAGE_MOVES) as ImageState[];

interface Case {
  readonly from: string;
  readonly to: string;
  readonly by: Actor;
}

function cases(moves: Record<string, Record<string, string>>, isLegal: boolean): Case[] {
  const states = Object.keys(moves);
  const all = states.flatMap((from) => states.flatMap((to) => ACTORS.map((by) => ({ from, to, by }))));
  return all.filter(({ from, to, by }) => ['any', by].includes(moves[from]?.[to] ?? 'nobody') === isLegal);
}

async function nodeIn(test: StoreTest, state: NodeState): Promise<number> {
  const { id } = await launchOne(test.store);
  await query(test.knex, 'UPDATE node SET state = ?, state_time = 1 WHERE id = ?', [STATE_CODES[state], id]);
  return id;
}

async function imageIn(test: StoreTest, state: ImageState): Promise<number> {
  const id = await test.store.createImage({
    provider: 'p',
    image: 'i',
    hostname: 'h',
    version: 1,
    reason: 'image-missing',
  });
  await query(test.knex, 'UPDATE snapshot_image SET state = ?, state_time = 1 WHERE id = ?', [STATE_CODES[state], id]);
  return id!;
}

// The tests walk over the tables, which the type checker would otherwise stop at the illegal moves.
type AnyMove = (move: { id: number } & Case) => Promise<boolean>;
const moveNode = (store: Store): AnyMove => store.moveNode as unknown as AnyMove;
const moveImage = (store: Store): AnyMove => store.moveImage as unknown as AnyMove;

describe.each(DATABASES)('moves on %s', (kind) => {
  const test = useStore(kind);

  it.each(cases(NODE_MOVES, true))('a node moves from $from to $to by $by', async (move) => {
    const id = await nodeIn(test, move.from as NodeState);
    expect(await moveNode(test.store)({ id, ...move })).toBe(true);
    expect(await nodeNow(test.store, id)).toMatchObject({ state: move.to, stateAt: NOW_SECONDS * 1000 });
  });

  it('no other move of a node is accepted, and none reaches the database', async () => {
    const id = await nodeIn(test, 'ready');
    for (const move of cases(NODE_MOVES, false)) {
      expect(() => moveNode(test.store)({ id, ...move }), JSON.stringify(move)).toThrow(/cannot move from/);
    }
    expect(await nodeNow(test.store, id)).toMatchObject({ state: 'ready', stateAt: 1000 });
  });

  it('a move from a state that the node has left loses', async () => {
    for (const state of STATES.filter((other) => other !== 'ready')) {
      const id = await nodeIn(test, state);
      expect(await test.store.moveNode({ id, from: 'ready', to: 'delete', by: 'operator' })).toBe(false);
      expect(await nodeNow(test.store, id)).toMatchObject({ state, stateAt: 1000 });
    }
  });

  it('a held node whose hold was extended in between stays', async () => {
    const id = await nodeIn(test, 'ready');
    await test.store.moveNode({ id, from: 'ready', to: 'hold', by: 'operator', patch: { holdUntil: 5000 } });
    await test.store.patch('node', id, {}, { holdUntil: 9000 });
    const end = { id, from: 'hold', to: 'delete', by: 'cleanup' } as const;
    expect(await test.store.moveNode({ ...end, guard: { holdUntil: 5000 } })).toBe(false);
    expect(await test.store.moveNode({ ...end, guard: { holdUntil: 9000 } })).toBe(true);
  });

  it('what must happen once is claimed by who comes first', async () => {
    const [node, image] = [await nodeIn(test, 'building'), await imageIn(test, 'building')];
    const { patch } = test.store;
    const claim = async (at: number): Promise<boolean[]> => [
      await patch('node', node, { registerAt: null }, { registerAt: at }),
      await patch('node', node, { scriptAt: null }, { scriptAt: at }),
      await patch('image', image, { setupAt: null }, { setupAt: at }),
    ];
    expect([await claim(1), await claim(2)]).toEqual([
      [true, true, true],
      [false, false, false],
    ]);
    expect(await nodeNow(test.store, node)).toMatchObject({ registerAt: 1, scriptAt: 1 });
    // What is read may be claimed anew.
    expect(await patch('node', node, { registerAt: 1 }, { registerAt: 3 })).toBe(true);
  });

  it('a node that was READY when it was held is that once', async () => {
    const id = await nodeIn(test, 'ready');
    await test.store.moveNode({ id, from: 'ready', to: 'hold', by: 'operator', patch: { heldFrom: 'ready' } });
    const use = () => test.store.patch('node', id, { state: 'hold', heldFrom: 'ready' }, { heldFrom: 'used' });
    expect([await use(), await use()]).toEqual([true, false]);
  });

  it('a guard of a fact that the row cannot have is a mistake, and no guard that always holds', async () => {
    const id = await imageIn(test, 'building');
    // @ts-expect-error -- no image has it
    const mistaken = async () => test.store.patch('image', id, { scriptAt: null }, { setupAt: 1 });
    await expect(mistaken()).rejects.toThrow('records of the kind image have no scriptAt');
  });

  it('a fact that the row cannot have is a mistake, too, and is not lost without a word', async () => {
    const id = await imageIn(test, 'building');
    // @ts-expect-error -- only nodes have a name at their target
    const mistaken = async () => test.store.patch('image', id, {}, { setupAt: 1, nodename: 'n1' });
    await expect(mistaken()).rejects.toThrow('records of the kind image have no nodename');
    expect((await test.store.readPool()).images).toMatchObject([{ id, setupAt: null }]);
  });

  it.each(cases(IMAGE_MOVES, true))('an image moves from $from to $to by $by', async (move) => {
    const id = await imageIn(test, move.from as ImageState);
    expect(await moveImage(test.store)({ id, ...move })).toBe(true);
    expect((await test.store.readPool()).images).toMatchObject([{ id, state: move.to, stateAt: NOW_SECONDS * 1000 }]);
  });

  it('no other move of an image is accepted', async () => {
    const id = await imageIn(test, 'ready');
    for (const move of cases(IMAGE_MOVES, false)) {
      expect(() => moveImage(test.store)({ id, ...move }), JSON.stringify(move)).toThrow(/cannot move from/);
    }
    expect((await test.store.readPool()).images).toMatchObject([{ state: 'ready' }]);
  });

  it('a node is removed in state DELETE, with its subnodes', async () => {
    const { id } = await launchOne(test.store, { subnodes: 2 });
    const kept = await launchOne(test.store, { subnodes: 1 });
    await test.store.moveNode({ id, from: 'building', to: 'delete', by: 'operator' });
    expect(await test.store.removeNode(id, { kind: 'gone', reason: 'gone' })).toBe(true);
    expect(await query(test.knex, 'SELECT node_id FROM subnode')).toMatchObject([{ node_id: kept.id }]);
  });

  it.each(STATES.filter((state) => state !== 'delete'))('a node in state %s is not removed', async (state) => {
    const id = await nodeIn(test, state);
    expect(await test.store.removeNode(id, { kind: 'gone', reason: 'gone' })).toBe(false);
    expect(await nodeNow(test.store, id)).not.toBeNull();
    expect(await test.store.events.of('node', id)).toMatchObject([{ kind: 'launch' }]);
  });

  it.each(IMAGE_STATES)('an image is removed in state DELETE only: in %s', async (state) => {
    const id = await imageIn(test, state);
    expect(await test.store.removeImage(id, { kind: 'gone', reason: 'gone' })).toBe(state === 'delete');
    expect((await test.store.readPool()).images).toHaveLength(state === 'delete' ? 0 : 1);
  });

  it('an attempt is recorded once for each number', async () => {
    const { id } = await launchOne(test.store);
    const slot = { kind: 'node', id } as const;
    const attempts = [
      test.store.recordAttempt(slot, 0, { hostname: 'a' }),
      test.another().recordAttempt(slot, 0, { hostname: 'a' }),
    ];
    expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(1);
    expect(await nodeNow(test.store, id)).toMatchObject({ attempt: 1, attemptAt: test.clock.now(), hostname: 'a' });
    expect(await test.store.recordAttempt(slot, 1, {})).toBe(true);
    expect(await nodeNow(test.store, id)).toMatchObject({ attempt: 2 });
  });

  it('an attempt for a node that is being deleted loses', async () => {
    const { id } = await launchOne(test.store);
    await test.store.moveNode({ id, from: 'building', to: 'delete', by: 'operator' });
    expect(await test.store.recordAttempt({ kind: 'node', id }, 0, {})).toBe(false);
  });

  it('an attempt for a subnode needs its node to be BUILDING', async () => {
    const node = await launchOne(test.store, { subnodes: 2 });
    const [first, second] = node.subnodes.map(({ id }) => ({ kind: 'subnode', id }) as const);
    expect(await test.store.recordAttempt(first!, 0, {})).toBe(true);
    await test.store.moveNode({ id: node.id, from: 'building', to: 'delete', by: 'operator' });
    expect(await test.store.recordAttempt(second!, 0, {})).toBe(false);
    expect((await nodeNow(test.store, node.id))?.subnodes.map(({ attempt }) => attempt)).toEqual([1, 0]);
  });

  it('an attempt for an image needs it to be BUILDING', async () => {
    const slot = { kind: 'image', id: await imageIn(test, 'building') } as const;
    expect(await test.store.recordAttempt(slot, 0, {})).toBe(true);
    await test.store.moveImage({ id: slot.id, from: 'building', to: 'delete', by: 'cleanup' });
    expect(await test.store.recordAttempt(slot, 1, {})).toBe(false);
  });
});
