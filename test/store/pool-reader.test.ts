import { describe, expect, it } from 'vitest';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { NO_RECORDS } from '../support/builders.ts';
import { DATABASES } from '../support/with-database.ts';
import { aNewNode, aNewRequest, countQueries, launch, launchOne, launchReady, query, useStore } from './harness.ts';

/** MariaDB gets the beginning of a transaction in one packet with its first statement. */
const SAVED = { SQLite: 0, MariaDB: 1 };

describe.each(DATABASES)('reading the pool on %s', (kind) => {
  const test = useStore(kind);

  it('gives the same object while nothing changes, for one query', async () => {
    await launchOne(test.store, { subnodes: 1 });
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    try {
      const records = await store.readPool();
      const queries = countQueries(knex);
      expect(await store.readPool()).toBe(records);
      expect(queries()).toBe(1);
    } finally {
      await store.close();
    }
  });

  it('gives the same object after a write that changed nothing', async () => {
    const records = await test.store.readPool();
    expect(await test.store.moveNode({ id: 99, from: 'ready', to: 'delete', by: 'operator' })).toBe(false);
    expect(await test.store.readPool()).toBe(records);
  });

  it('sees what others write through a store', async () => {
    const node = await launchOne(test.store, { subnodes: 1 });
    const other = test.another();
    await test.store.readPool();
    await other.patch('node', node.id, {}, { ip: '192.0.2.1' });
    expect((await test.store.readPool()).nodes).toMatchObject([{ ip: '192.0.2.1' }]);
    await other.patch('subnode', node.subnodes[0]!.id, {}, { ip: '192.0.2.2' });
    expect((await test.store.readPool()).nodes).toMatchObject([{ ip: '192.0.2.1', subnodes: [{ ip: '192.0.2.2' }] }]);
    await other.intents.add('plan', {});
    expect((await test.store.readPool()).intents).toHaveLength(1);
    await other.failures.record({ kind: 'provider', provider: 'p', image: null, az: null }, 'down', () => 1);
    expect((await test.store.readPool()).failures).toHaveLength(1);
    await other.createImage({ provider: 'p', image: 'i', hostname: 'h', version: 1, reason: 'operator' });
    expect((await test.store.readPool()).images).toHaveLength(1);
    const build = (await other.createDiskImage({ image: 'i', version: 1, reason: 'operator' }))!;
    expect((await test.store.readPool()).diskImages).toMatchObject([{ host: null }]);
    await other.patch('disk-image', build, {}, { host: 'builder' });
    expect((await test.store.readPool()).diskImages).toMatchObject([{ host: 'builder' }]);
    await other.pauses.set({ image: 'i', provider: null, reason: null });
    expect((await test.store.readPool()).pauses).toHaveLength(1);
    await other.pauses.end({ image: 'i', provider: null });
    expect((await test.store.readPool()).pauses).toEqual([]);
  });

  it('reads only what changed, and keeps the rest as it was', async () => {
    const build = (await test.store.createDiskImage({ image: 'i', version: 1, reason: 'operator' }))!;
    await test.store.createDiskImage({ image: 'j', version: 1, reason: 'operator' });
    await test.store.pauses.set({ image: 'i', provider: null, reason: null });
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    try {
      const before = await store.readPool();
      await test.store.patch('disk-image', build, {}, { startedAt: 1 });
      const queries = countQueries(knex);
      const after = await store.readPool();
      // Whether anything changed; begin, what changed, the versions and the rows of one table, commit.
      expect(queries()).toBe(6 - SAVED[kind]);
      expect(after.diskImages.map((record, index) => record === before.diskImages[index])).toEqual([false, true]);
      expect(after.pauses).toBe(before.pauses);
      expect(after.images).toBe(before.images);
    } finally {
      await store.close();
    }
  });

  it('sees requests come, change and go', async () => {
    const { requests } = test.another();
    const seen = async (): Promise<object[]> => [...(await test.store.readPool()).requests];
    expect(await seen()).toEqual([]);
    const waiting = await requests.open(aNewRequest({ label: 'big' }), []);
    const { request } = await requests.open(aNewRequest(), []);
    expect(await seen()).toEqual([waiting.request, request]);
    const nodeIds = await launchReady(test.store, 1);
    await requests.grant([{ requestId: request.id, nodeIds }]);
    const granted = (await requests.find(request.id))!;
    expect(await seen()).toEqual([waiting.request, granted.request]);
    expect(granted.request.state).toBe('granted');
    expect((await test.store.readPool()).nodes).toEqual(granted.nodes);
    await requests.extend(request.id, test.clock.now() + 5);
    expect(await seen()).toMatchObject([{}, { expiresAt: test.clock.now() + 5 }]);
    expect((await seen())[0]).toBe((await seen())[0]);
    await requests.end({ id: request.id, reason: 'released' });
    expect(await seen()).toEqual([waiting.request]);
    await query(test.knex, 'UPDATE request SET state = 3 WHERE id = ?', [waiting.request.id]);
    expect(await seen()).toEqual([]);
  });

  it('reads only the requests that changed, among many that have ended', async () => {
    for (const reason of ['released', 'released', null] as const) {
      const { request } = await test.store.requests.open(aNewRequest(), []);
      if (reason !== null) await test.store.requests.end({ id: request.id, reason });
    }
    const opened = [];
    for (const label of ['a', 'b', 'c', 'd']) opened.push(await test.store.requests.open(aNewRequest({ label }), []));
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    try {
      const before = await store.readPool();
      expect(before.requests.map(({ label }) => label)).toEqual(['small', 'a', 'b', 'c', 'd']);
      await test.store.requests.end({ id: opened[1]!.request.id, reason: 'released' });
      const queries = countQueries(knex);
      const after = await store.readPool();
      // Whether anything changed; begin, what changed, the versions of one table, commit.
      expect(queries()).toBe(5 - SAVED[kind]);
      expect(after.requests).toEqual([0, 1, 3, 4].map((index) => before.requests[index]));
      expect(after.requests[3]).toBe(before.requests[4]);
      expect(after.nodes).toBe(before.nodes);
    } finally {
      await store.close();
    }
  });

  it('sees disk images that are inserted, moved and deleted by hand', async () => {
    const states = async (): Promise<string[]> => (await test.store.readPool()).diskImages.map(({ state }) => state);
    for (const name of ['a', 'b'])
      await query(test.knex, 'INSERT INTO dib_image (image_name, state) VALUES (?, 2)', [name]);
    expect(await states()).toEqual(['ready', 'ready']);
    await query(test.knex, "UPDATE dib_image SET state = 4 WHERE image_name = 'a'");
    expect(await states()).toEqual(['delete', 'ready']);
    await query(test.knex, 'DELETE FROM dib_image WHERE state = 4');
    expect(await states()).toEqual(['ready']);
  });

  it.each([
    { sql: 'UPDATE node SET state = 4 WHERE label_name = ?', states: ['delete', 'building'] },
    { sql: 'DELETE FROM node WHERE label_name = ?', states: ['building'] },
  ])('sees what is done by hand: $sql', async ({ sql, states }) => {
    await launch(test.store, aNewNode({ label: 'a' }), aNewNode({ label: 'b' }));
    const before = await test.store.readPool();
    await query(test.knex, sql, ['a']);
    const after = await test.store.readPool();
    expect(after).not.toBe(before);
    expect(after.nodes.map(({ state }) => state)).toEqual(states);
  });

  it('sees the new time of a state that is set by hand again', async () => {
    const { id, stateAt } = await launchOne(test.store);
    await query(test.knex, 'UPDATE node SET state_time = state_time - 60 WHERE id = ?', [id]);
    expect((await test.store.readPool()).nodes).toMatchObject([{ stateAt: stateAt - 60_000 }]);
  });

  it('sees two rows that swap their states by hand', async () => {
    const [a, b] = await launch(test.store, aNewNode(), aNewNode());
    await query(test.knex, 'UPDATE node SET state = 2 WHERE id = ?', [a!.id]);
    expect((await test.store.readPool()).nodes.map(({ state }) => state)).toEqual(['ready', 'building']);
    await query(test.knex, 'UPDATE node SET state = CASE id WHEN ? THEN 1 ELSE 2 END', [a!.id]);
    expect((await test.store.readPool()).nodes).toMatchObject([
      { id: a!.id, state: 'building' },
      { id: b!.id, state: 'ready' },
    ]);
  });

  it('sees everything deleted by hand', async () => {
    await launchOne(test.store, { subnodes: 2 });
    await test.store.createImage({ provider: 'p', image: 'i', hostname: 'h', version: 1, reason: 'operator' });
    await test.store.readPool();
    await test.opened.wipe();
    expect(await test.store.readPool()).toEqual(NO_RECORDS);
  });

  it('keeps the objects of rows that did not change, subnodes included', async () => {
    const ids = (await launch(test.store, ...[1, 0, 0, 0].map((subnodes) => aNewNode({ subnodes })))).map(
      ({ id }) => id,
    );
    const before = await test.store.readPool();
    await test.another().patch('node', ids[2]!, {}, { ip: '192.0.2.1' });
    const after = await test.store.readPool();
    expect(after.nodes.map((node, index) => node === before.nodes[index])).toEqual([true, true, false, true]);
  });

  it('makes a node anew when its subnode changes', async () => {
    const [node, plain] = await launch(test.store, aNewNode({ subnodes: 2 }), aNewNode());
    await test.store.readySubnode(node!.subnodes[1]!.id, {});
    const { nodes } = await test.store.readPool();
    expect(nodes[0]).not.toBe(node);
    expect(nodes[0]).toMatchObject({ id: node!.id, subnodes: [{ state: 'building' }, { state: 'ready' }] });
    expect(nodes[1]).toBe(plain);
  });

  it('finds a node whose state is known again', async () => {
    const { id } = await launchOne(test.store);
    await query(test.knex, 'UPDATE node SET state = 99 WHERE id = ?', [id]);
    expect((await test.store.readPool()).nodes).toEqual([]);
    await query(test.knex, 'UPDATE node SET state = 1 WHERE id = ?', [id]);
    expect((await test.store.readPool()).nodes).toMatchObject([{ id, state: 'building' }]);
  });

  it('readings at once do not mix', async () => {
    const ids = (await launch(test.store, ...Array.from({ length: 50 }, () => aNewNode({ subnodes: 1 })))).map(
      ({ id }) => id,
    );
    const results = await Promise.all([
      test.store.readPool(),
      ...ids.map((id) => test.store.moveNode({ id, from: 'building', to: 'delete', by: 'cleanup' })),
      test.store.readPool(),
    ]);
    expect(results.slice(1, -1).every((won) => won === true)).toBe(true);
    const { nodes } = await test.store.readPool();
    expect(nodes).toHaveLength(50);
    expect(nodes.every(({ state, subnodes }) => state === 'delete' && subnodes.length === 1)).toBe(true);
  });
});
