import { describe, expect, it } from 'vitest';
import { DATABASES } from '../support/with-database.ts';
import { launchOne, NOW, query, useStore } from './harness.ts';

describe.each(DATABASES)('history on %s', (kind) => {
  const test = useStore(kind);

  it('a node keeps its history after its row is gone', async () => {
    const { id } = await launchOne(test.store, { reason: 'demand' });
    await test.clock.advance(1000);
    await test.store.moveNode({
      id,
      from: 'building',
      to: 'delete',
      by: 'operator',
      event: { kind: 'state', reason: 'operator', detail: 'x' },
    });
    await test.store.removeNode(id, { kind: 'removed', reason: 'gone' });
    const about = { subjectKind: 'node', subjectId: id, provider: 'cloud', name: 'small' };
    expect(await test.store.events.of('node', id)).toMatchObject([
      { ...about, at: NOW, kind: 'launch', reason: 'demand', detail: null },
      { ...about, at: NOW + 1000, kind: 'state', reason: 'operator', detail: 'x' },
      { ...about, at: NOW + 1000, kind: 'removed', reason: 'gone' },
    ]);
  });

  it('what happens to a subnode is in the history of its node', async () => {
    const node = await launchOne(test.store, { subnodes: 1 });
    const { id } = node.subnodes[0]!;
    await test.store.patch('subnode', id, {}, { ip: '192.0.2.1' }, { kind: 'active', reason: 'next-step' });
    expect((await test.store.events.of('node', node.id)).at(-1)).toMatchObject({
      subjectKind: 'subnode',
      subjectId: id,
      provider: 'cloud',
      name: 'small',
    });
    expect(await test.store.events.of('image', node.id)).toEqual([]);
  });

  it('images and providers have a history too', async () => {
    const id = await test.store.createImage({
      provider: 'cloud',
      image: 'ubuntu',
      hostname: 'h',
      version: 1,
      reason: 'operator',
    });
    await test.store.moveImage({
      id: id!,
      from: 'building',
      to: 'delete',
      by: 'cleanup',
      event: { kind: 'state', reason: 'image-failed' },
    });
    await test.store.events.add(
      { kind: 'image', id: id!, provider: 'cloud', name: 'ubuntu' },
      { kind: 'seen', reason: null },
    );
    await test.store.events.add(
      { kind: 'provider', id: 0, provider: 'cloud' },
      { kind: 'swept', reason: 'leaked', detail: 'server-1' },
    );
    expect(await test.store.events.of('image', id!)).toMatchObject([
      { kind: 'state', provider: 'cloud', name: 'ubuntu' },
      { kind: 'seen', provider: 'cloud', name: 'ubuntu' },
    ]);
    expect(await test.store.events.latest(['swept'], 5)).toMatchObject([
      { subjectKind: 'provider', provider: 'cloud', name: null, detail: 'server-1' },
    ]);
  });

  it('the latest events of some kinds come newest first, as many as asked for', async () => {
    for (const [index, name] of ['a', 'b', 'c', 'a', 'c', 'b'].entries()) {
      await test.store.events.add({ kind: 'provider', id: 0 }, { kind: name, reason: null, detail: String(index) });
    }
    expect((await test.store.events.latest(['a', 'b'], 3)).map(({ detail }) => detail)).toEqual(['5', '3', '1']);
    expect(await test.store.events.latest([], 3)).toEqual([]);
  });

  it('events before a time are deleted, the rest stays', async () => {
    await test.store.events.add({ kind: 'provider', id: 0 }, { kind: 'old', reason: null });
    await test.clock.advance(10);
    await test.store.events.add({ kind: 'provider', id: 0 }, { kind: 'new', reason: null });
    expect(await test.store.events.purge(NOW)).toBe(0);
    expect(await test.store.events.purge(NOW + 1)).toBe(1);
    expect((await test.store.events.latest(['old', 'new'], 9)).map((event) => event.kind)).toEqual(['new']);
  });

  it('failures at a place are counted until they are cleared', async () => {
    const place = { kind: 'launch', provider: 'cloud', image: 'ubuntu', az: null } as const;
    const counts: number[] = [];
    const retryAt = (count: number): number => {
      counts.push(count);
      return NOW + count * 1000;
    };
    await test.store.failures.record(place, 'no host', retryAt);
    await test.clock.advance(5);
    await test.store.failures.record(place, 'no quota', retryAt);
    await test.store.failures.record({ ...place, az: 'nova' }, 'no host', () => NOW);
    expect(counts).toEqual([1, 2]);
    const { failures } = await test.store.readPool();
    expect(failures).toHaveLength(2);
    expect(failures).toContainEqual({
      ...place,
      count: 2,
      lastAt: NOW + 5,
      lastError: 'no quota',
      retryAt: NOW + 2000,
    });
    await test.store.failures.clear(place);
    await test.store.failures.clear(place);
    expect((await test.store.readPool()).failures).toMatchObject([{ az: 'nova' }]);
  });

  it('failures of one place that are recorded at once are all counted', async () => {
    const place = { kind: 'provider', provider: 'cloud', image: null, az: null } as const;
    const stores = [test.store, test.another()];
    await Promise.all(
      stores.flatMap((store) => [1, 2, 3].map(() => store.failures.record(place, 'down', (count) => NOW + count))),
    );
    expect((await test.store.readPool()).failures).toMatchObject([{ count: 6, retryAt: NOW + 6 }]);
  });

  it('failures are forgotten when the rest after the last one ended long ago, whether or not the place is still there', async () => {
    const removed = { kind: 'provider', provider: 'removed', image: null, az: null } as const;
    const renamed = { kind: 'disk-image', provider: '', image: 'renamed', az: null } as const;
    await test.store.failures.record(removed, 'down', () => NOW + 1000);
    await test.store.failures.record(renamed, 'no mirror', () => NOW + 999);
    await test.store.failures.purge(NOW + 999);
    expect((await test.store.readPool()).failures).toHaveLength(2);
    await test.store.failures.purge(NOW + 1000);
    expect((await test.store.readPool()).failures).toMatchObject([removed]);
  });

  it('failures of a place that goes on failing are all kept', async () => {
    const place = { kind: 'build', provider: 'cloud', image: 'ubuntu', az: null } as const;
    await test.store.failures.record(place, 'no mirror', () => NOW + 1000);
    await test.clock.advance(5000);
    await test.store.failures.record(place, 'no mirror', () => NOW + 6000);
    await test.store.failures.purge(NOW + 5000);
    expect((await test.store.readPool()).failures).toMatchObject([{ ...place, count: 2 }]);
  });

  it('an intent is read until it is answered, and the first answer stays', async () => {
    const args = { provider: 'cloud', image: 'ubuntu', force: true, id: 4, none: null };
    const id = await test.store.intents.add('image-update', args);
    const asked = { id, kind: 'image-update', args, finishedAt: null, result: null, error: null };
    expect((await test.store.readPool()).intents).toEqual([asked]);
    await test.clock.advance(7);
    expect(await test.store.intents.finish(id, { result: { images: [1, 'zwei'] } })).toBe(true);
    expect(await test.store.intents.finish(id, { error: 'late' })).toBe(false);
    expect(await test.store.intents.find(id)).toEqual({
      ...asked,
      finishedAt: NOW + 7,
      result: { images: [1, 'zwei'] },
    });
    expect((await test.store.readPool()).intents).toEqual([]);
  });

  it('a failed intent has a sentence; one that nobody made is not found', async () => {
    const id = await test.store.intents.add('plan', {});
    await test.store.intents.finish(id, { error: 'no such image' });
    expect(await test.store.intents.find(id)).toMatchObject({ error: 'no such image', result: null });
    expect(await test.store.intents.find(id + 1)).toBeNull();
  });

  it('an answer may be large, or nothing', async () => {
    const [large, nothing] = [await test.store.intents.add('plan', {}), await test.store.intents.add('plan', {})];
    const result = Array.from({ length: 20_000 }, (_, index) => `action ${index}`);
    await test.store.intents.finish(large, { result });
    await test.store.intents.finish(nothing, { result: undefined });
    expect((await test.store.intents.find(large))?.result).toEqual(result);
    expect((await test.store.intents.find(nothing))?.result).toBeNull();
  });

  it('answered intents are purged by age, unanswered ones never', async () => {
    const [answered, open] = [await test.store.intents.add('plan', {}), await test.store.intents.add('plan', {})];
    await test.store.intents.finish(answered, { result: 1 });
    await test.store.intents.purge(NOW);
    expect(await test.store.intents.find(answered)).not.toBeNull();
    await test.store.intents.purge(NOW + 1);
    expect(await test.store.intents.find(answered)).toBeNull();
    expect(await test.store.intents.find(open)).not.toBeNull();
    expect(await query(test.knex, 'SELECT * FROM intent')).toHaveLength(1);
  });
});
