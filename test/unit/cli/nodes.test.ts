import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import type { Store } from '../../../src/store/store.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

async function node(id: number) {
  const { nodes } = await pool.store.readPool();
  return nodes.find((candidate) => candidate.id === id) ?? null;
}

async function use(id: number): Promise<void> {
  await pool.store.moveNode({ id, from: 'ready', to: 'used', by: 'event' });
}

describe('hold', () => {
  it('holds a ready node with the reason as its comment, and shows it', async () => {
    const id = await pool.ready();
    const { code, stdout, stderr } = await pool.run(['hold', String(id), '--reason', 'debugging']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\| hold +\| 00:00:00:00 \| debugging \|/);
    expect(await node(id)).toMatchObject({
      state: 'hold',
      comment: 'debugging',
      heldFrom: 'ready',
      reason: 'operator',
    });
    expect((await pool.store.events.of('node', id)).at(-1)).toMatchObject({
      kind: 'held',
      reason: 'operator',
      detail: 'debugging',
    });
  });

  it.each([
    ['y'.repeat(256), 'have 1 to 255 characters'],
    ['', 'have 1 to 255 characters'],
    ['a\tb', 'be one line without control characters'],
  ])('refuses a reason that no comment can hold as it is: %j', async (reason, rule) => {
    const id = await pool.ready();
    const stderr = `nodepool: the reason must ${rule}\n`;
    expect(await pool.run(['hold', String(id), '--reason', reason])).toEqual({ code: 2, stdout: '', stderr });
    expect(await node(id)).toMatchObject({ state: 'ready', comment: null });
  });

  it('remembers that a node was used', async () => {
    const id = await pool.ready();
    await use(id);
    await pool.run(['hold', String(id)]);
    expect(await node(id)).toMatchObject({ state: 'hold', comment: null, heldFrom: 'used' });
  });

  it('of a node under test does not make it ready later', async () => {
    const [id = 0] = await pool.launch({});
    await pool.store.moveNode({ id, from: 'building', to: 'test', by: 'launch' });
    await pool.run(['hold', String(id)]);
    expect(await node(id)).toMatchObject({ state: 'hold', heldFrom: null });
  });

  it('of a held node changes its comment and nothing else', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id), '--reason', 'one']);
    expect((await pool.run(['hold', String(id), '--reason', 'two'])).code).toBe(0);
    expect((await pool.run(['hold', String(id)])).code).toBe(0);
    expect(await node(id)).toMatchObject({ state: 'hold', comment: 'two', heldFrom: 'ready' });
  });

  it.each(['building', 'delete'] as const)('is refused for a node in %s', async (state) => {
    const [id = 0] = await pool.launch({});
    if (state === 'delete') await pool.store.moveNode({ id, from: 'building', to: 'delete', by: 'cleanup' });
    expect(await pool.run(['hold', String(id)])).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: node ${id} is ${state}; only ready, used or test nodes can be held\n`,
    });
    expect(await node(id)).toMatchObject({ state });
  });

  it('looks again when somebody else moved the node at the same moment', async () => {
    const id = await pool.ready();
    let isFirst = true;
    const racing: Store = {
      ...pool.store,
      close: () => Promise.resolve(),
      moveNode: async (move) => {
        if (isFirst) await use(id);
        isFirst = false;
        return pool.store.moveNode(move);
      },
    };
    const { code } = await pool.run(['hold', String(id)], { openStore: () => Promise.resolve(racing) });
    expect(code).toBe(0);
    expect(await node(id)).toMatchObject({ state: 'hold', heldFrom: 'used' });
  });

  it('gives up on a node that never stands still', async () => {
    const id = await pool.ready();
    const racing = { ...pool.store, close: () => Promise.resolve(), moveNode: () => Promise.resolve(false) };
    expect(await pool.run(['hold', String(id)], { openStore: () => Promise.resolve(racing) })).toEqual({
      code: 1,
      stdout: '',
      stderr: `nodepool: node ${id} is changed by others all the time; try again\n`,
    });
  });
});

describe('unhold', () => {
  it('makes the node what it was, without the comment', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id), '--reason', 'debugging']);
    expect((await pool.run(['unhold', String(id)])).code).toBe(0);
    expect(await node(id)).toMatchObject({ state: 'ready', comment: null, heldFrom: null });
  });

  it('takes a node whose past is not known for used', async () => {
    const id = await pool.ready();
    await pool.run(['hold', String(id)]);
    await pool.store.patch('node', id, {}, { heldFrom: null });
    await pool.run(['unhold', String(id)]);
    expect(await node(id)).toMatchObject({ state: 'used' });
  });

  it('is refused for a node that is not held', async () => {
    const id = await pool.ready();
    const { code, stderr } = await pool.run(['unhold', String(id)]);
    expect([code, stderr]).toEqual([1, `nodepool: node ${id} is ready; only a held node can be given back\n`]);
  });
});

describe.each(['hold', 'unhold', 'delete', 'info', 'image-delete'])('%s of what does not exist', (command) => {
  it('is one sentence and exit code 1', async () => {
    const { code, stdout, stderr } = await pool.run([command, '4711']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^nodepool: there is no (node|image) 4711[^\n]*\n$/);
  });
});

describe('delete', () => {
  beforeEach(() => pool.startDaemon());

  it.each(['building', 'ready', 'used', 'hold'] as const)('marks a node in %s and shows it', async (state) => {
    const id = state === 'building' ? (await pool.launch({}))[0]! : await pool.ready();
    if (state === 'used') await use(id);
    if (state === 'hold') await pool.run(['hold', String(id)]);
    const { code, stdout, stderr } = await pool.run(['delete', String(id)]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/\| delete \| 00:00:00:00 \|/);
    expect(await node(id)).toMatchObject({ state: 'delete', reason: 'operator' });
  });

  it('of a node that is being deleted is fine, and changes nothing', async () => {
    const id = await pool.ready();
    await pool.run(['delete', String(id)]);
    const before = await pool.store.events.of('node', id);
    expect((await pool.run(['delete', String(id)])).code).toBe(0);
    expect(await pool.store.events.of('node', id)).toEqual(before);
  });

  it('deletes what there is, and then tells what there is not', async () => {
    const id = await pool.ready();
    const { code, stdout, stderr } = await pool.run(['delete', '98', String(id), '99', '-o', 'json']);
    expect([code, stderr]).toEqual([1, 'nodepool: there is no node 98 or 99\n']);
    expect(JSON.parse(stdout)).toMatchObject([{ id, state: 'delete' }]);
    expect(await node(id)).toMatchObject({ state: 'delete' });
  });

  it('says when nobody is there to do it', async () => {
    const id = await pool.ready();
    await pool.store.leases.release('host/1/daemon');
    const { code, stderr } = await pool.run(['delete', String(id)]);
    expect([code, stderr]).toEqual([
      0,
      'nodepool: no daemon is running; the deletion is done as soon as one is started\n',
    ]);
  });
});

describe('delete --now', () => {
  const removed = { kind: 'removed', reason: 'gone' };

  it('waits until a running daemon has deleted the node', async () => {
    const id = await pool.ready();
    await pool.startDaemon();
    let sleeps = 0;
    const { code, stderr } = await pool.run(['delete', '--now', String(id)], {
      onSleep: async () => (++sleeps === 6 ? pool.store.removeNode(id, removed) : null),
    });
    expect([code, stderr]).toEqual([0, `waiting until node ${id} is gone\nnodepool: node ${id} is gone\n`]);
    expect(sleeps).toBe(6);
  });

  it('says nothing about a wait that is over within a second', async () => {
    const id = await pool.ready();
    await pool.startDaemon();
    let sleeps = 0;
    const { stderr } = await pool.run(['delete', '--now', String(id)], {
      onSleep: async () => (++sleeps === 4 ? pool.store.removeNode(id, removed) : null),
    });
    expect(stderr).toBe(`nodepool: node ${id} is gone\n`);
  });

  it('rewrites one line on a terminal, and takes it away at the end', async () => {
    const id = await pool.ready();
    await pool.startDaemon();
    let sleeps = 0;
    const { stderr } = await pool.run(['delete', '--now', String(id)], {
      isTerminal: true,
      onSleep: async () => (++sleeps === 9 ? pool.store.removeNode(id, removed) : null),
    });
    const line = (seconds: number): string => `\r\u001b[Kwaiting until node ${id} is gone (${seconds} s)`;
    expect(stderr).toBe(`${line(1)}${line(2)}\r\u001b[Knodepool: node ${id} is gone\n`);
  });

  it('does the work itself when no daemon is alive', async () => {
    const ids = [await pool.ready(), await pool.ready()];
    const done: number[] = [];
    const { code, stderr } = await pool.run(['delete', '--now', ...ids.map(String)], {
      deleteNow: async ({ store, nodeId, config }) => {
        expect(config.providers.has('cloud')).toBe(true);
        await store.removeNode(nodeId, removed);
        done.push(nodeId);
      },
    });
    expect([code, done]).toEqual([0, ids]);
    expect(stderr).toContain(`nodepool: nodes ${ids.join(', ')} are gone\n`);
  });

  it('takes the work over when the daemon dies meanwhile', async () => {
    const id = await pool.ready();
    await pool.startDaemon(1000);
    let sleeps = 0;
    const { code } = await pool.run(['delete', '--now', String(id)], {
      onSleep: () => (sleeps += 1),
      deleteNow: async ({ store, nodeId }) => void (await store.removeNode(nodeId, removed)),
    });
    expect(code).toBe(0);
    expect(sleeps).toBeGreaterThanOrEqual(4);
  });

  it('does not wait for the lease of a daemon that is known to be dead', async () => {
    const id = await pool.ready();
    await pool.startDaemon();
    let sleeps = 0;
    const { code } = await pool.run(['delete', '--now', String(id)], {
      onSleep: () => (sleeps += 1),
      findDead: () => Promise.resolve((holder) => holder === 'host/1/daemon'),
      deleteNow: async ({ store, nodeId }) => void (await store.removeNode(nodeId, removed)),
    });
    expect([code, sleeps]).toEqual([0, 1]);
  });

  it('goes on waiting when another process acts on the provider', async () => {
    const id = await pool.ready();
    let tries = 0;
    const { code, stderr } = await pool.run(['delete', '--now', String(id)], {
      deleteNow: async ({ store, nodeId }) => {
        tries += 1;
        if (tries <= 5) throw new NodepoolError('refused', 'another process acts on it');
        await store.removeNode(nodeId, removed);
      },
    });
    expect([code, tries]).toEqual([0, 6]);
    expect(stderr).toContain('another process acts on it\n');
  });

  it('ends with exit code 130 at Ctrl-C, and the node stays marked', async () => {
    const id = await pool.ready();
    await pool.startDaemon();
    const listeners = new Set<() => void>();
    const { code, stderr } = await pool.run(['delete', '--now', String(id)], {
      onInterrupt: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onSleep: () => {
        for (const listener of listeners) listener();
        // The next Ctrl-C would end the process: nothing may be able to hold it up.
        expect(listeners).toEqual(new Set());
      },
    });
    expect(code).toBe(130);
    expect(stderr).toBe('nodepool: interrupted; what is left stays marked for deletion\n');
    expect(await node(id)).toMatchObject({ state: 'delete' });
  });
});
