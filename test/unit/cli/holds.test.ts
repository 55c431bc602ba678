/** Holds with an end, of several nodes, and by label; `nodes.test.ts` has the rest. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 0, 15, 12);

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

async function states(): Promise<Record<number, string>> {
  const { nodes } = await pool.store.readPool();
  return Object.fromEntries(nodes.map(({ id, state }) => [id, state]));
}

async function node(id: number) {
  return (await pool.store.readPool()).nodes.find((candidate) => candidate.id === id);
}

describe('hold --for', () => {
  it('ends the hold after the time, and says so in the history', async () => {
    const id = await pool.ready();
    const { code } = await pool.run(['hold', String(id), '--for', '2h', '--reason', 'bug 7']);
    expect([code, await node(id)]).toMatchObject([0, { state: 'hold', holdUntil: NOON + 2 * HOUR_MS }]);
    expect((await pool.store.events.of('node', id)).at(-1)).toMatchObject({
      kind: 'held',
      detail: 'bug 7, until 2026-01-15T14:00:00.000Z',
    });
  });

  it('of a held node sets its end anew; what is not given stays as it was', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id), '--reason', 'bug 7']);
    await pool.run(['hold', String(id), '--for', '90']);
    expect(await node(id)).toMatchObject({ comment: 'bug 7', holdUntil: NOON + 90_000, heldFrom: 'ready' });
    await pool.run(['hold', String(id)]);
    expect(await node(id)).toMatchObject({ state: 'hold', comment: 'bug 7', holdUntil: NOON + 90_000 });
    await pool.run(['hold', String(id), '--reason', 'bug 8']);
    expect(await node(id)).toMatchObject({ state: 'hold', comment: 'bug 8', holdUntil: NOON + 90_000 });
    expect((await pool.store.events.of('node', id)).at(-1)).toMatchObject({ kind: 'held', detail: 'bug 8' });
  });

  it('shows until when, after the columns that the nodes have elsewhere', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id), '--for', '2h']);
    const { stdout } = await pool.run(['hold', String(id)]);
    expect(stdout).toMatch(/\| Reason +\| Request +\| Held until +\|\n/);
    expect(stdout).toContain('| 2026-01-15T14:00:00.000Z |\n');
    expect((await pool.run(['list'])).stdout).not.toContain('Held until');
  });

  it('leaves the request of a used node as it is', async () => {
    const id = await pool.ready();
    await pool.run(['request', 'small']);
    await pool.run(['hold', String(id), '--for', '1d']);
    expect(await node(id)).toMatchObject({ state: 'hold', heldFrom: 'used', requestId: 1 });
    const { request, nodes } = (await pool.store.requests.find(1))!;
    expect([request.state, nodes.length]).toEqual(['granted', 1]);
  });
});

describe('unhold', () => {
  it('does not make a node READY on which a job begins at that moment', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id)]);
    let tries = 0;
    const moveNode: Store['moveNode'] = async (move) => {
      if (++tries === 1) await pool.store.patch('node', id, { state: 'hold' }, { heldFrom: 'used', jobName: 'unit' });
      return pool.store.moveNode(move);
    };
    const openStore = (): Promise<Store> =>
      Promise.resolve({ ...pool.store, moveNode, close: () => Promise.resolve() });
    expect(await pool.run(['unhold', String(id)], { openStore })).toMatchObject({ code: 0, stderr: '' });
    expect([tries, await node(id)]).toMatchObject([2, { state: 'used', jobName: 'unit' }]);
  });

  it('forgets the end of the hold, and the rule that held the node', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id), '--for', '2h']);
    await pool.store.patch('node', id, {}, { heldBy: 3 });
    await pool.run(['unhold', String(id)]);
    expect(await node(id)).toMatchObject({ state: 'ready', holdUntil: null, heldBy: null });
  });
});

describe('hold and unhold of several nodes', () => {
  it('change those for which that is possible, and then tell of the others', async () => {
    const [building = 0] = await pool.launch({});
    const ids = [await pool.ready(), await pool.ready()];
    const refusal = `node ${building} is building; only ready, used or test nodes can be held`;
    const { code, stdout, stderr } = await pool.run(['hold', ...[building, ...ids, 4711].map(String), '-o', 'json']);
    expect([code, stderr]).toEqual([1, `nodepool: ${refusal}; there is no node 4711\n`]);
    expect(JSON.parse(stdout)).toMatchObject(ids.map((id) => ({ id, state: 'hold' })));
    expect(await pool.run(['unhold', ...ids.map(String)])).toMatchObject({ code: 0, stderr: '' });
    expect(await states()).toEqual({ [building]: 'building', [ids[0]!]: 'ready', [ids[1]!]: 'ready' });
  });
});

describe('hold --label', () => {
  it('holds one READY node of the label, or as many as are asked for, the oldest first', async () => {
    await pool.launch({});
    await pool.ready({ label: 'other' });
    const ids = [await pool.ready(), await pool.ready(), await pool.ready()];
    const { code, stdout } = await pool.run([
      'hold',
      '--label',
      'small',
      '--reason',
      'bug 7',
      '--for',
      '2h',
      '-o',
      'json',
    ]);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ id: ids[0], comment: 'bug 7' }]]);
    await pool.run(['hold', '--label', 'small', '--count', '2']);
    expect(await states()).toEqual({
      1: 'building',
      2: 'ready',
      [ids[0]!]: 'hold',
      [ids[1]!]: 'hold',
      [ids[2]!]: 'hold',
    });
    expect(await node(ids[0]!)).toMatchObject({ heldFrom: 'ready', holdUntil: NOON + 2 * HOUR_MS });
  });

  it('holds none when there are fewer', async () => {
    await pool.ready();
    expect(await pool.run(['hold', '--label', 'small', '--count', '2'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: fewer than 2 nodes of label small are ready: 1\n',
    });
    expect(await states()).toEqual({ 1: 'ready' });
  });

  it('says that there is none', async () => {
    const { code, stderr } = await pool.run(['hold', '--label', 'small']);
    expect([code, stderr]).toEqual([1, 'nodepool: no node of label small is ready\n']);
  });

  it('gives up on nodes that others take all the time, and holds none', async () => {
    await pool.ready();
    const moveNode = (): Promise<boolean> => Promise.resolve(false);
    const { code, stderr } = await pool.run(['hold', '--label', 'small'], {
      openStore: () => Promise.resolve({ ...pool.store, moveNode, close: () => Promise.resolve() }),
    });
    expect([code, stderr]).toEqual([1, 'nodepool: nodes of label small are taken by others all the time; try again\n']);
  });

  it('refuses a label that the configuration does not have', async () => {
    const { code, stderr } = await pool.run(['hold', '--label', 'smal']);
    expect([code, stderr]).toEqual([1, 'nodepool: there is no label smal (did you mean small?)\n']);
  });

  /** Somebody is faster with the first node: it is granted to a request. */
  function racing(): () => Promise<Store> {
    let isFirst = true;
    const moveNode: Store['moveNode'] = async (move) => {
      if (isFirst) {
        isFirst = false;
        await pool.store.moveNode({ id: 1, from: 'ready', to: 'used', by: 'event' });
      }
      return pool.store.moveNode(move);
    };
    return () => Promise.resolve({ ...pool.store, moveNode, close: () => Promise.resolve() });
  }

  it('takes the next one when somebody else takes a node at the same moment', async () => {
    for (let index = 0; index < 3; index += 1) await pool.ready();
    const { code } = await pool.run(['hold', '--label', 'small', '--count', '2'], { openStore: racing() });
    expect([code, await states()]).toEqual([0, { 1: 'used', 2: 'hold', 3: 'hold' }]);
  });

  it('gives back what it has when there are too few then', async () => {
    for (let index = 0; index < 2; index += 1) await pool.ready();
    const { code, stderr } = await pool.run(['hold', '--label', 'small', '--count', '2'], { openStore: racing() });
    expect([code, stderr]).toEqual([1, 'nodepool: fewer than 2 nodes of label small are ready: 1\n']);
    expect(await states()).toEqual({ 1: 'used', 2: 'ready' });
    expect(await node(2)).toMatchObject({ comment: null, heldFrom: null });
  });
});
