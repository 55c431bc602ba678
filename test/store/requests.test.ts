import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import type { NewRequest, OpenedRequest } from '../../src/store/store.ts';
import { openFreshStore, DATABASES } from '../support/with-database.ts';
import {
  aNewNode,
  aNewRequest,
  countQueries,
  launch,
  launchReady,
  nodeNow,
  NOW,
  NOW_SECONDS,
  query,
  useStore,
} from './harness.ts';

const TARGETS = ['zuul', 'other'];

describe.each(DATABASES)('opening requests on %s', (kind) => {
  const test = useStore(kind);
  const open = (overrides: Partial<NewRequest> = {}): Promise<OpenedRequest> =>
    test.store.requests.open(aNewRequest(overrides), TARGETS);
  /** Opens them in one turn, and answers which nodes each got. */
  const openTogether = async (...wishes: Partial<NewRequest>[]): Promise<number[][]> =>
    (await Promise.all(wishes.map(open))).map(nodeIdsOf);

  it('a request is granted the oldest READY node at once', async () => {
    const image = { provider: 'cloud', image: 'ubuntu', hostname: 'h', version: 1234, reason: 'image-missing' };
    const imageId = (await test.store.createImage(image))!;
    const [first, second] = await launchReady(test.store, 2, { imageId, subnodes: 2 });
    await test.clock.advance(5000);
    const wish = aNewRequest({ priority: 3, reason: 'gate', tokenId: 7 });
    const opened = await test.store.requests.open(wish, TARGETS);
    const now = NOW + 5000;
    expect(opened.request).toEqual({
      id: opened.request.id,
      label: 'small',
      count: 1,
      priority: 3,
      rank: now - 3 * 600_000,
      requestor: 'tester',
      reason: 'gate',
      tokenId: 7,
      ttlMs: 3_600_000,
      state: 'granted',
      createdAt: now,
      grantedAt: now,
      expiresAt: now + 3_600_000,
      endedAt: null,
      endReason: null,
    });
    expect(opened.isReplay).toBe(false);
    const facts = { state: 'used', stateAt: (NOW_SECONDS + 5) * 1000, reason: 'request', requestId: opened.request.id };
    expect(opened.nodes).toMatchObject([{ id: first, ...facts, subnodes: [{ state: 'building' }, {}] }]);
    expect(opened.nodes).toEqual([await nodeNow(test.store, first!)]);
    expect([...opened.imageVersions]).toEqual([[imageId, 1234]]);
    expect(await nodeNow(test.store, second!)).toMatchObject({ state: 'ready', requestId: null });
    expect(await test.store.requests.find(opened.request.id)).toEqual({
      request: opened.request,
      nodes: opened.nodes,
      imageVersions: opened.imageVersions,
    });
    const event = { kind: 'granted', reason: 'request', name: 'small', at: now };
    expect((await test.store.events.of('node', first!)).at(-1)).toMatchObject({
      ...event,
      provider: 'cloud',
      detail: `request ${opened.request.id}`,
    });
    expect(await test.store.events.of('request', opened.request.id)).toMatchObject([
      { ...event, provider: null, detail: String(first) },
    ]);
  });

  it('the answers to those that come together are what can be found after them', async () => {
    const image = { provider: 'cloud', image: 'ubuntu', hostname: 'h', version: 1234, reason: 'image-missing' };
    const imageId = (await test.store.createImage(image))!;
    await launchReady(test.store, 3, { imageId });
    await launchReady(test.store, 1, { imageId, subnodes: 1 });
    await test.clock.advance(5000);
    const key = { tokenId: 1, idempotencyKey: 'k' };
    const wishes = [key, { count: 2 }, { label: 'big' }, key, {}, { count: 9 }];
    const answers = await Promise.all(wishes.map(open));
    expect(answers.map(({ nodes }) => nodes.length)).toEqual([1, 2, 0, 1, 1, 0]);
    for (const [index, { request, ...answer }] of answers.entries()) {
      const found = await test.store.requests.find(request.id);
      expect({ request, ...answer }).toEqual({ ...found, id: request.id, isReplay: index === 3 });
    }
  });

  it('one whose key comes again and again keeps the node that it has', async () => {
    const ids = await launchReady(test.store, 6);
    const key = { tokenId: 1, idempotencyKey: 'k' };
    const answers: readonly OpenedRequest[] = [
      ...[await open(key), await open(key), await open(key), await open(key)],
      ...(await Promise.all(Array.from({ length: 4 }, () => open(key)))),
    ];
    expect(answers.map(({ request, isReplay, nodes }) => [request.id, isReplay, nodes.map(({ id }) => id)])).toEqual(
      answers.map((_, index) => [answers[0]!.request.id, index > 0, [ids[0]]]),
    );
    await expect(open({ ...key, count: 2 })).rejects.toThrow('take a new key');
    expect((await test.store.readPool()).nodes.filter(({ state }) => state === 'used')).toHaveLength(1);
  });

  it('one that wants more nodes than there are waits, and takes none of them', async () => {
    await launchReady(test.store, 2);
    const opened = await open({ count: 3 });
    expect(opened).toMatchObject({ request: { state: 'waiting', grantedAt: null, expiresAt: null }, nodes: [] });
    expect((await test.store.readPool()).nodes.map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(await test.store.events.latest(['granted'], 10)).toEqual([]);
    expect(await test.store.requests.find(opened.request.id)).toMatchObject({ request: opened.request, nodes: [] });
  });

  it('nobody overtakes who waits for the same label, and others are not held up', async () => {
    await launchReady(test.store, 2);
    const [big] = await launchReady(test.store, 1, { label: 'big' });
    const first = await open({ count: 3 });
    await test.clock.advance(1000);
    expect(nodeIdsOf(await open())).toEqual([]);
    expect(nodeIdsOf(await open({ label: 'big' }))).toEqual([big]);
    await test.store.requests.end({ id: first.request.id, reason: 'released' });
    // The second still waits before it.
    expect(nodeIdsOf(await open())).toEqual([]);
  });

  it('a step of priority goes ahead of who has waited for less than ten minutes, and of nobody else', async () => {
    const [node] = await launchReady(test.store, 1);
    await launchReady(test.store, 1, { label: 'big' });
    await open({ label: 'big', count: 2 });
    await test.clock.advance(1);
    await open({ count: 2 });
    await test.clock.advance(599_999);
    expect(await openTogether({ priority: 1 }, { label: 'big', priority: 1 })).toEqual([[node], []]);
  });

  it('those that come together are served in their order, each with all of its nodes or none', async () => {
    const [a, b, c, d] = await launchReady(test.store, 4);
    expect(await openTogether({ count: 2 }, {}, { count: 2 }, {})).toEqual([[a, b], [c], [], []]);
    expect(await nodeNow(test.store, d!)).toMatchObject({ state: 'ready' });
    expect((await test.store.readPool()).requests.map(({ state }) => state)).toEqual([
      'granted',
      'granted',
      'waiting',
      'waiting',
    ]);
  });

  it('of those that come together, the one with the highest priority is served first', async () => {
    const [a, b] = await launchReady(test.store, 2);
    const [big] = await launchReady(test.store, 1, { label: 'big' });
    expect(await openTogether({}, { count: 2 }, { label: 'big' }, { priority: 1 }, { priority: 2 })).toEqual([
      [],
      [],
      [big],
      [b],
      [a],
    ]);
  });

  it('only READY nodes of the label are given, at the targets that may give them, without failed checks', async () => {
    await launch(test.store, aNewNode());
    const [, held, failing] = await launchReady(test.store, 3, { target: 'jenkins' });
    const [used, sick, sound] = await launchReady(test.store, 3);
    await test.store.moveNode({ id: held!, from: 'ready', to: 'hold', by: 'operator' });
    await test.store.patch('node', failing!, {}, { checkFailures: 1 });
    await test.store.moveNode({ id: used!, from: 'ready', to: 'used', by: 'event' });
    await test.store.patch('node', sick!, {}, { checkFailures: 1 });
    const { request, nodes } = await test.store.requests.open(aNewRequest(), []);
    expect(nodes).toEqual([]);
    await test.store.requests.end({ id: request.id, reason: 'released' });
    expect(nodeIdsOf(await open())).toEqual([sound]);
    expect(nodeIdsOf(await open())).toEqual([]);
  });

  it('a node that its target may know of is given to nobody, neither at once nor to one who waits', async () => {
    const [node] = await launchReady(test.store, 1);
    await test.store.patch('node', node!, {}, { registerAt: NOW });
    const { request, nodes } = await open();
    expect([request.state, nodes]).toEqual(['waiting', []]);
    expect(await test.store.requests.grant([{ requestId: request.id, nodeIds: [node!] }])).toEqual([]);
    await test.store.patch('node', node!, {}, { registerAt: null });
    expect(await test.store.requests.grant([{ requestId: request.id, nodeIds: [node!] }])).toEqual([request.id]);
  });

  it('those that come together while the targets change get nodes of targets that were there before and after', async () => {
    const [, both] = [await launchReady(test.store, 2, { target: 'a' }), await launchReady(test.store, 1)];
    const { requests } = test.store;
    const opened = await Promise.all([
      requests.open(aNewRequest(), ['a', 'zuul']),
      requests.open(aNewRequest(), ['zuul']),
    ]);
    expect(opened.map(nodeIdsOf)).toEqual([both, []]);
  });

  it('a node that had been somebody’s is given to nobody else, even if it is made READY by hand', async () => {
    const [node] = await launchReady(test.store, 1);
    const { request } = await open();
    await test.store.requests.end({ id: request.id, reason: 'released' });
    await query(test.knex, 'UPDATE node SET state = 2 WHERE id = ?', [node!]);
    const again = await open();
    expect(again.request.state).toBe('waiting');
    expect(await test.store.requests.grant([{ requestId: again.request.id, nodeIds: [node!] }])).toEqual([]);
    await test.store.requests.end({ id: again.request.id, reason: 'released' });
    const fresh = await launchReady(test.store, 1);
    expect(nodeIdsOf(await open())).toEqual(fresh);
    expect(await nodeNow(test.store, node!)).toMatchObject({ state: 'ready', requestId: request.id });
  });

  it('text that is too long is cut, and does not stop the request from getting its nodes', async () => {
    const [node] = await launchReady(test.store, 1);
    const opened = await open({ requestor: 'x'.repeat(300) });
    expect(opened.request.requestor).toBe(`${'x'.repeat(254)}…`);
    expect(nodeIdsOf(opened)).toEqual([node]);
  });

  describe('with a key', () => {
    const keyed = { idempotencyKey: 'k', tokenId: 1 };

    it('the same again is the same request, as it is now', async () => {
      const [node] = await launchReady(test.store, 2);
      const opened = await open(keyed);
      await test.clock.advance(1000);
      expect(await test.another().requests.open(aNewRequest(keyed), TARGETS)).toEqual({ ...opened, isReplay: true });
      await test.store.requests.end({ id: opened.request.id, reason: 'released' });
      const late = await open(keyed);
      expect(late).toMatchObject({ request: { id: opened.request.id, state: 'ended' }, nodes: [], isReplay: true });
      expect(nodeIdsOf(await open({ ...keyed, tokenId: 2 }))).not.toEqual([node]);
      expect((await test.store.readPool()).requests).toHaveLength(1);
    });

    it('the same again is the same request after the default of the lease has changed, and keeps its own', async () => {
      const wish = { ...keyed, hasDefaultTtl: true };
      const opened = await open(wish);
      expect(await open({ ...wish, ttlMs: 1000 })).toEqual({ ...opened, isReplay: true });
    });

    it('a waiting one stays in its place', async () => {
      const opened = await open(keyed);
      await test.clock.advance(1000);
      await launchReady(test.store, 1);
      expect(await open(keyed)).toEqual({ ...opened, isReplay: true });
      expect(nodeIdsOf(await open())).toEqual([]);
    });

    it('of many at once, in one process and in others, one is made', async () => {
      await launchReady(test.store, 10);
      const stores = [test.store, test.another(), test.another()];
      const opened = await Promise.all(
        stores.flatMap((store) => [1, 2, 3].map(() => store.requests.open(aNewRequest(keyed), TARGETS))),
      );
      expect(new Set(opened.map(({ request }) => request.id)).size).toBe(1);
      expect(opened.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
      expect(new Set(opened.flatMap(nodeIdsOf)).size).toBe(1);
      expect((await test.store.readPool()).requests).toHaveLength(1);
    });

    it.each([
      { label: 'big' },
      { count: 2 },
      { priority: 1 },
      { requestor: 'somebody else' },
      { reason: 'another' },
      { ttlMs: 1000 },
      { hasDefaultTtl: true },
    ])('the key with another wish is refused, and hurts nobody else: %j', async (other) => {
      const [first, second] = await launchReady(test.store, 2);
      const refusal = { status: 'rejected', reason: { code: 'conflict' } };
      const together = await Promise.allSettled([open(keyed), open({ ...keyed, ...other }), open()]);
      expect(together).toMatchObject([{ status: 'fulfilled' }, refusal, { status: 'fulfilled' }]);
      const nodes = together.flatMap((result) => (result.status === 'fulfilled' ? nodeIdsOf(result.value) : []));
      expect(nodes).toEqual([first, second]);
      await expect(open({ ...keyed, ...other })).rejects.toMatchObject(refusal.reason);
      expect((await test.store.readPool()).requests).toHaveLength(2);
    });

    it('the same key with another token, or with none, is another one', async () => {
      const ids = [];
      for (const tokenId of [1, 2, null]) ids.push((await open({ ...keyed, tokenId })).request.id);
      expect(new Set(ids).size).toBe(3);
    });
  });

  it('processes that want the same nodes at once get different ones, as long as there are enough', async () => {
    const nodes = await launchReady(test.store, 120);
    const stores = [test.store, test.another(), test.another()];
    // Opens their connections.
    await Promise.all(stores.map((store) => store.installation()));
    const got: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const opening = stores.flatMap(({ requests }) =>
        Array.from({ length: 10 }, () => requests.open(aNewRequest(), TARGETS)),
      );
      got.push(...(await Promise.all(opening)).flatMap(nodeIdsOf));
    }
    expect(got.sort((a, b) => a - b)).toEqual(nodes);
  });

  it('fifty together cost as few statements, or packets to MariaDB, as one', async () => {
    await launchReady(test.store, 51);
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    try {
      // Opens the connection.
      await store.installation();
      for (const count of [1, 50]) {
        const queries = countQueries(knex);
        await Promise.all(Array.from({ length: count }, () => store.requests.open(aNewRequest(), TARGETS)));
        expect(queries()).toBe(kind === 'MariaDB' ? 2 : 9);
        knex.removeAllListeners('query');
      }
    } finally {
      await store.close();
    }
    expect((await test.store.readPool()).requests.every(({ state }) => state === 'granted')).toBe(true);
  });

  it('closing waits for what is on its way', async () => {
    const store = test.another();
    const opening = store.requests.open(aNewRequest(), TARGETS);
    await store.close();
    expect((await opening).request.state).toBe('waiting');
  });
});

describe.each(DATABASES)('granting nodes to those who wait on %s', (kind) => {
  const test = useStore(kind);
  const wait = async (overrides: Partial<NewRequest> = {}): Promise<number> =>
    (await test.store.requests.open(aNewRequest(overrides), [])).request.id;

  it('each gets all of its nodes, and its lease begins', async () => {
    const [one, two] = [await wait(), await wait({ count: 2, ttlMs: 1000 })];
    const [a, b, c] = await launchReady(test.store, 3);
    await test.clock.advance(60_000);
    const grants = [
      { requestId: one, nodeIds: [b!] },
      { requestId: two, nodeIds: [c!, a!] },
    ];
    expect(await test.store.requests.grant(grants)).toEqual([one, two]);
    const found = await test.store.requests.find(two);
    expect(found).toMatchObject({
      request: { state: 'granted', createdAt: NOW, grantedAt: NOW + 60_000, expiresAt: NOW + 61_000 },
      nodes: [
        { id: a, requestId: two, state: 'used' },
        { id: c, requestId: two, state: 'used' },
      ],
    });
    expect(nodeIdsOf((await test.store.requests.find(one))!)).toEqual([b]);
    expect(await test.store.requests.grant(grants)).toEqual([]);
    expect(await test.store.events.latest(['granted'], 10)).toHaveLength(5);
  });

  it('a grant that does not fit any more is left alone, and the others are made', async () => {
    const ended = await wait();
    const gone = await wait({ tokenId: 1 });
    const [plain, pair, big, late, short] = [
      await wait(),
      await wait({ count: 2 }),
      await wait({ label: 'big' }),
      await wait(),
      await wait({ count: 2 }),
    ];
    const [a, b, c, d, e, f] = await launchReady(test.store, 6);
    await test.store.requests.end({ id: ended, reason: 'released' });
    await query(test.knex, 'DELETE FROM request WHERE id = ?', [gone]);
    await test.store.moveNode({ id: b!, from: 'ready', to: 'delete', by: 'cleanup' });
    const grants = [
      { requestId: ended, nodeIds: [a!] },
      { requestId: gone, nodeIds: [a!] },
      { requestId: pair, nodeIds: [a!, b!] },
      { requestId: pair, nodeIds: [a!, a!] },
      { requestId: plain, nodeIds: [999] },
      { requestId: big, nodeIds: [c!] },
      { requestId: short, nodeIds: [c!] },
      { requestId: plain, nodeIds: [c!] },
      { requestId: plain, nodeIds: [d!] },
      { requestId: late, nodeIds: [c!] },
      { requestId: pair, nodeIds: [e!, f!] },
    ];
    expect(await test.store.requests.grant(grants)).toEqual([plain, pair]);
    const { nodes } = await test.store.readPool();
    expect(nodes.map(({ requestId, state }) => [state, requestId])).toEqual([
      ['ready', null],
      ['delete', null],
      ['used', plain],
      ['ready', null],
      ['used', pair],
      ['used', pair],
    ]);
    expect(await test.store.events.latest(['granted'], 10)).toHaveLength(5);
  });

  it('a node that failed a check, or that its target may know of, is left alone', async () => {
    const [one, two, three] = [await wait(), await wait(), await wait()];
    const [failed, registered, free] = await launchReady(test.store, 3);
    await query(test.knex, 'UPDATE node SET check_failures = 1 WHERE id = ?', [failed!]);
    await query(test.knex, 'UPDATE node SET register_ms = 1 WHERE id = ?', [registered!]);
    const grants = [
      { requestId: one, nodeIds: [failed!] },
      { requestId: two, nodeIds: [registered!] },
      { requestId: three, nodeIds: [free!] },
    ];
    expect(await test.store.requests.grant(grants)).toEqual([three]);
    const { nodes } = await test.store.readPool();
    expect(nodes.map(({ requestId, state }) => [state, requestId])).toEqual([
      ['ready', null],
      ['ready', null],
      ['used', three],
    ]);
  });

  it('more than fit one statement are granted together', async () => {
    const ids = await Promise.all(Array.from({ length: 450 }, () => wait()));
    const nodes = await launchReady(test.store, 450);
    const grants = ids.map((requestId, index) => ({ requestId, nodeIds: [nodes[index]!] }));
    expect(await test.store.requests.grant(grants)).toEqual(ids);
    expect((await test.store.readPool()).nodes.map(({ requestId }) => requestId)).toEqual(ids);
  });
});

it('a request that the database cannot hold fails alone', async () => {
  const { store, close } = await openFreshStore('MariaDB', { clock: systemClock, random: systemRandom });
  try {
    const wishes = [aNewRequest(), aNewRequest({ reason: 'x'.repeat(70_000) }), aNewRequest({ label: 'big' })];
    const results = await Promise.allSettled(wishes.map((wish) => store.requests.open(wish, TARGETS)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await store.readPool()).requests.map(({ label }) => label)).toEqual(['small', 'big']);
  } finally {
    await close();
  }
});

function nodeIdsOf({ nodes }: Pick<OpenedRequest, 'nodes'>): number[] {
  return nodes.map(({ id }) => id);
}
