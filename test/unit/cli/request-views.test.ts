import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WaitingView } from '../../../src/requests/view.ts';
import { aConfig, aLabel, aProvider } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';
import { createWaitingClock } from '../../support/run-cli.ts';

let pool: CliPool;

beforeEach(async () => {
  const labels = [aLabel(), aLabel({ name: 'large' })];
  pool = await openCliPool({ config: aConfig({ providers: [aProvider({ maxServers: 9 })], labels }) });
});
afterEach(() => pool.close());

describe('request-list', () => {
  /** One that has nodes, and three that wait, of which the last goes first. */
  async function fill(): Promise<void> {
    await pool.ready();
    await pool.ready();
    await pool.run(['request', 'small', '--count', '2', '--requestor', 'ci', '--ttl', '1h']);
    await pool.run(['request', 'small', '--reason', 'bug 7']);
    await pool.run(['request', 'large', '--count', '3']);
    await pool.run(['request', 'small', '--priority', '1']);
  }

  it('shows those that wait in the order of their turns, then those that have nodes', async () => {
    await fill();
    const { code, stdout } = await pool.run(['request-list']);
    expect(code).toBe(0);
    expect(stdout).toBe(`\
+----+-------+-------+---------+----------+----------+-------------+-------------+---------------+-------+--------+
| ID | Label | Count | State   | Priority | Position | Requestor   | Age         | Lease ends in | Nodes | Reason |
+----+-------+-------+---------+----------+----------+-------------+-------------+---------------+-------+--------+
| 4  | small | 1     | waiting | 1        | 1        | tester@here | 00:00:00:00 |               |       |        |
| 2  | small | 1     | waiting | 0        | 2        | tester@here | 00:00:00:00 |               |       | bug 7  |
| 3  | large | 3     | waiting | 0        | 1        | tester@here | 00:00:00:00 |               |       |        |
| 1  | small | 2     | granted | 0        |          | ci          | 00:00:00:00 | 00:01:00:00   | 1, 2  |        |
+----+-------+-------+---------+----------+----------+-------------+-------------+---------------+-------+--------+
`);
  });

  it('gives machines raw values', async () => {
    await fill();
    const rows = JSON.parse((await pool.run(['request-list', '-o', 'json'])).stdout) as unknown[];
    expect(rows).toHaveLength(4);
    expect(rows.at(-1)).toEqual({
      id: 1,
      label: 'small',
      count: 2,
      state: 'granted',
      priority: 0,
      position: null,
      requestor: 'ci',
      age: 0,
      lease_ends_in: 3600,
      nodes: [1, 2],
      reason: null,
      created_at: '2026-01-15T12:00:00.000Z',
      granted_at: '2026-01-15T12:00:00.000Z',
      expires_at: '2026-01-15T13:00:00.000Z',
    });
  });

  it('does not count nodes that go, and a lease that is over as one that lasts', async () => {
    await fill();
    await pool.store.moveNode({ id: 2, from: 'used', to: 'delete', by: 'cleanup' });
    const later = { clock: createWaitingClock(Date.UTC(2026, 0, 15, 15)) };
    const rows = JSON.parse((await pool.run(['request-list', '-o', 'json'], later)).stdout) as unknown[];
    expect(rows.at(-1)).toMatchObject({ nodes: [1], lease_ends_in: 0, age: 3 * 3600 });
  });

  it('shows with --ended those that ended last, with why', async () => {
    await fill();
    await pool.run(['request-release', '1']);
    await pool.run(['request-release', '3']);
    const { stdout } = await pool.run(['request-list', '--ended']);
    expect(stdout.split('\n').slice(3, 5)).toEqual([
      '| 3  | large | 3     | ended | 0        | tester@here | 00:00:00:00 | 2026-01-15T12:00:00.000Z | cancelled | it was taken back before it had nodes |        |',
      '| 1  | small | 2     | ended | 0        | ci          | 00:00:00:00 | 2026-01-15T12:00:00.000Z | released  | its nodes were given back             |        |',
    ]);
    const ended = JSON.parse((await pool.run(['request-list', '--ended', '-o', 'json'])).stdout) as unknown;
    expect(ended).toMatchObject([
      { id: 3, end_reason: 'cancelled' },
      { id: 1, end_reason: 'released' },
    ]);
    expect((await pool.run(['request-list'])).stdout).not.toContain('ended');
  });

  it('of a pool without requests is an empty table, and an empty array', async () => {
    expect((await pool.run(['request-list'])).stdout.split('\n')).toHaveLength(5);
    expect((await pool.run(['request-list', '-o', 'json'])).stdout).toBe('[]\n');
  });
});

