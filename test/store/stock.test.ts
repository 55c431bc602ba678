/** While many ask, MariaDB grants them nodes in one exchange; nobody can tell by what they get. */
import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import type { NewRequest, OpenedRequest, Store } from '../../src/store/store.ts';
import { aNewRequest, countQueries, launchReady, nodeNow, query, useStore } from './harness.ts';

const TARGETS = ['zuul', 'other'];

describe('granting nodes of the stock', () => {
  const test = useStore('MariaDB');
  const open = (overrides: Partial<NewRequest> = {}, targets = TARGETS): Promise<OpenedRequest> =>
    store.requests.open(aNewRequest(overrides), targets);
  /** The store that has the stock, and its connections; `test.store` is that of another process. */
  let store: Store;
  let knex: Knex;
  /** READY nodes, of which some are in stock. */
  let ids: number[];

  /** Two ask, so that a third is expected. */
  const fillStock = async (count: number, overrides: Parameters<typeof launchReady>[2] = {}): Promise<void> => {
    ids = await launchReady(test.store, count + 2, overrides);
    const label = overrides.label ?? 'small';
    for (const _ of [1, 2]) await open({ label });
    ids = ids.slice(2);
  };
  /** What it takes to open a request. */
  const exchanges = async (ask: () => Promise<unknown>): Promise<number> => {
    const count = countQueries(knex);
    await ask();
    knex.removeAllListeners('query');
    return count();
  };
  const idsOf = ({ nodes }: OpenedRequest): number[] => nodes.map(({ id }) => id);

  beforeEach(async () => {
    knex = connect(test.opened.config);
    store = createStore({ knex, clock: test.clock, random: systemRandom });
    const image = { provider: 'cloud', image: 'ubuntu', hostname: 'h', version: 1234, reason: 'image-missing' };
    await fillStock(6, { imageId: (await test.store.createImage(image))! });
  });

  afterEach(() => store.close());

  it('takes one exchange, however many ask at once, and is answered and written down as any other grant', async () => {
    await test.clock.advance(500);
    const wishes = [{}, { count: 2, priority: 3, reason: 'gate' }, { tokenId: 7, idempotencyKey: 'k' }];
    let answers: OpenedRequest[] = [];
    expect(await exchanges(async () => (answers = await Promise.all(wishes.map((wish) => open(wish)))))).toBe(1);
    expect(answers.map(idsOf)).toEqual([[ids[0]], [ids[1], ids[2]], [ids[3]]]);
    for (const { id, isReplay, ...found } of answers as (OpenedRequest & { id: number })[]) {
      expect(found).toEqual(await test.store.requests.find(id));
      expect(found.nodes).toEqual(await Promise.all(found.nodes.map((node) => nodeNow(test.store, node.id))));
      expect([isReplay, [...found.imageVersions.values()]]).toEqual([false, [1234]]);
    }
    const [slow] = await test.store.events.of('node', ids[0]! - 1).then((events) => events.slice(-1));
    for (const { request, nodes } of answers) {
      for (const { id } of nodes) {
        const event = { ...slow, subjectId: id, at: request.grantedAt, detail: `request ${request.id}` };
        const written = (await test.store.events.of('node', id)).at(-1)!;
        expect(written).toEqual({ ...event, id: written.id });
      }
      const event = { kind: 'granted', reason: 'request', name: 'small', provider: null, at: request.grantedAt };
      const detail = nodes.map(({ id }) => id).join(', ');
      expect(await test.store.events.of('request', request.id)).toMatchObject([{ ...event, detail }]);
    }
  });

  it.each<[string, () => Promise<unknown>]>([
    ['another process has granted it', () => test.store.requests.open(aNewRequest(), TARGETS)],
    ['it is held', () => test.store.moveNode({ id: ids[0]!, from: 'ready', to: 'hold', by: 'operator' })],
    ['a check has failed', () => query(test.knex, 'UPDATE node SET check_failures = 1 WHERE id = ?', [ids[0]!])],
    ['its target may know of it', () => query(test.knex, 'UPDATE node SET register_ms = 1 WHERE id = ?', [ids[0]!])],
    ['somebody deletes its row', () => query(test.knex, 'DELETE FROM node WHERE id = ?', [ids[0]!])],
  ])('gives another one when %s', async (_, happen) => {
    await happen();
    const { id, state, requestId } = (await nodeNow(test.store, ids[0]!)) ?? {};
    expect(idsOf(await open({ count: 2 }))).toEqual([ids[1], ids[2]]);
    // Nothing is left of the attempt.
    expect(await nodeNow(test.store, ids[0]!)).toEqual(
      id === undefined ? null : expect.objectContaining({ state, requestId }),
    );
    expect(await query(test.knex, 'SELECT COUNT(*) AS count FROM request WHERE node_count = 2')).toEqual([
      { count: 1 },
    ]);
    // Whoever granted it may grant more: for a while each is looked at.
    expect(await exchanges(() => open())).toBe(2);
    await test.clock.advance(1000);
    await launchReady(test.store, 4);
    for (const _ of [1, 2]) await open();
    expect(await exchanges(() => open())).toBe(1);
  });

  it('lets nobody overtake who waits for the same label', async () => {
    const first = await test.store.requests.open(aNewRequest({ count: 9 }), TARGETS);
    expect((await open()).request).toMatchObject({ state: 'waiting' });
    expect((await open({ priority: 100 })).nodes).toHaveLength(1);
    expect((await test.store.requests.find(first.request.id))?.request.state).toBe('waiting');
  });

  it('keeps nothing of what somebody waits for', async () => {
    const waiting = await open({ count: 7 });
    expect(waiting.request.state).toBe('waiting');
    expect((await open()).request.state).toBe('waiting');
  });

  it('answers a key that was used before with its request', async () => {
    const key = { tokenId: 7, idempotencyKey: 'k' };
    const first = await open(key);
    const [again, other] = await Promise.all([open(key), open()]);
    expect(again).toEqual({ ...first, isReplay: true });
    expect(idsOf(other)).toEqual([ids[1]]);
    await expect(open({ ...key, count: 2 })).rejects.toThrow('take a new key');
    const [one, two] = await Promise.all([{ idempotencyKey: 'l' }, { idempotencyKey: 'l' }].map((wish) => open(wish)));
    expect(two).toEqual({ ...one, isReplay: true });
  });

  it('does not offer nodes for longer than a second, or to those who may not have them', async () => {
    expect(await exchanges(() => open({}, ['zuul']))).toBe(2);
    expect(await exchanges(() => open({ label: 'large' }))).toBe(2);
    await fillStock(2, { label: 'big' });
    await test.clock.advance(1000);
    expect(await exchanges(() => open({ label: 'big' }))).toBe(2);
    expect(idsOf(await open({ label: 'big' }))).toEqual([ids[1]]);
  });

  it('looks at nodes that have subnodes', async () => {
    await fillStock(2, { label: 'set', subnodes: 1 });
    const { nodes } = await open({ label: 'set' });
    expect(nodes.map(({ id, subnodes }) => [id, subnodes.length])).toEqual([[ids[0], 1]]);
  });
});
