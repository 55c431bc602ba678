/**
 * A daemon that was killed, and the next one on the same database. The fake cloud went with the process, so the next
 * one finds rows whose servers are gone: it has to recover from that without anybody's help.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { ImageRecord, NodeRecord } from '../../src/lifecycle/records.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { aLabelEntry, aProviderEntry, aSetEntry, RealPool, until, type Entry } from '../support/real-pool.ts';
import type { DatabaseKind } from '../support/with-database.ts';

let pool: RealPool;
afterEach(() => pool.close());

const SLOW = aProviderEntry({ fake: { 'boot-time': 0.3, 'api-delay': 0.1 } });
const LABELS = [aLabelEntry(), aSetEntry()];
/** Servers do not boot while a test runs. */
const STUCK = aProviderEntry({ fake: { 'boot-time': 3600 } });
/** Listings do not show servers while a test runs: launches get no further. */
const BLIND = aProviderEntry({ fake: { 'listing-lag': 3600 } });

async function kill(daemon: DaemonProcess): Promise<void> {
  daemon.kill('SIGKILL');
  await daemon.ended;
}

const images = async (): Promise<readonly ImageRecord[]> => (await pool.database.store.readPool()).images;

/** The next daemon fills the pool, and leaves nothing behind of what it found. */
async function expectRecovery(): Promise<void> {
  const daemon = pool.start();
  await pool.full({ small: 2, set: 1 });
  await until('one image is left', async () => ((await images()).length === 1 ? true : null));
  expect((await images()).map(({ state, serverId }) => ({ state, serverId }))).toEqual([
    { state: 'ready', serverId: null },
  ]);
  expect(await pool.ask('alien-list')).toEqual([]);
  expect(await pool.ask('alien-image-list')).toEqual([]);
  expect(daemon.lines.filter(({ level }) => level === 'error')).toEqual([]);
}

describe('a daemon killed in mid-launch', () => {
  it.each<[string, DatabaseKind, number]>([
    ['when rows are there', 'MariaDB', 0],
    ['when the first nodes are ready', 'SQLite', 2],
  ])('%s is replaced by one that fills the pool (%s)', async (_, kind, ready) => {
    pool = await RealPool.open(kind);
    pool.configure({ labels: [aLabelEntry({ 'min-ready': ready }), aSetEntry({ 'min-ready': 0 })] });
    const daemon = pool.start();
    await daemon.logged(({ msg }) => msg === 'image ready');
    await pool.full({ small: ready });
    pool.configure({ providers: [BLIND], labels: LABELS });
    const isBuilding = ({ state }: NodeRecord): boolean => state === 'building';
    await until('further rows are there', async () => ((await pool.nodes()).some(isBuilding) ? true : null));
    await kill(daemon);
    expect((await pool.nodes()).map(({ state }) => state)).toContain('building');
    pool.configure({ providers: [SLOW], labels: LABELS });
    await expectRecovery();
  });
});

describe('a daemon killed while it builds an image', () => {
  it.each<[string, Entry, (image: ImageRecord) => boolean]>([
    ['when its template server boots', STUCK, ({ serverId }) => serverId !== null],
    ['when saving it was asked for', SLOW, ({ saveAt }) => saveAt !== null],
    ['when it is saved', SLOW, ({ cloudImageId }) => cloudImageId !== null],
    ['when its template server is deleted', SLOW, ({ state }) => state === 'ready'],
  ])('%s is replaced by one that builds it', async (_, provider, isMeant) => {
    pool = await RealPool.open('SQLite');
    pool.configure({ providers: [provider], labels: LABELS });
    const daemon = pool.start();
    await until('the build is so far', async () => ((await images()).some(isMeant) ? true : null));
    await kill(daemon);
    pool.configure({ providers: [SLOW], labels: LABELS });
    await expectRecovery();
  });
});
