/** The real diskimage-builder, on machines with disks of their own (tier B of the rig): what it builds becomes a node. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openDib, type Dib } from '../support/dib.ts';
import { aLabelEntry, dburiOf } from '../support/real-pool.ts';
import { aRigProvider, openRigPool, type RigPool } from '../support/rig-pool.ts';
import { cloudHoldings } from '../support/rig-project.ts';
import { runRigScript } from '../support/rig.ts';

describe('a disk image that diskimage-builder made', () => {
  const rig = inject('rig');
  let dib: Dib;
  let site: RigPool;

  beforeAll(async () => {
    await runRigScript(rig, 'openstack-up', { RIG_REAL: '1' });
    dib = await openDib();
    site = await openRigPool(rig);
  });
  afterAll(async () => {
    await site.close();
    await dib.close();
  });

  it('is built by image-build, and boots as a node that lets its user in', async () => {
    configure(site, dib);
    site.start();
    const build = await site.pool.nodepool('image-build', 'dib-debian', '--wait');
    expect([build.code, build.stdout]).toEqual([0, expect.stringContaining('is ready.')]);
    const [node] = await site.pool.full({ debian: 1 });
    const answer = await dib.runOnNode(
      node?.ip ?? null,
      'whoami; cat /etc/nodepool/node_private; findmnt -no FSTYPE /',
    );
    expect(answer).toBe(`zuul\n${node?.ipPrivate ?? ''}\next4\n`);
    // The image brought none along.
    expect(node?.hostKey).toMatch(/^ssh-ed25519 /);
  });

  it('is one row, one file and one image at the cloud, and nothing is left of its build', async () => {
    const { diskImages, images } = await site.pool.database.store.readPool();
    expect(diskImages.map(({ image, state, files }) => [image, state, files?.map(({ format }) => format)])).toEqual([
      ['dib-debian', 'ready', ['qcow2']],
    ]);
    expect(images.map(({ image, state }) => [image, state])).toEqual([['debian', 'ready']]);
    const { servers, images: cloudImages } = await cloudHoldings(rig);
    expect([servers.length, cloudImages]).toEqual([1, [images[0]?.cloudImageId]]);
    expect(dib.leftovers()).toEqual({ mounts: [], files: [] });
  });
});

function configure({ pool, rig }: RigPool, dib: Dib): void {
  const image = { name: 'debian', diskimage: 'dib-debian', 'min-ram': 256, 'name-filter': 'real.', ...dib.login };
  const provider = aRigProvider(rig, {
    networks: [{ name: 'real' }],
    // Debian itself boots there in half a minute, when the processors are its own.
    'boot-timeout': 300,
    'max-servers': 2,
    images: [image],
  });
  const settings = {
    dburi: dburiOf(pool.database.config),
    'elements-dir': dib.elementsDir,
    'images-dir': join(pool.directory, 'images'),
    diskimages: [dib.diskimage('dib-debian')],
    providers: [provider],
    labels: [aLabelEntry({ name: 'debian', image: 'debian', 'min-ready': 1, providers: ['rig'] })],
    targets: [{ name: 'zuul' }],
  };
  pool.writeConfig(JSON.stringify(settings));
}
