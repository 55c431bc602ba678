import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodepoolError } from '../../../src/lib/errors.ts';
import type { Store } from '../../../src/store/store.ts';
import { aConfig, aLabel, aProvider } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 0, 15, 12);

let pool: CliPool;

beforeEach(async () => {
  const providers = [aProvider({ maxServers: 4 })];
  pool = await openCliPool({ config: aConfig({ providers, labels: [aLabel(), aLabel({ name: 'other' })] }) });
});
afterEach(() => pool.close());

async function stateOf(id: number): Promise<string[]> {
  const { state, endReason } = (await pool.store.requests.find(id))!.request;
  return [state, endReason ?? ''];
}

/** Plays the planner: gives a request its nodes. */
const grant = (requestId: number, ...nodeIds: number[]) => pool.store.requests.grant([{ requestId, nodeIds }]);

describe('request', () => {
  it('gets READY nodes without any daemon, and shows people how to log in', async () => {
    const ids = [await pool.ready(), await pool.ready({ subnodes: 1 })];
    const { code, stdout, stderr } = await pool.run(['request', 'small', '--count', '2', '--reason', 'bug 7']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`\
Request
+---------------+--------------------------+
| Fact          | Value                    |
+---------------+--------------------------+
| ID            | 1                        |
| Label         | small                    |
| Count         | 2                        |
| Priority      | 0                        |
| Requestor     | tester@here              |
| Reason        | bug 7                    |
| State         | granted                  |
| Created       | 2026-01-15T12:00:00.000Z |
| Granted       | 2026-01-15T12:00:00.000Z |
| Lease lasts   | 00:04:00:00              |
| Lease ends in | 00:04:00:00              |
+---------------+--------------------------+

Nodes
+----+----------+----+-------+----------+-------------+---------+----------+----------------+
| ID | Provider | AZ | State | Hostname | IP          | User    | Subnodes | Log in         |
+----+----------+----+-------+----------+-------------+---------+----------+----------------+
| 1  | cloud    |    | used  | small-1  | 203.0.113.7 | jenkins |          | nodepool ssh 1 |
| 2  | cloud    |    | used  | small-2  | 203.0.113.7 | jenkins | ?        | nodepool ssh 2 |
+----+----------+----+-------+----------+-------------+---------+----------+----------------+
`);
    const nodes = (await pool.store.readPool()).nodes.map(({ id, state, requestId }) => [id, state, requestId]);
    expect(nodes).toEqual(ids.map((id) => [id, 'used', 1]));
  });

  it('gives machines what the HTTP interface answers', async () => {
    const id = await pool.ready();
    await pool.store.patch('node', id, {}, { hostKey: 'ssh-ed25519 AAAA' });
    const wish = ['--ttl', '90m', '--requestor', 'ci', '--priority', '-3'];
    const { stdout } = await pool.run(['request', 'small', ...wish, '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      id: 1,
      state: 'granted',
      requestor: 'ci',
      priority: -3,
      ttl: 5400,
      expires_at: '2026-01-15T13:30:00.000Z',
      nodes: [{ id, ip: '203.0.113.7', port: 22, username: 'jenkins', host_keys: ['ssh-ed25519 AAAA'] }],
    });
  });

  it('that has to wait says so when nobody is there to serve it, and only then', async () => {
    const { code, stdout, stderr } = await pool.run(['request', 'small']);
    expect([code, stderr]).toEqual([0, 'nodepool: no daemon is running; request 1 waits until one is started\n']);
    expect(stdout).toMatch(/\| State +\| waiting +\|/);
    expect(stdout).not.toContain('Nodes');
    await pool.startDaemon();
    expect((await pool.run(['request', 'small'])).stderr).toBe('');
  });

  it.each([
    [['smal'], 'there is no label "smal" (did you mean small?)'],
    [['small', '--count', '5'], 'label small can have 4 nodes at once, not 5'],
    [['small', '--ttl', '8d'], 'ttl must be between 1 and 604800 seconds; max-ttl of requests is the most'],
  ])('refuses what can never be had: %j', async (wish, sentence) => {
    expect(await pool.run(['request', ...wish])).toEqual({ code: 1, stdout: '', stderr: `nodepool: ${sentence}\n` });
    expect((await pool.store.readPool()).requests).toEqual([]);
  });
});

