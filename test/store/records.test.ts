import { describe, expect, it } from 'vitest';
import { cloudImageId, serverId } from '../../src/lib/ids.ts';
import type { Store } from '../../src/store/store.ts';
import { NO_RECORDS } from '../support/builders.ts';
import { DATABASES } from '../support/with-database.ts';
import { aNewNode, launch, launchOne, nodeNow, NOW, NOW_SECONDS, query, takeLease, useStore } from './harness.ts';

/** As long as that of an RSA key of 4096 bits: it must not be cut. */
const HOST_KEY = `ssh-rsa ${'A'.repeat(716)}`;

describe.each(DATABASES)('records on %s', (kind) => {
  const test = useStore(kind);

  it('a launched node has what was asked for and nothing else', async () => {
    const node = await launchOne(test.store, { az: 'nova', imageId: 7, reason: 'demand' });
    expect(node).toEqual({
      id: node.id,
      provider: 'cloud',
      label: 'small',
      target: 'zuul',
      manager: null,
      hostname: null,
      nodename: null,
      az: 'nova',
      state: 'building',
      stateAt: NOW_SECONDS * 1000,
      comment: null,
      reason: 'demand',
      imageId: 7,
      scriptAt: null,
      checkedAt: null,
      checkFailures: 0,
      heldFrom: null,
      holdUntil: null,
      heldBy: null,
      requestId: null,
      registerAt: null,
      registeredAt: null,
      testAt: null,
      jobName: null,
      jobResult: null,
      jobDoneAt: null,
      subnodes: [],
      serverId: null,
      attempt: 0,
      attemptAt: null,
      activeAt: null,
      reachableAt: null,
      deleteAt: null,
      ip: null,
      ipPrivate: null,
      hostKey: null,
      createdAt: NOW,
    });
  });

  it('every fact of a node comes back as it was written', async () => {
    const { id } = await launchOne(test.store);
    const facts = {
      serverId: serverId('server-1'),
      attemptAt: NOW + 1,
      activeAt: NOW + 2,
      reachableAt: NOW + 3,
      deleteAt: NOW + 4,
      ip: '2001:db8::1',
      ipPrivate: '10.0.0.1',
      hostKey: HOST_KEY,
      hostname: 'small-cloud-1.example.org',
      nodename: 'small-cloud-1',
      comment: 'für später 🙂',
      reason: 'operator',
      scriptAt: NOW + 5,
      checkedAt: NOW + 6,
      checkFailures: 2,
      heldFrom: 'used' as const,
      holdUntil: NOW + 7,
      heldBy: 3,
      manager: 'jenkins',
      registerAt: NOW + 8,
      registeredAt: NOW + 9,
      testAt: NOW + 10,
      jobName: 'gate-日本',
      jobResult: 'FAILURE',
      jobDoneAt: NOW + 11,
    };
    expect(await test.store.patch('node', id, {}, facts)).toBe(true);
    expect(await nodeNow(test.store, id)).toMatchObject(facts);
  });

  it('facts that a patch leaves out stay, and null takes them away', async () => {
    const { id } = await launchOne(test.store);
    await test.store.patch('node', id, {}, { ip: '192.0.2.1', hostname: 'a', heldFrom: 'ready' });
    await test.store.patch('node', id, {}, { ip: null, heldFrom: null });
    expect(await nodeNow(test.store, id)).toMatchObject({ ip: null, hostname: 'a', heldFrom: null });
  });

  it('every fact of a subnode comes back, and belongs to its node', async () => {
    const [first, second] = await launch(test.store, aNewNode({ subnodes: 2 }), aNewNode({ subnodes: 1 }));
    const { id } = first!.subnodes[1]!;
    const facts = {
      serverId: serverId('server-2'),
      attemptAt: NOW + 1,
      activeAt: NOW + 2,
      reachableAt: NOW + 3,
      deleteAt: NOW + 4,
      ip: '192.0.2.2',
      ipPrivate: '10.0.0.2',
      hostKey: HOST_KEY,
      hostname: 'small-cloud-1-2',
    };
    expect(await test.store.patch('subnode', id, { state: 'building' }, facts)).toBe(true);
    expect((await nodeNow(test.store, first!.id))?.subnodes[1]).toEqual({
      id,
      nodeId: first!.id,
      state: 'building',
      stateAt: NOW_SECONDS * 1000,
      attempt: 0,
      createdAt: NOW,
      ...facts,
    });
    expect((await nodeNow(test.store, second!.id))?.subnodes).toHaveLength(1);
  });

  it('a subnode becomes ready once', async () => {
    const node = await launchOne(test.store, { subnodes: 1 });
    const { id } = node.subnodes[0]!;
    expect(await test.store.readySubnode(id, { ip: '192.0.2.3' })).toBe(true);
    expect(await test.store.readySubnode(id, { ip: '192.0.2.4' })).toBe(false);
    expect((await nodeNow(test.store, node.id))?.subnodes[0]).toMatchObject({ state: 'ready', ip: '192.0.2.3' });
  });

  it('every fact of an image comes back as it was written', async () => {
    const id = await test.store.createImage({
      provider: 'cloud',
      image: 'ubuntu',
      hostname: 'template-1',
      version: NOW_SECONDS,
      reason: 'image-missing',
    });
    const facts = {
      serverId: serverId('server-3'),
      attemptAt: NOW + 1,
      activeAt: NOW + 2,
      reachableAt: NOW + 3,
      deleteAt: NOW + 4,
      ip: '192.0.2.5',
      ipPrivate: '10.0.0.5',
      hostKey: HOST_KEY,
      cloudImageId: cloudImageId('image-1'),
      reason: 'next-step',
      username: 'root',
      setupAt: NOW + 5,
      setupDoneAt: NOW + 6,
      saveAt: NOW + 7,
      saveAttempt: 2,
      progressBytes: 8,
      withdrawnAt: NOW + 8,
    };
    expect(await test.store.patch('image', id!, { state: 'building', attempt: 0 }, facts)).toBe(true);
    expect((await test.store.readPool()).images).toEqual([
      {
        id,
        provider: 'cloud',
        image: 'ubuntu',
        hostname: 'template-1',
        version: NOW_SECONDS,
        state: 'building',
        stateAt: NOW_SECONDS * 1000,
        attempt: 0,
        createdAt: NOW,
        diskImageId: null,
        launchesOk: 0,
        launchesFailed: 0,
        ...facts,
      },
    ]);
  });

  it('text that is too long for its column is cut, not refused', async () => {
    const { id } = await launchOne(test.store);
    expect(await test.store.patch('node', id, {}, { comment: 'x'.repeat(300) })).toBe(true);
    expect((await nodeNow(test.store, id))?.comment).toBe(`${'x'.repeat(254)}…`);
  });

  it('a save is recorded once: who comes second loses', async () => {
    const image = { provider: 'cloud', image: 'ubuntu', hostname: 'template', version: 1, reason: 'image-missing' };
    const id = (await test.store.createImage(image))!;
    const record = (store: Store): Promise<boolean> =>
      store.patch('image', id, { state: 'building', saveAttempt: 0 }, { saveAt: NOW, saveAttempt: 1 });
    const won = await Promise.all([record(test.store), record(test.another())]);
    expect(won.filter(Boolean)).toHaveLength(1);
    expect((await test.store.readPool()).images).toMatchObject([{ saveAt: NOW, saveAttempt: 1 }]);
  });

  it('one image of a provider is built at a time', async () => {
    const image = { provider: 'cloud', image: 'ubuntu', hostname: 'template', version: 1, reason: 'image-missing' };
    const id = await test.store.createImage(image);
    expect(id).not.toBeNull();
    expect(await test.store.createImage(image)).toBeNull();
    expect(await test.store.createImage({ ...image, provider: 'other' })).not.toBeNull();
    expect(await test.store.createImage({ ...image, image: 'Ubuntu' })).not.toBeNull();
    await test.store.moveImage({ id: id!, from: 'building', to: 'ready', by: 'launch' });
    expect(await test.store.createImage(image)).not.toBeNull();
  });

  it('of many that start the same build at once, one does', async () => {
    const image = { provider: 'cloud', image: 'ubuntu', hostname: 'template', version: 1, reason: 'image-missing' };
    const stores = [test.store, test.another(), test.another()];
    const ids = await Promise.all(stores.flatMap((store) => [store.createImage(image), store.createImage(image)]));
    expect(ids.filter((id) => id !== null)).toHaveLength(1);
    expect((await test.store.readPool()).images).toHaveLength(1);
  });

  it('a row that foreign SQL inserted is as old as its state', async () => {
    await query(
      test.knex,
      "INSERT INTO node (provider_name, label_name, target_name, state, state_time) VALUES ('p', 'l', 't', 2, 1000)",
    );
    await query(
      test.knex,
      "INSERT INTO snapshot_image (provider_name, image_name, state, state_time) VALUES ('p', 'i', 2, 2000)",
    );
    const { nodes, images } = await test.store.readPool();
    expect(nodes).toMatchObject([{ createdAt: 1_000_000, state: 'ready', attempt: 0, checkFailures: 0 }]);
    expect(images).toMatchObject([{ createdAt: 2_000_000, version: 0 }]);
  });

  it('our first write to a row of foreign SQL fixes its creation time', async () => {
    await query(
      test.knex,
      "INSERT INTO node (provider_name, label_name, target_name, state, state_time) VALUES ('p', 'l', 't', 2, 1000)",
    );
    const [node] = (await test.store.readPool()).nodes;
    await test.store.moveNode({ id: node!.id, from: 'ready', to: 'delete', by: 'operator' });
    expect(await nodeNow(test.store, node!.id)).toMatchObject({ createdAt: 1_000_000, stateAt: NOW_SECONDS * 1000 });
  });

  it('rows in states that nobody knows are left out', async () => {
    const insert = 'INSERT INTO node (provider_name, label_name, target_name, state) VALUES (?, ?, ?, ?)';
    for (const state of [0, 7, null]) await query(test.knex, insert, ['p', 'l', 't', state]);
    await query(test.knex, "INSERT INTO snapshot_image (provider_name, image_name, state) VALUES ('p', 'i', 5)");
    expect(await test.store.readPool()).toEqual(NO_RECORDS);
  });

  it('rows of foreign SQL with nothing but what must be there do not stop the reading', async () => {
    await query(test.knex, "INSERT INTO node (provider_name, label_name, target_name, state) VALUES ('', '', '', 2)");
    await query(
      test.knex,
      "INSERT INTO snapshot_image (provider_name, image_name, state, external_id) VALUES ('p', 'i', 1, '')",
    );
    await query(test.knex, "INSERT INTO intent (kind, args, created_ms) VALUES ('plan', 'no JSON', 1)");
    await query(test.knex, "INSERT INTO intent (kind, args, created_ms) VALUES ('of-a-later-version', '{}', 1)");
    const { nodes, images, intents } = await test.store.readPool();
    expect(nodes).toMatchObject([{ state: 'ready', stateAt: 0, createdAt: 0 }]);
    expect(images).toMatchObject([{ state: 'building', cloudImageId: null }]);
    expect(intents).toMatchObject([{ kind: 'plan', args: {} }]);
  });

  it('the installation has one UUID, whoever asks first', async () => {
    const stores = [test.store, test.another(), test.another()];
    const uuids = await Promise.all(stores.map((store) => store.installation()));
    expect(new Set(uuids).size).toBe(1);
    expect(await test.another().installation()).toBe(uuids[0]);
  });

  it('classic SQL reads what we write', async () => {
    await launchOne(test.store);
    await test.store.launchNodes([aNewNode()], await takeLease(test.store));
    const rows = await query<{ state: number; state_time: number }>(
      test.knex,
      "SELECT state, state_time FROM node WHERE label_name = 'small'",
    );
    expect(rows).toMatchObject([
      { state: 1, state_time: NOW_SECONDS },
      { state: 1, state_time: NOW_SECONDS },
    ]);
  });

  it('the location of a provider is replaced, and forgotten', async () => {
    const { locations } = test.store;
    await locations.set('rax', 'region DFW');
    await locations.set('hp', 'region East');
    await locations.set('rax', 'region ORD');
    expect(Object.fromEntries(await locations.all())).toEqual({ rax: 'region ORD', hp: 'region East' });
    await locations.set('rax', null);
    expect(Object.fromEntries(await locations.all())).toEqual({ hp: 'region East' });
  });
});
