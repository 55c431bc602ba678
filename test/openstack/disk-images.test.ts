/**
 * Disk images on a real OpenStack, at two projects of it: a builder program makes real images, qemu-img converts them, and
 * at every step the rows, the files on disk and what Glance has are the same, also when the daemon is killed on the way.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { DaemonProcess, LogLine } from '../support/daemon-process.ts';
import { aLabelEntry } from '../support/real-pool.ts';
import { IMAGE, ImagesPool, type Generations, type ImagesSettings, type Running } from '../support/rig-disk-images.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const KILLS = 20;
/** From the beginning of a build or an upload to the kill, at most: some fall behind their end. */
const LIFE_MS = 1500;

/** One label for each provider. */
const labels = (minReady: number): ImagesSettings['labels'] => [
  aLabelEntry({ name: 'here', image: IMAGE, 'min-ready': minReady, providers: ['rig'] }),
  aLabelEntry({ name: 'there', image: IMAGE, 'min-ready': minReady, providers: ['rig-other'] }),
];
const ONE_EACH = { here: 1, there: 1 };

/** Resolves when the daemon works by what `write` has written. */
async function reconfigure(daemon: DaemonProcess, write: () => void): Promise<void> {
  const isNews = ({ msg }: LogLine): boolean => msg === 'the configuration has changed and is in force';
  await daemon.logged(({ msg }) => msg === 'started');
  const seen = daemon.lines.filter(isNews).length;
  write();
  await daemon.logged(isNews, seen + 1);
}

/** Database, disk and Glance say the same, nothing else is left or goes on, and these builds are kept. */
async function expectAgreement(site: ImagesPool, wanted: Generations = {}): Promise<void> {
  const { found, expected, kept } = await site.agreement(wanted);
  expect(found).toEqual(expected);
  expect(kept).toEqual(wanted);
}

describe('disk images on a real cloud', () => {
  const rig = inject('rig');
  const random = createSeededRandom(11);
  let site: ImagesPool;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    site = await ImagesPool.open(rig);
    site.configure({ labels: labels(1) });
    daemon = site.pool.start();
  });
  afterAll(() => site.close());

  it('are built, converted and uploaded by themselves, and nodes boot from them at both providers', async () => {
    const nodes = await site.pool.full(ONE_EACH);
    const [{ id, files } = { id: 0, files: null }] = await site.builds();
    expect(files?.map(({ format }) => format)).toEqual(['qcow2', 'vhd']);
    expect(await site.bootedFrom(nodes)).toEqual({ rig: id, 'rig-other': id });
    await expectAgreement(site, { builds: [id], rig: [id], 'rig-other': [id] });
  });

  it.each([
    ['the second', ['image-build', IMAGE]],
    ['the third', ['image-update', 'all', IMAGE]],
  ])('replace each other: with %s build the current and the previous one are kept everywhere', async (_, command) => {
    const [previous] = await site.builds();
    await site.tell(...command, '--wait');
    const { id } = await site.uploaded({ after: previous });
    expect(await site.bootAnew(ONE_EACH)).toEqual({ rig: id, 'rig-other': id });
    const kept = [id, previous?.id];
    await expectAgreement(site, { builds: kept, rig: kept, 'rig-other': kept });
  });

  it('are rolled back at one provider, where nothing is uploaded again, until the next build', async () => {
    const [newest, before] = await site.builds();
    const [current, previous] = [newest?.id, before?.id];
    const rows = await site.images('rig');
    await site.tell('image-rollback', IMAGE, 'rig');
    expect(await site.bootAnew(ONE_EACH)).toEqual({ rig: previous, 'rig-other': current });
    await expectAgreement(site);
    expect((await site.images('rig')).map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    await site.tell('image-update', 'all', IMAGE, '--wait');
    const { id } = await site.uploaded({ after: newest });
    expect(await site.bootAnew(ONE_EACH, 'rig')).toMatchObject({ rig: id });
    await expectAgreement(site, { builds: [id, current], rig: [id, previous], 'rig-other': [id, current] });
  });

  it('are deleted at a provider, and on disk, when somebody says so, and come back by themselves no more', async () => {
    const { builds, rig: atRig, 'rig-other': elsewhere } = await site.generations();
    const [image] = await site.images('rig');
    await site.tell('image-delete', String(image?.id), '--wait');
    await site.tell('dib-image-delete', String(builds[0]), '--wait');
    expect(await site.bootAnew(ONE_EACH, 'rig')).toMatchObject({ rig: atRig[1] });
    await expectAgreement(site, { builds: builds.slice(1), rig: atRig.slice(1), 'rig-other': elsewhere });
  });

  it(`survive ${KILLS} kills of the daemon that builds and uploads them`, async () => {
    const cut = new Set<string>();
    let left: Running = { builds: [], uploads: [] };
    const isBad = ({ level }: LogLine): boolean => level === 'error' || level === 'fatal';
    const complaints: LogLine[] = [];
    site.configure({ labels: labels(0), diskimage: { 'rebuild-age': 1 }, sleep: 0.5, noise: '48M' });
    let startedAt = systemClock.now();
    for (let round = 0; round < KILLS; round += 1) {
      const what = round % 2 === 0 ? 'build' : 'upload';
      // An upload that was cut off three times counts as a failure of the cloud, and rests. Not the newest build is waited
      // for: where uploading takes longer than building there is always one more.
      if (what === 'build') await site.over(left.uploads);
      await site.underWay(what, startedAt);
      await systemClock.sleep(random.fraction() * LIFE_MS);
      daemon.kill('SIGKILL');
      await daemon.ended;
      complaints.push(...daemon.lines.filter(isBad));
      left = await site.running();
      if (left.builds.length > 0) cut.add('build');
      if (left.uploads.length > 0) cut.add('upload');
      // What is READY is complete, whatever else there is.
      const { found, expected } = await site.compare();
      expect(found).toMatchObject({ files: expected.files, images: expected.images });
      startedAt = systemClock.now();
      daemon = site.pool.start();
    }
    expect(cut).toEqual(new Set(['build', 'upload']));
    expect(complaints).toEqual([]);
  });

  it('leave nothing behind after the last kill but the builds and images that the rows say', async () => {
    await reconfigure(daemon, () => site.configure({ labels: labels(1) }));
    await expectAgreement(site);
    const last = await site.uploaded();
    // A builder program that does not end unless somebody ends it.
    await reconfigure(daemon, () => site.configure({ labels: labels(1), sleep: 3600 }));
    const orderedAt = systemClock.now();
    await site.tell('image-build', IMAGE);
    await site.underWay('build', orderedAt);
    daemon.kill('SIGKILL');
    await daemon.ended;
    site.configure({ labels: labels(1) });
    daemon = site.pool.start();
    const { id } = await site.uploaded({ after: last });
    expect(await site.bootAnew(ONE_EACH)).toEqual({ rig: id, 'rig-other': id });
    const two = [id, last.id];
    await expectAgreement(site, { builds: two, rig: two, 'rig-other': two });
  });

  it('go, with their files, when they leave the configuration', async () => {
    site.configure({ labels: [], diskimage: null });
    await site.pool.full({});
    await expectAgreement(site, { builds: [], rig: [], 'rig-other': [] });
  });
});