describe('request --wait', () => {
  beforeEach(() => pool.startDaemon());

  it('answers at once when the nodes are there', async () => {
    await pool.ready();
    let sleeps = 0;
    const { code } = await pool.run(['request', 'small', '--wait'], { onSleep: () => (sleeps += 1) });
    expect([code, sleeps]).toEqual([0, 0]);
  });

  it('ends when the nodes are granted, and says little on the way into a file', async () => {
    let sleeps = 0;
    const { code, stdout, stderr } = await pool.run(['request', 'small', '--count', '2', '--wait', '-o', 'json'], {
      onSleep: async () => (++sleeps === 8 ? grant(1, await pool.ready(), await pool.ready()) : null),
    });
    expect([code, stderr]).toEqual([0, 'request 1 waits for 2 nodes of label small\n']);
    expect(JSON.parse(stdout)).toMatchObject({ id: 1, state: 'granted', nodes: [{ id: 1 }, { id: 2 }] });
  });

  it('shows its place in line on a terminal, among the requests of its label', async () => {
    await pool.run(['request', 'other', '--priority', '9']);
    await pool.run(['request', 'small']);
    let sleeps = 0;
    const { stderr } = await pool.run(['request', 'small', '--wait'], {
      isTerminal: true,
      onSleep: async () => {
        sleeps += 1;
        if (sleeps === 6) await pool.store.requests.end({ id: 2, reason: 'released' });
        if (sleeps === 9) await grant(3, await pool.ready());
      },
    });
    const line = (place: number, seconds: number): string =>
      `\r\u001b[Krequest 3 waits for a node of label small, at place ${place} in line (${seconds} s)`;
    expect(stderr).toBe(`${line(2, 1)}${line(1, 1)}${line(1, 2)}\r\u001b[K`);
  });

  it('gives up after --timeout, and takes the wish back', async () => {
    const { code, stdout, stderr } = await pool.run(['request', 'small', '--wait', '--timeout', '2m']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/\nnodepool: request 1 is taken back\nnodepool: request 1 got no nodes within 120 s\n$/);
    expect(await stateOf(1)).toEqual(['ended', 'cancelled']);
  });

  /** Plays an operator who presses Ctrl-C as soon as somebody listens, or at the first sleep. */
  async function interrupt(when: 'at once' | 'while it waits') {
    const listeners = new Set<() => void>();
    const press = (): void => listeners.forEach((listener) => listener());
    return pool.run(['request', 'small', '--wait'], {
      onInterrupt: (listener) => {
        listeners.add(listener);
        if (when === 'at once') queueMicrotask(press);
        return () => listeners.delete(listener);
      },
      onSleep: press,
    });
  }

  it.each(['at once', 'while it waits'] as const)('takes the wish back at Ctrl-C, pressed %s', async (when) => {
    expect(await interrupt(when)).toEqual({
      code: 130,
      stdout: '',
      stderr: 'nodepool: request 1 is taken back\nnodepool: interrupted while request 1 waited\n',
    });
    expect(await stateOf(1)).toEqual(['ended', 'cancelled']);
  });

  describe('while the database does not answer', () => {
    const away = (): Promise<never> =>
      Promise.reject(new NodepoolError('database-unavailable', 'the database does not answer'));
    /** A store some of whose calls fail. */
    const openStore = (requests: Partial<Store['requests']>) => (): Promise<Store> =>
      Promise.resolve({
        ...pool.store,
        requests: { ...pool.store.requests, ...requests },
        close: () => Promise.resolve(),
      });
    const again = 'nodepool: the database does not answer; trying again for 30 s\n';

    it('it waits on, and keeps its place in line', async () => {
      await pool.startDaemon();
      let looks = 0;
      const find: Store['requests']['find'] = async (id) => (++looks < 10 ? away() : pool.store.requests.find(id));
      const { code, stderr } = await pool.run(['request', 'small', '--wait'], {
        openStore: openStore({ find }),
        onSleep: async () => {
          if (looks === 12) await grant(1, await pool.ready());
        },
      });
      expect([code, stderr]).toEqual([
        0,
        'request 1 waits, and the database does not answer\nrequest 1 waits for a node of label small\n',
      ]);
    });

    it.each([[], ['--wait']])('a wish whose answer got lost is repeated, and is one request (%s)', async (...flags) => {
      await pool.ready();
      let tries = 0;
      const open: Store['requests']['open'] = async (...wish) => {
        const opened = await pool.store.requests.open(...wish);
        return ++tries === 1 ? away() : opened;
      };
      const { code, stderr } = await pool.run(['request', 'small', ...flags], { openStore: openStore({ open }) });
      expect([code, stderr]).toEqual([0, again]);
      expect((await pool.store.readPool()).requests).toMatchObject([{ id: 1, state: 'granted' }]);
    });

    it('what is to be taken back is tried again, and told when it cannot be', async () => {
      await pool.startDaemon();
      let tries = 0;
      const endAndRead: Store['requests']['endAndRead'] = async (ending) =>
        ++tries < 5 ? away() : pool.store.requests.endAndRead(ending);
      const patient = await pool.run(['request', 'small', '--wait', '--timeout', '1s'], {
        openStore: openStore({ endAndRead }),
      });
      expect(patient.stderr).toContain(`${again}nodepool: request 1 is taken back\n`);
      expect(await stateOf(1)).toEqual(['ended', 'cancelled']);
      const vain = await pool.run(['request', 'small', '--wait', '--timeout', '1s'], {
        openStore: openStore({ endAndRead: away }),
      });
      expect(vain.stderr).toContain(
        `${again}nodepool: request 2 could not be taken back: the database does not answer\n`,
      );
    });
  });

  it('ends when somebody else takes the wish back', async () => {
    const { code, stderr } = await pool.run(['request', 'small', '--wait'], {
      onSleep: () => pool.store.requests.end({ id: 1, reason: 'released' }),
    });
    expect([code, stderr]).toEqual([1, 'nodepool: request 1 has ended: it was taken back before it had nodes\n']);
  });
});

