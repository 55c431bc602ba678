import { describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import { serverId, type ServerId } from '../../../src/lib/ids.ts';
import { recordKey } from '../../../src/lifecycle/records.ts';
import type { Action, SlotRef } from '../../../src/planning/actions.ts';
import { anActionBench, failing } from '../../support/action-bench.ts';
import { aConfig, anImage, aNode, aProvider, aWorld, INSTALLATION } from '../../support/builders.ts';

const NODE = aNode({ id: 7, state: 'delete' });
const IMAGE = anImage({ id: 2, state: 'ready', serverId: serverId('template') });
const KEY = `nodepool-${INSTALLATION}-${recordKey('image', IMAGE)}`;
const IDS = ['a', 'b', 'c'].map(serverId);

const DELETE_NODE: Action = {
  kind: 'delete-server',
  subject: 'node:7',
  reason: 'deleted',
  slot: { kind: 'node', id: 7, provider: 'cloud', key: recordKey('node', NODE) },
  serverIds: IDS,
};
const DELETE_TEMPLATE: Action = {
  kind: 'delete-server',
  subject: 'image:2',
  reason: 'deleted',
  slot: { kind: 'image', id: 2, provider: 'cloud', key: recordKey('image', IMAGE) },
  serverIds: [serverId('template')],
};

describe('the deletion of servers', () => {
  it('asks for all of them although one cannot be deleted, and again later', async () => {
    const asked: ServerId[] = [];
    const deleteServer = (id: ServerId): Promise<void> => {
      asked.push(id);
      return id === 'a' ? Promise.reject(new NodepoolError('unavailable', 'no')) : Promise.resolve();
    };
    const bench = anActionBench(aWorld({ nodes: [NODE] }), { cloud: { deleteServer } });
    await expect(bench.perform(DELETE_NODE)).rejects.toMatchObject({ code: 'unavailable' });
    expect([asked, bench.writes]).toEqual([IDS, []]);
  });

  it('of a server that is busy is asked for again after ten seconds', async () => {
    const bench = anActionBench(aWorld({ nodes: [NODE] }), { cloud: { deleteServer: failing('conflict') } });
    await expect(bench.perform(DELETE_NODE)).rejects.toMatchObject({ code: 'conflict', retryAfterMs: 10_000 });
  });

  it('is on record when the cloud has accepted all', async () => {
    const bench = anActionBench(aWorld({ nodes: [NODE] }));
    await bench.perform(DELETE_NODE);
    expect(bench.argumentsOf('patch')).toEqual([['node', 7, {}, { deleteAt: bench.clock.now() }]]);
    expect(bench.calls).toEqual(['deleteServer', 'deleteServer', 'deleteServer']);
  });

  it('takes the key that was made for a template along, in the cloud and on disk', async () => {
    const deleted: unknown[] = [];
    const deleteAccessory = (accessory: unknown): Promise<void> => Promise.resolve(void deleted.push(accessory));
    const bench = anActionBench(aWorld({ images: [IMAGE] }), { cloud: { deleteAccessory } });
    bench.keys.set(KEY, 'ssh-rsa AAAA').set('another', 'ssh-rsa AAAA');
    await bench.perform(DELETE_TEMPLATE);
    expect([deleted, [...bench.keys.keys()]]).toEqual([[{ kind: 'keypair', id: KEY }], ['another']]);
  });

  it('is on record when that key is gone, too: who is cut off before is followed by one who asks again', async () => {
    const bench = anActionBench(aWorld({ images: [IMAGE] }), { cloud: { deleteAccessory: failing('unavailable') } });
    await expect(bench.perform(DELETE_TEMPLATE)).rejects.toMatchObject({ code: 'unavailable' });
    expect(bench.writes).toEqual([]);
  });

  it('takes that key along, too, when the configuration has named a key pair meanwhile', async () => {
    const config = aConfig({ providers: [aProvider({ keypair: 'templates' })] });
    const bench = anActionBench(aWorld({ config, images: [IMAGE] }));
    bench.keys.set(KEY, 'ssh-rsa AAAA');
    await bench.perform(DELETE_TEMPLATE);
    expect([bench.calls, bench.keys.size]).toEqual([['deleteServer', 'deleteAccessory'], 0]);
  });

  it('leaves the key pair alone that the configuration names', async () => {
    const config = aConfig({ providers: [aProvider({ keypair: 'templates' })] });
    const bench = anActionBench(aWorld({ config, images: [IMAGE] }));
    await bench.perform(DELETE_TEMPLATE);
    expect(bench.calls).toEqual(['deleteServer']);
  });
});

describe('a server that is gone', () => {
  const nodeSlot: SlotRef = { kind: 'node', id: 7, provider: 'cloud', key: recordKey('node', NODE) };
  const imageSlot: SlotRef = { kind: 'image', id: 2, provider: 'cloud', key: recordKey('image', IMAGE) };

  it('is nothing that its record knows of any more, and its history says so', async () => {
    const bench = anActionBench(aWorld({ nodes: [NODE], images: [IMAGE] }));
    await bench.perform({ kind: 'forget-server', subject: 'node:7', reason: 'gone', slot: nodeSlot });
    await bench.perform({ kind: 'forget-server', subject: 'image:2', reason: 'gone', slot: imageSlot });
    const nothing = { serverId: null, attemptAt: null, deleteAt: null, ip: null, ipPrivate: null, hostKey: null };
    expect(bench.argumentsOf('patch')).toEqual([
      ['node', 7, {}, nothing, { kind: 'server-deleted', reason: 'gone' }],
      ['image', 2, {}, nothing, { kind: 'template-deleted', reason: 'gone' }],
    ]);
  });
});
