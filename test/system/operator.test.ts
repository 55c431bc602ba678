/** What an operator does to a pool with the real `nodepool`, with a daemon that runs and without one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { aLabelEntry, aProviderEntry, aSetEntry, RealPool, until } from '../support/real-pool.ts';

let pool: RealPool;

beforeEach(async () => {
  pool = await RealPool.open('SQLite');
});
afterEach(() => pool.close());

const serversOf = ({ serverId, subnodes }: NodeRecord): (string | null)[] => [
  serverId,
  ...subnodes.map((subnode) => subnode.serverId),
];

/** What waits for longer than a second says so. */
const withoutProgress = (stderr: string): string => stderr.replaceAll(/^waiting .*\n/gm, '');

/** A full pool with its daemon. */
async function fill(...options: string[]): Promise<{ daemon: DaemonProcess; nodes: readonly NodeRecord[] }> {
  pool.configure({ labels: [aLabelEntry(), aSetEntry()] });
  const daemon = pool.start('daemon', ...options);
  return { daemon, nodes: await pool.full({ small: 2, set: 1 }) };
}

/** A full pool whose daemon was killed: its leases have not run out. */
async function fillAndKill(): Promise<readonly NodeRecord[]> {
  const { daemon, nodes } = await fill();
  daemon.kill('SIGKILL');
  await daemon.ended;
  return nodes;
}

const isGone = (id: number | undefined) =>
  until(`node ${id} is gone`, async () => ((await pool.nodes()).some((node) => node.id === id) ? null : true));

describe('with a daemon, nodepool', () => {
  it('hold keeps a node, which the daemon replaces; unhold gives it back', async () => {
    const { nodes } = await fill();
    const [node] = nodes;
    const held = await pool.ask<object[]>('hold', String(node?.id), '--reason', 'bug 1234');
    expect(held).toMatchObject([{ id: node?.id, state: 'hold', comment: 'bug 1234' }]);
    const after = await until('the held node is replaced', async () => {
      const ready = (await pool.nodes()).filter(({ state }) => state === 'ready');
      return ready.length === 3 ? pool.nodes() : null;
    });
    expect(after.find(({ id }) => id === node?.id)).toMatchObject({ state: 'hold', serverId: node?.serverId });
    expect(await pool.ask('unhold', String(node?.id))).toMatchObject([{ id: node?.id, state: 'ready', comment: null }]);
  });

  it('delete returns at once, and the daemon deletes and replaces a whole set', async () => {
    const { nodes } = await fill();
    const set = nodes.find(({ label }) => label === 'set');
    expect(await pool.ask('delete', String(set?.id))).toMatchObject([{ id: set?.id, state: 'delete' }]);
    await isGone(set?.id);
    const after = await pool.full({ small: 2, set: 1 });
    expect(after.flatMap(serversOf).filter((id) => set !== undefined && serversOf(set).includes(id))).toEqual([]);
    expect(await pool.ask('alien-list')).toEqual([]);
  });

  it('delete --now waits until the nodes are gone, and tells of one that is not there', async () => {
    const { nodes } = await fill();
    const ids = nodes.slice(0, 2).map(({ id }) => id);
    const { code, stderr } = await pool.nodepool('delete', '--now', ...ids.map(String), '4711');
    expect(code).toBe(1);
    expect(withoutProgress(stderr)).toBe(
      `nodepool: nodes ${ids.join(', ')} are gone\nnodepool: there is no node 4711\n`,
    );
    expect((await pool.nodes()).filter(({ id }) => ids.includes(id))).toEqual([]);
    await pool.full({ small: 2, set: 1 });
  });

  it('image-update --wait returns when the new image is ready; the one before is kept', async () => {
    await fill();
    const { code, stdout, stderr } = await pool.nodepool('image-update', 'east', 'plain', '--wait');
    expect([code, withoutProgress(stderr)]).toEqual([0, '']);
    expect(stdout).toBe('Image 2, plain at east, is being built.\nImage 2, plain at east, is ready.\n');
    const { images } = await pool.database.store.readPool();
    expect(images.map(({ id, state }) => [id, state])).toEqual([
      [1, 'ready'],
      [2, 'ready'],
    ]);
  });

  it('plan tells what is not done, and why', async () => {
    pool.configure({ providers: [aProviderEntry({ 'max-servers': 4 })], labels: [aLabelEntry({ 'min-ready': 5 })] });
    pool.start();
    await pool.full({ small: 4 });
    const { notes } = await pool.ask<{ notes: unknown[] }>('plan');
    const text = expect.stringContaining('east has 0 servers free') as string;
    expect(notes).toContainEqual({ about: 'label small', text });
    expect((await pool.nodepool('plan')).stdout).toContain('Not done now:\n');
  });

  it('alien-list shows servers whose rows are gone, while the daemon may not delete', async () => {
    const { nodes } = await fill('--no-deletes');
    await pool.database.wipe();
    await pool.full({ small: 2, set: 1 });
    const aliens = await pool.ask<{ server_id: string }[]>('alien-list', 'east');
    const lost = nodes.flatMap(serversOf);
    expect(aliens.map(({ server_id: id }) => id)).toEqual(expect.arrayContaining(lost));
  });
});

describe('without a daemon, nodepool', () => {
  it('hold and delete change the rows, and delete says that the work waits', async () => {
    const [first, second] = await fillAndKill();
    expect(await pool.nodepool('hold', String(first?.id))).toMatchObject({ code: 0, stderr: '' });
    expect(await pool.nodepool('delete', String(second?.id))).toMatchObject({
      code: 0,
      stderr: 'nodepool: no daemon is running; the deletion is done as soon as one is started\n',
    });
    const states = new Map((await pool.nodes()).map(({ id, state }) => [id, state]));
    expect([states.get(first?.id ?? 0), states.get(second?.id ?? 0)]).toEqual(['hold', 'delete']);

    pool.start();
    await isGone(second?.id);
    // The server of the held node went with the daemon before: nobody but the operator decides what becomes of it.
    expect((await pool.nodes()).find(({ id }) => id === first?.id)).toMatchObject({ state: 'hold' });
  });

  it('delete --now does the work itself, subnodes and all', async () => {
    const nodes = await fillAndKill();
    const ids = nodes.map(({ id }) => id);
    const { code, stderr } = await pool.nodepool('delete', '--now', ...ids.map(String));
    expect(code).toBe(0);
    expect(withoutProgress(stderr)).toBe(`nodepool: nodes ${ids.join(', ')} are gone\n`);
    expect(await pool.nodes()).toEqual([]);
    expect(await pool.database.knex('subnode').select('id')).toEqual([]);
    // It gave back what it took.
    const holders = (await pool.database.store.leases.list()).filter(({ name }) => name === 'provider:east');
    expect(holders).toEqual([]);
  });

  it.each([
    [['image-update', 'east', 'plain', '--wait'], 'build images'],
    [['plan'], 'make a plan'],
    [['alien-list'], 'list servers'],
  ])('%j says that it needs one', async (command, what) => {
    pool.configure();
    expect(await pool.nodepool(...command)).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: no daemon is running to ${what}; start nodepoold first\n`,
    });
  });
});