describe('request-info', () => {
  const waiting: WaitingView = {
    position: 2,
    nodes_ahead: 3,
    ready: 1,
    building: 2,
    why: ['provider cloud has no place free', 'label small waits for its image'],
    expected_at: '2026-01-15T12:01:30.000Z',
  };

  it('shows why a request waits and when it may expect nodes, as the daemon tells', async () => {
    await pool.startDaemon();
    await pool.run(['request', 'small']);
    let asked: unknown;
    const onSleep = () =>
      pool.answer((args) => {
        asked = args;
        return waiting;
      });
    const { code, stdout, stderr } = await pool.run(['request-info', '1'], { onSleep });
    expect([code, stderr, asked]).toEqual([0, '', { id: 1 }]);
    expect(stdout).toContain(`
Waiting
+--------------------+--------------------------+
| Fact               | Value                    |
+--------------------+--------------------------+
| Place in line      | 2                        |
| Nodes before it    | 3                        |
| Ready for the line | 1                        |
| Being launched     | 2                        |
| Expected in        | 00:00:01:29              |
| Expected           | 2026-01-15T12:01:30.000Z |
+--------------------+--------------------------+

In the way
  provider cloud has no place free
  label small waits for its image

History
`);
    const { stdout: machine } = await pool.run(['request-info', '1', '-o', 'json'], { onSleep });
    expect(JSON.parse(machine)).toMatchObject({ request: { id: 1, state: 'waiting', nodes: [], waiting } });
  });

  it('leaves out what the daemon cannot tell', async () => {
    await pool.startDaemon();
    await pool.run(['request', 'small']);
    const { stdout, stderr } = await pool.run(['request-info', '1', '-o', 'json'], {
      onSleep: () => pool.answer(() => null),
    });
    expect([stderr, (JSON.parse(stdout) as { request: object }).request]).toEqual([
      '',
      expect.not.objectContaining({ waiting: expect.anything() as unknown }) as unknown,
    ]);
  });

  it('says that no daemon is there to tell, and shows the rest', async () => {
    await pool.run(['request', 'small']);
    const { code, stdout, stderr } = await pool.run(['request-info', '1']);
    expect([code, stderr]).toEqual([0, 'nodepool: no daemon is running; request 1 waits until one is started\n']);
    expect(stdout).toMatch(/^Request\n/);
  });

  it('says that the daemon did not tell in time, and shows the rest', async () => {
    await pool.startDaemon();
    await pool.run(['request', 'small']);
    const { code, stdout, stderr } = await pool.run(['request-info', '1', '--timeout', '3']);
    expect(code).toBe(0);
    expect(stderr).toContain('nodepool: the daemon did not answer within 3 s; it may be busy and answer later\n');
    expect(stdout).toMatch(/^Request\n/);
  });

  it('shows the nodes of one that has them, and what happened to it, in its own words', async () => {
    await pool.ready();
    await pool.run(['request', 'small']);
    await pool.run(['request-extend', '1', '--ttl', '6h']);
    expect((await pool.run(['request-info', '1'])).stdout).toMatch(/\nNodes\n(.*\n)+.*\| nodepool ssh 1 \|/);
    await pool.run(['request-release', '1']);
    const { stdout } = await pool.run(['request-info', '1']);
    expect(stdout).not.toContain('\nNodes\n');
    const history = stdout.slice(stdout.indexOf('\nHistory\n'));
    expect(history).toMatch(/\| request 1 \| granted +\| request .*\| 1 +\|\n.*\| extended +\|.*18:00:00\.000Z \|\n/);
    expect(history).toMatch(/\| ended +\| released \| its nodes were given back +\|/);
  });

  it('of what nobody remembers is one sentence', async () => {
    expect(await pool.run(['request-info', '7'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: there is no request 7, and its history is not kept any more if it ever existed\n',
    });
  });

  it('remembers one whose row is gone', async () => {
    await pool.run(['request', 'small']);
    await pool.run(['request-release', '1']);
    await pool.store.requests.purge(Number.MAX_SAFE_INTEGER);
    const { code, stdout } = await pool.run(['request-info', '1']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^The row of request 1 is gone\.\n\nHistory\n/)]);
    expect(JSON.parse((await pool.run(['request-info', '1', '-o', 'json'])).stdout)).toMatchObject({ request: null });
  });
});

describe('status', () => {
  it('has a line for each label that there are requests for, and no word of them otherwise', async () => {
    expect((await pool.run(['status'])).stdout).not.toContain('Requests');
    await pool.ready();
    for (const wish of [['small'], ['small', '--count', '2'], ['small'], ['large']])
      await pool.run(['request', ...wish]);
    const { stdout } = await pool.run(['status']);
    expect(stdout).toContain(`
Requests
+-------+---------+--------------+---------+
| Label | Waiting | Nodes wanted | Granted |
+-------+---------+--------------+---------+
| large | 1       | 1            | 0       |
| small | 2       | 3            | 1       |
+-------+---------+--------------+---------+
`);
  });
});

describe('list', () => {
  it('tells which request a node belongs to; machines also get its job and how long it is held', async () => {
    const id = await pool.ready();
    await pool.run(['request', 'small', '--requestor', 'ci']);
    await pool.run(['request-release', '1', '--failed']);
    await pool.run(['hold', String(id), '--for', '2h']);
    expect((await pool.run(['list'])).stdout).toMatch(/\| operator \| 1 {7}\|\n/);
    expect(JSON.parse((await pool.run(['list', '-o', 'json'])).stdout)).toMatchObject([
      { request: 1, job: 'ci', hold_until: '2026-01-15T14:00:00.000Z' },
    ]);
    const { stdout } = await pool.run(['info', String(id)]);
    for (const [fact, value] of [
      ['Request', '1'],
      ['Job', 'ci'],
      ['Held until', '2026-01-15T14:00:00.000Z'],
      ['Job result', 'FAILURE'],
      ['Job ended', '2026-01-15T12:00:00.000Z'],
    ]) {
      expect(stdout).toMatch(new RegExp(`\\| ${fact} +\\| ${value} +\\|`));
    }
  });
});
