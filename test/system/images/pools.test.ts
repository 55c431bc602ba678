/**
 * Whole pools whose images are made of disk images, by programs as an operator runs them: a builder program that makes real
 * images, and the real qemu-img. What the original showed with two providers is shown with two here.
 */
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aLabelEntry, aProviderEntry, dburiOf, RealPool, until, type Entry } from '../../support/real-pool.ts';
import { standIn } from '../../unit/images/workshop.ts';
import { needQemuImg } from './real-images.ts';

const SCRIPTS = join(import.meta.dirname, '../../../tools/fake-scripts');
const SNAPSHOT = { name: 'trusty', 'base-image': 'Base', 'min-ram': 1024, setup: 'prepare_node_devstack.sh' };
const UPLOAD = { name: 'trusty', diskimage: 'dib-trusty', 'min-ram': 1024 };

let pool: RealPool;

beforeAll(needQemuImg);
beforeEach(async () => {
  pool = await RealPool.open('SQLite', { patienceMs: 50_000 });
});
afterEach(() => pool.close());

/** Two nodes of one label, at `east` and `west`, from an image that is made of a disk image unless they say otherwise. */
function start({ east = {}, west = {}, env = {} }: { east?: Entry; west?: Entry; env?: Entry }): void {
  const providers = [
    aProviderEntry({ images: [UPLOAD], ...east }),
    aProviderEntry({ images: [UPLOAD], name: 'west', ...west }),
  ];
  const settings = {
    dburi: dburiOf(pool.database.config),
    'script-dir': SCRIPTS,
    'images-dir': join(pool.directory, 'images'),
    providers,
    labels: [aLabelEntry({ image: 'trusty', providers: ['east', 'west'] })],
    targets: [{ name: 'zuul' }],
    diskimages: [{ name: 'dib-trusty', 'dib-cmd': standIn('disk-image-create'), 'env-vars': env }],
  };
  pool.writeConfig(JSON.stringify(settings));
  pool.start();
}

/** Providers of the nodes of a full pool. */
async function places(): Promise<readonly string[]> {
  return (await pool.full({ small: 2 })).map(({ provider }) => provider).sort();
}

interface Image {
  readonly provider: string;
  readonly state: string;
  readonly build: number | null;
}

/** Where there are READY images, and the ids of the builds that they were made of. */
async function images(): Promise<readonly unknown[]> {
  const rows = await pool.ask<Image[]>('image-list');
  return rows.filter(({ state }) => state === 'ready').map(({ provider, build }) => [provider, build]);
}

describe('a label that two providers supply', () => {
  it('gets a node from each when one wants qcow2 and the other vhd, both made by one build', async () => {
    start({ east: { 'max-servers': 1 }, west: { 'max-servers': 1, 'image-type': 'vhd' } });
    expect(await places()).toEqual(['east', 'west']);
    const [build] = (await pool.database.store.readPool()).diskImages;
    expect(build?.files?.map(({ format }) => format).sort()).toEqual(['qcow2', 'vhd']);
    expect(await images()).toEqual([
      ['east', build?.id],
      ['west', build?.id],
    ]);
  });

  it('gets a node from each when one has a disk image and the other a snapshot of that name', async () => {
    start({ east: { 'max-servers': 1 }, west: { 'max-servers': 1, images: [SNAPSHOT] } });
    expect(await places()).toEqual(['east', 'west']);
    expect(await images()).toEqual([
      ['east', 1],
      ['west', null],
    ]);
  });

  it('gets all nodes from the one with a snapshot when the build fails, whose row goes', async () => {
    start({ west: { 'max-servers': 2, images: [SNAPSHOT] }, env: { SHOULD_FAIL: 'true' } });
    expect(await places()).toEqual(['west', 'west']);
    const failed = async (): Promise<true | null> => {
      const { diskImages, failures } = await pool.database.store.readPool();
      return diskImages.length === 0 && failures.length === 1 ? true : null;
    };
    await until('the end of the build that failed', failed);
    expect(await images()).toEqual([['west', null]]);
  });

  it('gets all nodes from the other one when one cloud refuses every upload', async () => {
    start({ east: { fake: { 'fail-uploads': 1 } } });
    expect(await places()).toEqual(['west', 'west']);
    const refused = async (): Promise<readonly string[] | null> => {
      const { failures } = await pool.database.store.readPool();
      return failures.length > 0 ? failures.map(({ provider }) => provider) : null;
    };
    expect(await until('the end of the upload that was refused', refused)).toEqual(['east']);
    expect(await images()).toEqual([['west', 1]]);
  });
});
