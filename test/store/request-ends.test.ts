import { describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import type { RequestEnd } from '../../src/lifecycle/records.ts';
import { Database, type Transaction, type Value } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createRequests } from '../../src/store/requests.ts';
import type { NewRequest, OpenedRequest } from '../../src/store/store.ts';
import { createClassicSchema } from '../support/classic-schema.ts';
import { anotherStore, DATABASES, openEmptyDatabase, openFreshStore } from '../support/with-database.ts';
import { aNewRequest, launchReady, nodeNow, NOW, NOW_SECONDS, query, useStore } from './harness.ts';

const TTL_MS = 3_600_000;

describe.each(DATABASES)('ending requests on %s', (kind) => {
  const test = useStore(kind);
  const open = (overrides: Partial<NewRequest> = {}): Promise<OpenedRequest> =>
    test.store.requests.open(aNewRequest({ ttlMs: TTL_MS, ...overrides }), ['zuul']);
  /** A request that has its nodes. */
  const granted = async (count = 1): Promise<{ id: number; nodes: number[] }> => {
    const nodes = await launchReady(test.store, count);
    const { request } = await open({ count });
    expect(request.state).toBe('granted');
    return { id: request.id, nodes };
  };

  it.each([
    { reason: 'released', ofNode: 'released' },
    { reason: 'expired', ofNode: 'lease-expired' },
    { reason: 'lost', ofNode: 'released' },
  ] as const)('its nodes are to be deleted when it is $reason', async ({ reason, ofNode }) => {
    const { id, nodes } = await granted(2);
    const other = await granted();
    await test.clock.advance(5000);
    expect(await test.store.requests.end({ id, reason })).toBe(true);
    const found = await test.store.requests.find(id);
    expect(found).toMatchObject({
      request: { state: 'ended', endReason: reason, endedAt: NOW + 5000, expiresAt: NOW + TTL_MS },
      nodes: [],
    });
    for (const node of nodes) {
      expect(await nodeNow(test.store, node)).toMatchObject({
        state: 'delete',
        stateAt: (NOW_SECONDS + 5) * 1000,
        reason: ofNode,
        requestId: id,
        jobDoneAt: null,
      });
      expect((await test.store.events.of('node', node)).at(-1)).toMatchObject({
        kind: 'retired',
        reason: ofNode,
        provider: 'cloud',
        name: 'small',
        at: NOW + 5000,
      });
    }
    expect(await test.store.events.of('request', id)).toMatchObject([
      { kind: 'granted' },
      { kind: 'ended', reason, name: 'small', at: NOW + 5000 },
    ]);
    expect(await nodeNow(test.store, other.nodes[0]!)).toMatchObject({ state: 'used', requestId: other.id });
  });

  it('after a failure its nodes count as ones on which a job has failed, and stay for the planner to decide', async () => {
    const { id, nodes } = await granted(2);
    await test.clock.advance(5000);
    expect(await test.store.requests.end({ id, reason: 'failed' })).toBe(true);
    const facts = { state: 'used', stateAt: NOW_SECONDS * 1000, reason: 'request' };
    const job = { jobName: 'tester', jobResult: 'FAILURE', jobDoneAt: NOW + 5000 };
    const found = await test.store.requests.find(id);
    expect(found).toMatchObject({ request: { state: 'ended', endReason: 'failed' } });
    expect(found?.nodes).toMatchObject(nodes.map((node) => ({ id: node, ...facts, ...job })));
    expect((await test.store.readPool()).nodes).toEqual(found?.nodes);
    for (const node of nodes)
      expect((await test.store.events.of('node', node)).at(-1)).toMatchObject({
        kind: 'job-ended',
        reason: 'job-failed',
      });
  });

  it('one that waits is cancelled, for whatever reason it was to end', async () => {
    for (const reason of ['released', 'failed', 'cancelled'] as const) {
      const { request } = await open();
      expect(await test.store.requests.end({ id: request.id, reason })).toBe(true);
      expect(await test.store.requests.find(request.id)).toMatchObject({
        request: { state: 'ended', endReason: 'cancelled', grantedAt: null },
      });
      expect(await test.store.events.of('request', request.id)).toMatchObject([{ kind: 'ended', reason: 'cancelled' }]);
    }
  });

  it('one that got its nodes before it could be cancelled gives them back', async () => {
    const { id, nodes } = await granted();
    expect(await test.store.requests.end({ id, reason: 'cancelled' })).toBe(true);
    expect(await test.store.requests.find(id)).toMatchObject({ request: { endReason: 'released' } });
    expect(await nodeNow(test.store, nodes[0]!)).toMatchObject({ state: 'delete', reason: 'released' });
  });

  it('it ends once, whoever wants it how often and why', async () => {
    const { id, nodes } = await granted();
    const stores = [test.store, test.another(), test.another()];
    const reasons: RequestEnd[] = ['released', 'failed', 'expired', 'lost'];
    const answers = await Promise.all(
      stores.flatMap(({ requests }) => reasons.map((reason) => requests.end({ id, reason }))),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    await test.clock.advance(25);
    expect(await test.store.requests.end({ id, reason: 'released' })).toBe(false);
    expect(await test.store.events.latest(['ended'], 10)).toHaveLength(1);
    expect((await test.store.events.of('node', nodes[0]!)).map((event) => event.kind)).toEqual([
      'launch',
      'granted',
      expect.stringMatching(/^(retired|job-ended)$/),
    ]);
    expect(await test.store.requests.end({ id: 999_999, reason: 'released' })).toBe(false);
  });

  it('those that come soon after several others are gathered, and one that comes alone does not wait', async () => {
    const ids: number[] = [];
    for (let count = 0; count < 6; count += 1) ids.push((await granted()).id);
    const end = (...which: number[]): Promise<boolean[]> =>
      Promise.all(which.map((index) => test.store.requests.end({ id: ids[index]!, reason: 'released' })));
    await end(0);
    await end(1, 2);
    const first = end(3);
    await test.clock.advance(24);
    const second = end(4, 5);
    expect((await test.store.requests.find(ids[3]!))?.request.state).toBe('granted');
    await test.clock.advance(1);
    await Promise.all([first, second]);
    const ended = await test.store.requests.ended(10);
    expect(ended.map(({ endedAt }) => endedAt! - NOW).reverse()).toEqual([0, 0, 0, 25, 25, 25]);
  });

  it('many end together, each in its own way', async () => {
    const ends: RequestEnd[] = ['released', 'failed', 'expired', 'released'];
    const made = [];
    for (const _ of ends) made.push(await granted());
    const waiting = await open();
    const answers = await Promise.all([
      ...made.map(({ id }, index) => test.store.requests.end({ id, reason: ends[index]! })),
      test.store.requests.end({ id: waiting.request.id, reason: 'released' }),
    ]);
    expect(answers).toEqual([true, true, true, true, true]);
    expect((await test.store.requests.ended(10)).map(({ endReason }) => endReason).reverse()).toEqual([
      ...ends,
      'cancelled',
    ]);
    expect((await test.store.readPool()).nodes.map(({ state }) => state)).toEqual([
      'delete',
      'used',
      'delete',
      'delete',
    ]);
  });

  it('nodes that were held stay held, and those that go already go for the reason that they had', async () => {
    const { id, nodes } = await granted(3);
    const [held, going, used] = nodes;
    await test.store.moveNode({ id: held!, from: 'used', to: 'hold', by: 'operator', patch: { reason: 'operator' } });
    await test.store.moveNode({
      id: going!,
      from: 'used',
      to: 'delete',
      by: 'cleanup',
      patch: { reason: 'server-gone' },
    });
    expect((await test.store.requests.find(id))?.nodes.map((node) => node.id)).toEqual([held, used]);
    await test.store.requests.end({ id, reason: 'failed' });
    expect((await test.store.readPool()).nodes).toMatchObject([
      { state: 'hold', reason: 'operator', requestId: id, jobDoneAt: null },
      { state: 'delete', reason: 'server-gone', jobDoneAt: null },
      { state: 'used', jobDoneAt: NOW },
    ]);
    expect((await test.store.events.latest(['job-ended'], 10)).map(({ subjectId }) => subjectId)).toEqual([used]);
  });

  it.each(['released', 'failed', 'expired'] as const)(
    'the answer to an end is what can be found after it: %s',
    async (reason) => {
      const [plain, held, waiting] = [await granted(2), await granted(2), await open({ count: 5 })];
      const hold = { id: held.nodes[0]!, from: 'used', to: 'hold', by: 'operator' } as const;
      expect(await test.store.moveNode(hold)).toBe(true);
      const ids = [plain.id, held.id, waiting.request.id, plain.id];
      await test.clock.advance(5000);
      const answers = await Promise.all(ids.map((id) => test.store.requests.endAndRead({ id, reason })));
      expect(answers.map((found) => found?.request.state)).toEqual(ids.map(() => 'ended'));
      expect(answers).toEqual(await Promise.all(ids.map((id) => test.store.requests.find(id))));
    },
  );

  it('a lease ends when it has run out, not before', async () => {
    const { id, nodes } = await granted();
    const at = NOW + TTL_MS;
    expect(await test.store.requests.end({ id, reason: 'expired', expiredBy: at - 1 })).toBe(false);
    expect(await nodeNow(test.store, nodes[0]!)).toMatchObject({ state: 'used' });
    expect(await test.store.requests.end({ id, reason: 'expired', expiredBy: at })).toBe(true);
  });

  it('a lease that was extended after it was seen to run out does not end', async () => {
    const { id } = await granted();
    const waiting = await open();
    await test.clock.advance(TTL_MS - 1);
    const seen = NOW + TTL_MS;
    expect(await test.another().requests.extend(id, seen + 1)).toBe(true);
    const end = { reason: 'expired', expiredBy: seen } as const;
    expect(await test.store.requests.end({ id, ...end })).toBe(false);
    expect(await test.store.requests.end({ id, reason: 'expired', expiredBy: seen + 1 })).toBe(true);
    expect(await test.store.requests.end({ id: waiting.request.id, ...end })).toBe(false);
  });

  it('a lease is extended as long as it has not run out', async () => {
    const { id } = await granted();
    await test.clock.advance(TTL_MS - 1);
    expect(await test.store.requests.extend(id, NOW + 2 * TTL_MS)).toBe(true);
    expect(await test.store.requests.find(id)).toMatchObject({ request: { expiresAt: NOW + 2 * TTL_MS } });
    expect((await test.store.events.of('request', id)).at(-1)).toMatchObject({
      kind: 'extended',
      name: 'small',
      detail: new Date(NOW + 2 * TTL_MS).toISOString(),
    });
    await test.clock.advance(TTL_MS + 1);
    expect(await test.store.requests.extend(id, NOW + 5 * TTL_MS)).toBe(false);
    expect(await test.store.requests.find(id)).toMatchObject({ request: { expiresAt: NOW + 2 * TTL_MS } });
    expect(await test.store.events.latest(['extended'], 10)).toHaveLength(1);
  });

  it('there is nothing to extend before the grant, after the end, and where there is no request', async () => {
    const { request } = await open();
    expect(await test.store.requests.extend(request.id, NOW + TTL_MS)).toBe(false);
    await test.store.requests.end({ id: request.id, reason: 'released' });
    const { id } = await granted();
    await test.store.requests.end({ id, reason: 'released' });
    for (const none of [id, 999_999]) expect(await test.store.requests.extend(none, NOW + TTL_MS)).toBe(false);
    expect(await test.store.requests.find(id)).toMatchObject({ request: { expiresAt: NOW + TTL_MS } });
  });

  it('those that have ended are listed, the last first, and kept until they are old', async () => {
    const ids = [];
    for (const reason of ['released', 'failed', 'expired'] as const) {
      await test.clock.advance(1000);
      const { id } = await granted();
      await test.store.requests.end({ id, reason });
      ids.push(id);
    }
    const lasting = await granted();
    expect((await test.store.requests.ended(2)).map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    await test.store.requests.purge(NOW + 2000);
    expect((await test.store.requests.ended(10)).map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(await test.store.requests.find(ids[0]!)).toBeNull();
    await test.store.requests.purge(NOW + 1e9);
    expect(await test.store.requests.ended(10)).toEqual([]);
    expect((await test.store.readPool()).requests.map(({ id }) => id)).toEqual([lasting.id]);
  });

  it('a request that is deleted by hand is gone for everybody, and its nodes are left for the planner', async () => {
    const { id, nodes } = await granted();
    const waiting = await open();
    await test.store.readPool();
    await query(test.knex, 'DELETE FROM request');
    expect((await test.store.readPool()).requests).toEqual([]);
    expect(await test.store.requests.find(id)).toBeNull();
    expect(await test.store.requests.end({ id, reason: 'released' })).toBe(false);
    expect(await test.store.requests.extend(id, NOW + 2 * TTL_MS)).toBe(false);
    const free = await launchReady(test.store, 1);
    expect(await test.store.requests.grant([{ requestId: waiting.request.id, nodeIds: free }])).toEqual([]);
    expect((await test.store.readPool()).nodes).toMatchObject([
      { id: nodes[0], state: 'used', requestId: id },
      { id: free[0], state: 'ready', requestId: null },
    ]);
  });
});

it('a failure is written down in any language, in tables of the original too', async () => {
  const database = await openEmptyDatabase('MariaDB');
  const store = anotherStore(database);
  try {
    // Latin 1, as the original's tables are.
    await createClassicSchema(database.knex, '0.3.1');
    await migrate({ knex: database.knex, clock, random });
    await launchReady(store, 1);
    const { request } = await store.requests.open(aNewRequest({ requestor: '日本語 🙂' }), ['zuul']);
    expect(await store.requests.end({ id: request.id, reason: 'failed' })).toBe(true);
    expect((await store.readPool()).nodes).toMatchObject([{ jobName: '日本語 🙂', jobResult: 'FAILURE' }]);
  } finally {
    await store.close();
    await database.close();
  }
});

it('a node that is held while its request ends stays held, on MariaDB, where both go on at once', async () => {
  // SQLite has one writer at a time.
  const opened = await openFreshStore('MariaDB', { clock, random });
  try {
    const nodes = await launchReady(opened.store, 2);
    const { request } = await opened.store.requests.open(aNewRequest({ count: 2 }), ['zuul']);
    const database = new Database({ knex: opened.knex, clock, random });
    let holds = 0;
    /** The operator comes in between the reading of the nodes and their writing. */
    const holdMeanwhile = (statements: Transaction): Transaction => ({
      run: (...args) => statements.run(...args),
      commit: () => statements.commit(),
      tuples: async <Row extends readonly unknown[]>(sql: string, values?: readonly Value[]): Promise<Row[]> => {
        const rows = await statements.tuples<Row>(sql, values);
        if (holds === 0 && sql.includes('FROM node WHERE request_id')) {
          holds += 1;
          await opened.store.moveNode({ id: nodes[0]!, from: 'used', to: 'hold', by: 'operator' });
        }
        return rows;
      },
    });
    const disturbed = Object.create(database, {
      transaction: {
        value: <T>(work: (statements: Transaction) => Promise<T>) =>
          database.transaction((statements) => work(holdMeanwhile(statements))),
      },
    }) as Database;
    const requests = createRequests({ database: disturbed, clock, random });
    expect(await requests.end({ id: request.id, reason: 'released' })).toBe(true);
    expect(holds).toBe(1);
    const states = (await opened.store.readPool()).nodes.map(({ id, state }) => [id, state]);
    expect(states).toEqual([
      [nodes[0], 'hold'],
      [nodes[1], 'delete'],
    ]);
    expect((await opened.store.events.of('node', nodes[0]!)).map(({ kind }) => kind)).not.toContain('retired');
  } finally {
    await opened.close();
  }
});
