import { describe, expect, it } from 'vitest';
import { connect } from '../../src/store/connect.ts';
import { createStore } from '../../src/store/create-store.ts';
import { createClassicSchema } from '../support/classic-schema.ts';
import { migrate } from '../../src/store/migrate.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { DATABASES, openEmptyDatabase } from '../support/with-database.ts';
import { aNewNode, countQueries, launch, launchOne, nodeNow, query, useStore } from './harness.ts';

const EVENT = { kind: 'ready', reason: 'next-step' };

describe.each(DATABASES)('writes that come together on %s', (kind) => {
  const test = useStore(kind);

  async function launchMany(count: number): Promise<number[]> {
    const nodes = await launch(test.store, ...Array.from({ length: count }, () => aNewNode()));
    return nodes.map(({ id }) => id);
  }

  it('a thousand moves with events cost few queries', async () => {
    const ids = await launchMany(1000);
    const knex = connect(test.opened.config);
    const store = createStore({ knex, clock: test.clock, random: systemRandom });
    try {
      // Opens the connection.
      await store.installation();
      const queries = countQueries(knex);
      const won = await Promise.all(
        ids.map((id) =>
          store.moveNode({ id, from: 'building', to: 'ready', by: 'launch', patch: { ip: `ip-${id}` }, event: EVENT }),
        ),
      );
      expect(won.every(Boolean)).toBe(true);
      expect(queries()).toBeLessThan(40);
    } finally {
      await store.close();
    }
    const { nodes } = await test.store.readPool();
    expect(nodes.map(({ id, state, ip }) => ({ id, state, ip }))).toEqual(
      ids.map((id) => ({ id, state: 'ready', ip: `ip-${id}` })),
    );
    expect(await test.store.events.latest(['ready'], 2000)).toHaveLength(1000);
  });

  it('each learns whether it won itself, and only winners leave an event', async () => {
    const ids = await launchMany(500);
    const isLost = (id: number): boolean => id % 7 === 0;
    for (const id of ids.filter(isLost)) await query(test.knex, 'UPDATE node SET state = 5 WHERE id = ?', [id]);
    const won = await Promise.all(
      ids.map((id) => test.store.moveNode({ id, from: 'building', to: 'ready', by: 'launch', event: EVENT })),
    );
    expect(won).toEqual(ids.map((id) => !isLost(id)));
    const winners = ids.filter((id) => !isLost(id));
    expect(
      (await test.store.events.latest(['ready'], 1000)).map(({ subjectId }) => subjectId).sort((a, b) => a - b),
    ).toEqual(winners);
    expect((await test.store.readPool()).nodes.map(({ state }) => state)).toEqual(
      ids.map((id) => (isLost(id) ? 'hold' : 'ready')),
    );
  });

  it('a row deleted by hand between reading and writing loses alone', async () => {
    const [first, second, third] = await launchMany(3);
    await query(test.knex, 'DELETE FROM node WHERE id = ?', [second!]);
    const moves = [first!, second!, third!].map((id) =>
      test.store.moveNode({ id, from: 'building', to: 'ready', by: 'launch', event: EVENT }),
    );
    expect(await Promise.all(moves)).toEqual([true, false, true]);
    expect(await test.store.events.of('node', second!)).toMatchObject([{ kind: 'launch' }]);
  });

  it('removals are grouped with the rest, and losers among them keep their subnodes', async () => {
    const gone = await launchOne(test.store, { subnodes: 1 });
    const held = await launchOne(test.store, { subnodes: 1 });
    const fresh = await launchOne(test.store);
    await query(test.knex, 'UPDATE node SET state = 4 WHERE id = ?', [gone.id]);
    await query(test.knex, 'UPDATE node SET state = 5 WHERE id = ?', [held.id]);
    const writes = [
      test.store.removeNode(gone.id, { kind: 'removed', reason: 'gone' }),
      test.store.removeNode(held.id, { kind: 'removed', reason: 'gone' }),
      test.store.recordAttempt({ kind: 'node', id: fresh.id }, 0, {}),
      test.store.recordAttempt({ kind: 'subnode', id: held.subnodes[0]!.id }, 0, {}),
      test.store.readySubnode(held.subnodes[0]!.id, {}),
    ];
    expect(await Promise.all(writes)).toEqual([true, false, true, false, true]);
    expect((await test.store.readPool()).nodes).toMatchObject([
      { id: held.id, subnodes: [{ state: 'ready', attempt: 0 }] },
      { id: fresh.id, attempt: 1 },
    ]);
    expect(await test.store.events.latest(['removed'], 10)).toMatchObject([
      { subjectId: gone.id, provider: 'cloud', name: 'small' },
    ]);
  });

  it('writes to one row keep their order, whatever their shape', async () => {
    const { id } = await launchOne(test.store);
    const writes = [
      test.store.patch('node', id, { state: 'building' }, { comment: 'one' }, { kind: 'one', reason: null }),
      test.store.moveNode({ id, from: 'building', to: 'ready', by: 'launch', event: { kind: 'two', reason: null } }),
      test.store.patch('node', id, { state: 'building' }, { comment: 'three' }, { kind: 'three', reason: null }),
      test.store.moveNode({ id, from: 'ready', to: 'hold', by: 'operator', event: { kind: 'four', reason: null } }),
      test.store.patch('node', id, {}, { comment: 'five' }, { kind: 'five', reason: null }),
    ];
    expect(await Promise.all(writes)).toEqual([true, true, false, true, true]);
    expect(await nodeNow(test.store, id)).toMatchObject({ state: 'hold', comment: 'five' });
    expect((await test.store.events.of('node', id)).map((event) => event.kind)).toEqual([
      'launch',
      'one',
      'two',
      'four',
      'five',
    ]);
  });

  it('an event tells what its subject was about, even when details differ within a group', async () => {
    const [small] = await launch(test.store, aNewNode());
    const [big] = await launch(test.store, aNewNode({ label: 'big', provider: 'other' }));
    await Promise.all(
      [small!, big!].map(({ id }) =>
        test.store.patch('node', id, {}, { ip: null }, { kind: 'seen', reason: null, detail: `node ${id}` }),
      ),
    );
    expect(await test.store.events.latest(['seen'], 10)).toMatchObject([
      {
        subjectKind: 'node',
        subjectId: big!.id,
        provider: 'other',
        name: 'big',
        detail: `node ${big!.id}`,
        at: test.clock.now(),
      },
      { subjectKind: 'node', subjectId: small!.id, provider: 'cloud', name: 'small', detail: `node ${small!.id}` },
    ]);
  });

  it('two processes that write the same rows at once share the wins', async () => {
    const ids = await launchMany(300);
    const moves = [test.store, test.another()].map((store) =>
      Promise.all(
        ids.map((id) =>
          store.moveNode({
            id,
            from: 'building',
            to: 'delete',
            by: 'cleanup',
            event: { kind: 'deleted', reason: null },
          }),
        ),
      ),
    );
    const [ours, theirs] = await Promise.all(moves);
    expect(ids.map((_, index) => Number(ours![index]) + Number(theirs![index]))).toEqual(ids.map(() => 1));
    expect(await test.store.events.latest(['deleted'], 1000)).toHaveLength(300);
  });

  it('closing waits for what is on its way', async () => {
    const { id } = await launchOne(test.store);
    const store = test.another();
    const move = store.moveNode({ id, from: 'building', to: 'ready', by: 'launch' });
    await store.close();
    expect(await move).toBe(true);
  });
});

it('a write that an old table cannot hold fails alone', async () => {
  const database = await openEmptyDatabase('MariaDB');
  const store = createStore({ knex: connect(database.config), clock: systemClock, random: systemRandom });
  try {
    // Latin 1, as the original's tables are.
    await createClassicSchema(database.knex, '0.3.1');
    await migrate({ knex: database.knex, clock: systemClock, random: systemRandom });
    const { id: first } = await launchOne(store);
    const { id: second } = await launchOne(store);
    const results = await Promise.allSettled([
      store.patch('node', first, {}, { comment: 'plain' }),
      store.patch('node', second, {}, { comment: '日本語' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await nodeNow(store, first)).toMatchObject({ comment: 'plain' });
  } finally {
    await store.close();
    await database.close();
  }
});