describe('a builder beside a daemon that builds nothing', () => {
  const rig = inject('rig');
  const places = ['rig'] as const;
  let site: ImagesPool;
  let launcher: DaemonProcess;
  let builder: DaemonProcess;

  const configure = (sleep = 0): void => site.configure({ labels: labels(1).slice(0, 1), places, sleep, noise: '48M' });

  beforeAll(async () => {
    site = await ImagesPool.open(rig);
    configure();
    launcher = site.pool.start('launcher', '--no-builder');
    builder = site.pool.startBuilder('builder', 'elsewhere');
  });
  afterAll(() => site.close());

  it('builds and uploads what the nodes of the other one boot from', async () => {
    const nodes = await site.pool.full({ here: 1 });
    const { id } = await site.uploaded({ places });
    expect(await site.bootedFrom(nodes)).toEqual({ rig: id });
    const texts = ['disk image ready', 'image ready', 'node ready'];
    // The rows are there before the lines are.
    await builder.logged(({ msg }) => msg === 'image ready');
    await launcher.logged(({ msg }) => msg === 'node ready');
    const saidBy = ({ lines }: DaemonProcess): string[] =>
      texts.filter((text) => lines.some(({ msg }) => msg === text));
    expect([saidBy(builder), saidBy(launcher)]).toEqual([['disk image ready', 'image ready'], ['node ready']]);
  });

  it.each(['build', 'upload'] as const)(
    'is followed by another with its directory when it is killed during its %s',
    async (what) => {
      const [last] = await site.builds();
      const successor = site.pool.startBuilder(`follows in a ${what}`);
      await successor.logged(({ msg }) => msg === 'started');
      // It does not end unless somebody ends it.
      if (what === 'build') await reconfigure(builder, () => configure(3600));
      const orderedAt = systemClock.now();
      await site.tell('image-build', IMAGE);
      await site.underWay(what, orderedAt);
      configure();
      builder.kill('SIGKILL');
      await builder.ended;
      builder = successor;
      // How soon, once the lease has run out, is shown where time stands still: in system/takeover-expiry.test.ts.
      await builder.logged(({ lease, msg }) => lease === `diskimage:${IMAGE}` && msg === 'lease taken');
      const { id } = await site.uploaded({ places, after: last });
      await expectAgreement(site, { builds: [id, last?.id], rig: [id, last?.id] });
    },
  );
});
