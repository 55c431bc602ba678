import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import { recordKey, type PoolRecords } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { anActionBench, failing } from '../../support/action-bench.ts';
import { anImage, aWorld, INSTALLATION, NO_RECORDS, NOW } from '../../support/builders.ts';

const LIST: Action = {
  kind: 'list-accessories',
  subject: 'accessories:cloud',
  reason: 'cleanup-due',
  provider: 'cloud',
};
const DELETE: Action = {
  kind: 'delete-accessory',
  subject: 'leak:cloud/f',
  reason: 'leaked',
  provider: 'cloud',
  accessory: { kind: 'floating-ip', id: 'f', name: '198.51.100.7' },
  owner: 'node-7-abc',
};
const pool = (images: PoolRecords['images']) => ({
  readPool: () => Promise.resolve({ ...NO_RECORDS, images }),
});

describe('a listing of what belongs to servers', () => {
  it('is taken down with the time before it was asked for', async () => {
    const taken: unknown[] = [];
    const { context, perform } = anActionBench(aWorld(), { cloud: { listAccessories: () => Promise.resolve([]) } });
    context.book.recordListing = (...listing) => void taken.push(listing);
    await perform(LIST);
    expect(taken).toEqual([['cloud', 'accessories', { takenAt: NOW, items: [] }]]);
  });

  it('that fails makes it unknown, and is no failed action', async () => {
    const failures: unknown[] = [];
    const { context, perform } = anActionBench(aWorld(), {
      cloud: { listAccessories: failing('unavailable', 'away') },
    });
    context.book.recordFailure = (...failure) => void failures.push(failure);
    await perform(LIST);
    expect(failures).toEqual([['cloud', 'accessories', { error: 'away', now: NOW }]]);
  });
});

describe('the keys of templates on this host', () => {
  const building = anImage({ id: 2, state: 'building' });
  const ready = anImage({ id: 3 });
  const keyOf = (image: typeof building, installation = INSTALLATION): string =>
    `nodepool-${installation}-${recordKey('image', image)}`;

  it('go when their images are not being built any more, and not those of another installation', async () => {
    const { keys, perform } = anActionBench(aWorld(), { store: pool([building, ready]) });
    const others = [keyOf(anImage({ id: 9 }), 'another-installation'), 'somebody-elses-file'];
    for (const key of [keyOf(building), keyOf(ready), keyOf(anImage({ id: 99 })), ...others]) keys.set(key, 'ssh-rsa');
    await perform(LIST);
    expect([...keys.keys()]).toEqual([keyOf(building), ...others]);
  });

  it('are looked through although the cloud does not answer', async () => {
    const cloud = { listAccessories: failing('unavailable') };
    const { keys, perform } = anActionBench(aWorld(), { cloud, store: pool([]) });
    keys.set(keyOf(building), 'ssh-rsa');
    await perform(LIST);
    expect(keys.size).toBe(0);
  });

  it('are judged by rows that are read after the files: a build that began in between keeps its key', async () => {
    const { keys, perform } = anActionBench(aWorld({ images: [] }), { store: pool([building]) });
    keys.set(keyOf(building), 'ssh-rsa');
    await perform(LIST);
    expect(keys.size).toBe(1);
  });
});

describe('what is left over', () => {
  it('is deleted, and its provider tells so; until the next listing it is not there any more', async () => {
    const dropped: unknown[] = [];
    const { argumentsOf, context, perform } = anActionBench(aWorld());
    context.book.dropAccessory = (...accessory) => void dropped.push(accessory);
    await perform(DELETE);
    expect(argumentsOf('event')).toEqual([
      [
        { kind: 'provider', id: 0, provider: 'cloud' },
        { kind: 'leak-deleted', reason: 'leaked', detail: 'floating IP 198.51.100.7 of node-7-abc' },
      ],
    ]);
    expect(dropped).toMatchObject([['cloud', { kind: 'floating-ip', id: 'f' }]]);
  });

  it('that something uses after all is left alone until a new listing shows it', async () => {
    const { calls, perform, writes } = anActionBench(aWorld(), { cloud: { deleteAccessory: failing('conflict') } });
    await expect(perform(DELETE)).rejects.toMatchObject({ code: 'conflict' });
    expect([calls, writes]).toEqual([['deleteAccessory', 'dropAccessory'], []]);
  });

  it.each([
    ['deleteServer', { kind: 'delete-leaked-server', serverId: serverId('s') }],
    ['deleteImage', { kind: 'delete-leaked-image', cloudImageId: cloudImageId('i') }],
  ] as const)('and in use is asked for again after a minute (%s)', async (call, what) => {
    const action = {
      ...what,
      subject: 'leak:cloud/x',
      reason: 'leaked',
      provider: 'cloud',
      owner: 'node-7-abc',
    } as const;
    const { perform } = anActionBench(aWorld(), { cloud: { [call]: failing('conflict') } });
    await expect(perform(action)).rejects.toMatchObject({ code: 'conflict', retryAfterMs: 60_000 });
  });
});
