/** On machines with disks of their own (tier B of the rig): what the set-up script writes is on the nodes. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { aLabelEntry } from '../../support/real-pool.ts';
import { aRigImage, aRigProvider, openRigPool, runOnNode, type RigPool } from '../../support/rig-pool.ts';
import { cloudHoldings } from '../../support/rig-project.ts';
import { runRigScript } from '../../support/rig.ts';

describe('a snapshot of a real machine', () => {
  const rig = inject('rig');
  let site: RigPool;

  beforeAll(async () => {
    await runRigScript(rig, 'openstack-up', { RIG_REAL: '1' });
    site = await openRigPool(rig);
  });
  afterAll(() => site.close());

  it('holds what the set-up script wrote, and its nodes hold it too', async () => {
    const image = aRigImage(rig, {
      'base-image': 'rig-real',
      'min-ram': 256,
      'name-filter': 'real.',
      setup: 'mark.sh',
    });
    const provider = aRigProvider(rig, {
      networks: [{ name: 'real' }],
      'boot-timeout': 300,
      'max-servers': 3,
      images: [image],
    });
    site.configure({
      providers: [provider],
      labels: [aLabelEntry({ name: 'real', 'min-ready': 2, providers: ['rig'] })],
    });
    site.start();
    const nodes = await site.pool.full({ real: 2 });
    const { images } = await site.pool.database.store.readPool();
    for (const node of nodes) {
      expect(await runOnNode(rig, node, 'cat /etc/made-by-nodepool')).toBe(`made on ${images[0]?.hostname ?? ''}\n`);
      expect(await runOnNode(rig, node, 'cat /etc/nodepool/node_private')).toBe(`${node.ipPrivate ?? ''}\n`);
    }
    // Machines of their own have host keys of their own, unless the image brought them along.
    expect(nodes.every(({ hostKey }) => hostKey !== null)).toBe(true);
  });

  it('leaves nothing behind but its image and nodes', async () => {
    const { servers, images, keypairs } = await cloudHoldings(rig);
    expect([servers.length, images.length, keypairs.length]).toEqual([2, 1, 0]);
  });
});
