/** Who asks for nodes with the real `nodepool`, and the daemon that has them ready. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeRecord } from '../../src/lifecycle/records.ts';
import type { RequestView } from '../../src/requests/view.ts';
import type { RequestWithNodes } from '../../src/store/store.ts';
import { aLabelEntry, aProviderEntry, RealPool, until } from '../support/real-pool.ts';

let pool: RealPool;

beforeEach(async () => {
  pool = await RealPool.open('SQLite');
});
afterEach(() => pool.close());

/** A request and its nodes as the database has them. */
const recordOf = async (id: number): Promise<RequestWithNodes> => (await pool.database.store.requests.find(id))!;

/** Resolves when the nodes are gone, and others are READY in their places. */
async function replaced(ids: readonly number[], counts: Readonly<Record<string, number>>): Promise<void> {
  const nodes = await pool.full(counts);
  expect(nodes.filter(({ id }) => ids.includes(id))).toEqual([]);
}

const idsOf = ({ nodes }: RequestView): number[] => nodes.map(({ id }) => id);

describe('nodepool request', () => {
  it('gets a READY node, which is replaced, extends its lease, and gives it back to be deleted', async () => {
    pool.configure();
    pool.start();
    await pool.full({ small: 2 });
    const request = await pool.ask<RequestView>('request', 'small', '--wait', '--reason', 'bug 7');
    expect(request).toMatchObject({
      state: 'granted',
      ttl: 14_400,
      reason: 'bug 7',
      nodes: [{ state: 'used', port: 22 }],
    });
    const [id = 0] = idsOf(request);
    await until('another READY node takes its place', async () => {
      const nodes = await pool.nodes();
      return nodes.filter(({ state }) => state === 'ready').length === 2 ? nodes : null;
    });
    expect(await pool.ask('request-list')).toMatchObject([{ id: request.id, state: 'granted', nodes: [id] }]);
    const extended = await pool.ask<RequestView>('request-extend', String(request.id), '--ttl', '2d');
    expect(Date.parse(extended.expires_at!)).toBeGreaterThan(Date.parse(request.expires_at!));

    expect(await pool.ask('request-release', String(request.id))).toMatchObject([{ end_reason: 'released' }]);
    await replaced([id], { small: 2 });
    expect(await pool.ask('request-list')).toEqual([]);
    expect(await pool.ask('request-list', '--ended')).toMatchObject([{ id: request.id, end_reason: 'released' }]);
  });

  it('waits for more nodes than are kept ready, until they are launched for it, and gets them all', async () => {
    pool.configure();
    pool.start();
    await pool.full({ small: 2 });
    const request = await pool.ask<RequestView>('request', 'small', '--count', '4', '--wait');
    expect(request).toMatchObject({ state: 'granted', count: 4 });
    expect(new Set(idsOf(request)).size).toBe(4);
    await pool.ask('request-release', String(request.id));
    await replaced(idsOf(request), { small: 2 });
  });

  it('waits in line where there is no room, says why, and has its turn when there is', async () => {
    pool.configure({
      providers: [aProviderEntry({ 'max-servers': 1 })],
      labels: [aLabelEntry({ 'min-ready': 1 })],
    });
    pool.start();
    await pool.full({ small: 1 });
    const first = await pool.ask<RequestView>('request', 'small');
    const second = await pool.ask<RequestView>('request', 'small');
    expect([first.state, second.state]).toEqual(['granted', 'waiting']);
    const { request } = await pool.ask<{ request: RequestView }>('request-info', String(second.id));
    expect(request).toMatchObject({ state: 'waiting', waiting: { position: 1, nodes_ahead: 0, ready: 0 } });
    expect(request.waiting?.why).not.toEqual([]);

    const { code, stdout, stderr } = await pool.nodepool('request', 'small', '--wait', '--timeout', '1');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/nodepool: request 3 is taken back\nnodepool: request 3 got no nodes within 1 s\n$/);

    await pool.ask('request-release', String(first.id));
    const { nodes } = await until('the second request has its node', async () => {
      const found = await recordOf(second.id);
      return found.request.state === 'granted' ? found : null;
    });
    expect(nodes.map(({ id }) => id)).not.toEqual(idsOf(first));
    expect(nodes).toMatchObject([{ state: 'used', requestId: second.id }]);
  });

  it('loses its node when its lease runs out', async () => {
    pool.configure();
    pool.start();
    await pool.full({ small: 2 });
    const request = await pool.ask<RequestView>('request', 'small', '--ttl', '1s');
    const end = await until('the lease has run out', async () => (await recordOf(request.id)).request.endReason);
    expect(end).toBe('expired');
    await replaced(idsOf(request), { small: 2 });
    expect(await pool.nodepool('request-extend', String(request.id))).toMatchObject({
      code: 1,
      stderr: `nodepool: request ${request.id} has ended: expired\n`,
    });
  });

  it('that has failed has its node held for a job that says so, and no other', async () => {
    pool.configure();
    pool.start();
    await pool.full({ small: 2 });
    await pool.ask('job-create', 'ci', '--hold-on-failure', '1', '--reason', 'bug 7', '--for', '2h');
    const requests = [];
    for (const requestor of ['ci', 'somebody']) {
      const request = await pool.ask<RequestView>('request', 'small', '--wait', '--requestor', requestor);
      await pool.ask('request-release', String(request.id), '--failed');
      requests.push(request);
    }
    const [held, gone] = requests.map((request) => idsOf(request)[0]);
    const after = await until('the one is held, the other is gone', async (): Promise<readonly NodeRecord[] | null> => {
      const nodes = await pool.nodes();
      const isHeld = nodes.some(({ id, state }) => id === held && state === 'hold');
      return isHeld && !nodes.some(({ id }) => id === gone) ? nodes : null;
    });
    expect(after.find(({ id }) => id === held)).toMatchObject({ heldBy: 1, comment: 'bug 7: ci failed' });
    expect(await pool.ask('job-list')).toMatchObject([{ id: 1, name: 'ci', hold_on_failure: 1, held: 1 }]);
  });
});
