import { describe, expect, it } from 'vitest';
import { DATABASES } from '../support/with-database.ts';
import { aNewNode, launch, launchOne, NOW_SECONDS, query, takeLease, TTL_MS, useStore } from './harness.ts';

describe.each(DATABASES)('launching nodes on %s', (kind) => {
  const test = useStore(kind);

  it('each node gets the subnodes it asked for', async () => {
    const nodes = await launch(test.store, ...[0, 2, 1, 2].map((subnodes) => aNewNode({ subnodes })));
    expect(nodes.map(({ subnodes }) => subnodes.length)).toEqual([0, 2, 1, 2]);
    expect(nodes[1]!.subnodes).toMatchObject([
      { state: 'building', attempt: 0 },
      { nodeId: nodes[1]!.id, stateAt: NOW_SECONDS * 1000 },
    ]);
  });

  it('more nodes than fit one statement are all there, each with its event', async () => {
    const nodes = await launch(
      test.store,
      ...Array.from({ length: 1201 }, (_, index) => aNewNode({ label: `label-${index}`, reason: 'demand' })),
    );
    expect(new Set(nodes.map(({ label }) => label)).size).toBe(1201);
    expect(await test.store.events.of('node', nodes[1200]!.id)).toMatchObject([
      { kind: 'launch', reason: 'demand', provider: 'cloud', name: nodes[1200]!.label, at: test.clock.now() },
    ]);
    expect(await test.store.events.latest(['launch'], 2000)).toHaveLength(1201);
  });

  it('nothing to launch is nothing done', async () => {
    expect(await test.store.launchNodes([], await takeLease(test.store))).toBe(0);
    expect((await test.store.readPool()).nodes).toEqual([]);
  });

  it('whoever lost the lease launches nothing', async () => {
    const stolen = await takeLease(test.store, 'supply', 'host/1/a');
    await test.clock.advance(TTL_MS);
    const theirs = await takeLease(test.another(), 'supply', 'host/2/b');
    expect(await test.store.launchNodes([aNewNode({ subnodes: 1 })], stolen)).toBe(0);
    expect(await query(test.knex, 'SELECT * FROM subnode')).toEqual([]);
    expect(await test.store.launchNodes([aNewNode()], theirs)).toBe(1);
    expect(await test.store.events.latest(['launch'], 10)).toHaveLength(1);
  });

  it('an expired lease launches nothing, although nobody has taken it', async () => {
    const lease = await takeLease(test.store);
    await test.clock.advance(TTL_MS - 1);
    expect(await test.store.launchNodes([aNewNode()], lease)).toBe(1);
    await test.clock.advance(1);
    expect(await test.store.launchNodes([aNewNode()], lease)).toBe(0);
  });

  it('of two holders that race, the one without the lease launches nothing', async () => {
    const other = test.another();
    const old = await takeLease(test.store, 'supply', 'host/1/a');
    const taking = other.leases.keep('host/2/b', ['supply'], TTL_MS, () => true);
    const racing = test.store.launchNodes([aNewNode({ label: 'old' })], old);
    const lease = (await taking).get('supply')!;
    expect(await other.launchNodes([aNewNode({ label: 'new' })], lease)).toBe(1);
    const launched = await racing;
    expect(await test.store.launchNodes([aNewNode({ label: 'late' })], old)).toBe(0);
    // The race may go either way; what counts is that nothing is launched after the loss.
    expect((await test.store.readPool()).nodes.map(({ label }) => label)).toEqual(
      launched === 1 ? ['old', 'new'] : ['new'],
    );
  });

  it('subnodes whose node was deleted by hand go with the next launch, and join no other node', async () => {
    const { id } = await launchOne(test.store, { subnodes: 2 });
    await query(test.knex, 'DELETE FROM node WHERE id = ?', [id]);
    await test.store.readPool();
    // An id that comes again, as after TRUNCATE.
    const [node] = await launch(test.store, aNewNode());
    await query(test.knex, 'UPDATE node SET id = ? WHERE id = ?', [id, node!.id]);
    expect((await test.store.readPool()).nodes).toMatchObject([{ id, subnodes: [] }]);
    expect(await query(test.knex, 'SELECT * FROM subnode')).toEqual([]);
  });

  it('subnodes of living nodes stay', async () => {
    const { id } = await launchOne(test.store, { subnodes: 2 });
    await launchOne(test.store, { subnodes: 1 });
    expect(await query(test.knex, 'SELECT * FROM subnode WHERE node_id = ?', [id])).toHaveLength(2);
  });
});
