/** The real diskimage-builder, cut off: it mounts file systems, this machine's /dev among them, and they must not stay. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDib, type Dib } from '../support/dib.ts';
import { aLabelEntry, aProviderEntry, dburiOf, RealPool, until } from '../support/real-pool.ts';

let dib: Dib;
let pool: RealPool;

beforeEach(async () => {
  dib = await openDib();
  pool = await RealPool.open('SQLite');
  const settings = {
    dburi: dburiOf(pool.database.config),
    'elements-dir': dib.elementsDir,
    'images-dir': join(pool.directory, 'images'),
    diskimages: [dib.diskimage('dib-debian')],
    providers: [aProviderEntry({ images: [{ name: 'debian', diskimage: 'dib-debian', 'min-ram': 256 }] })],
    labels: [aLabelEntry({ name: 'debian', image: 'debian', 'min-ready': 0 })],
    targets: [{ name: 'zuul' }],
  };
  pool.writeConfig(JSON.stringify(settings));
});
afterEach(async () => {
  await pool.close();
  await dib.close();
});

/** Resolves when it has mounted something to work in. */
async function isMounted(): Promise<void> {
  const ask = (): Promise<true | null> => Promise.resolve(dib.leftovers().mounts.length > 1 ? true : null);
  await until('mounts of diskimage-builder', ask, 180_000);
}

async function builds(): Promise<readonly unknown[]> {
  return (await pool.database.store.readPool()).diskImages;
}

describe('a build that is cut off while it has file systems mounted', () => {
  it('leaves none of them when an operator deletes it', async () => {
    const daemon = pool.start('daemon');
    await isMounted();
    expect((await pool.nodepool('image-pause', 'dib-debian')).code).toBe(0);
    const deletion = await pool.nodepool('dib-image-delete', '1', '--wait');
    expect([deletion.code, dib.leftovers()]).toEqual([0, { mounts: [], files: [] }]);
    daemon.kill('SIGTERM');
    await daemon.ended;
  });

  it('leaves none of them when the daemon is told to stop', async () => {
    const daemon = pool.start('daemon');
    await isMounted();
    daemon.kill('SIGTERM');
    await daemon.ended;
    expect(dib.leftovers()).toEqual({ mounts: [], files: [] });
  });

  it('is ended by the next daemon when its own is killed, and leaves none of them', async () => {
    const killed = pool.start('daemon');
    await isMounted();
    killed.kill('SIGKILL');
    await killed.ended;
    expect((await pool.nodepool('image-pause', 'dib-debian')).code).toBe(0);
    expect((await pool.nodepool('dib-image-delete', '1')).code).toBe(0);
    pool.start('daemon');
    await until('the end of the build', async () => ((await builds()).length === 0 ? true : null), 60_000);
    expect(dib.leftovers()).toEqual({ mounts: [], files: [] });
  });
});