describe('request-extend', () => {
  it('lets the lease end so long from now, whether that is later or earlier', async () => {
    await pool.ready();
    await pool.run(['request', 'small']);
    for (const [ttl, hours] of [
      [['--ttl', '6h'], 6],
      [['--ttl', '1h'], 1],
      [[], 4],
    ] as const) {
      const { code, stdout } = await pool.run(['request-extend', '1', ...ttl, '-o', 'json']);
      expect([code, Date.parse((JSON.parse(stdout) as { expires_at: string }).expires_at)]).toEqual([
        0,
        NOON + hours * HOUR_MS,
      ]);
    }
  });

  it.each([
    ['waits', 'request 1 has no nodes yet'],
    ['has ended', 'request 1 has ended: cancelled'],
    ['does not exist', 'there is no request 1'],
  ])('is refused for one that %s', async (state, sentence) => {
    if (state !== 'does not exist') await pool.run(['request', 'small']);
    if (state === 'has ended') await pool.run(['request-release', '1']);
    expect(await pool.run(['request-extend', '1'])).toEqual({ code: 1, stdout: '', stderr: `nodepool: ${sentence}\n` });
  });
});

describe('request-release', () => {
  it('gives nodes back, takes back what waits, and tells of what is not there', async () => {
    await pool.startDaemon();
    const id = await pool.ready();
    await pool.run(['request', 'small']);
    await pool.run(['request', 'small']);
    const { code, stdout, stderr } = await pool.run(['request-release', '1', '8', '2', '9']);
    expect([code, stderr]).toEqual([1, 'nodepool: there is no request 8 or 9\n']);
    expect(stdout).toMatch(/\| 1 .*\| released +\| its nodes were given back /);
    expect(stdout).toMatch(/\| 2 .*\| cancelled +\| it was taken back before it had nodes /);
    expect((await pool.store.readPool()).nodes).toMatchObject([{ id, state: 'delete', reason: 'released' }]);
  });

  it('says when nobody is there to delete the nodes', async () => {
    await pool.ready();
    await pool.run(['request', 'small']);
    expect((await pool.run(['request-release', '1'])).stderr).toBe(
      'nodepool: no daemon is running; the nodes are deleted as soon as one is started\n',
    );
  });

  it('of what has ended already is fine, and changes nothing', async () => {
    await pool.run(['request', 'small']);
    await pool.run(['request-release', '1', '-o', 'json']);
    const { code, stdout } = await pool.run(['request-release', '1', '--failed', '-o', 'json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ id: 1, state: 'ended', end_reason: 'cancelled' }]]);
  });

  it('with --failed leaves the nodes to the rules that may hold them', async () => {
    const id = await pool.ready();
    await pool.run(['request', 'small', '--requestor', 'ci']);
    await pool.run(['request-release', '1', '--failed']);
    expect(await stateOf(1)).toEqual(['ended', 'failed']);
    const [node] = (await pool.store.readPool()).nodes;
    expect(node).toMatchObject({ id, state: 'used', jobName: 'ci', jobResult: 'FAILURE' });
  });
});
