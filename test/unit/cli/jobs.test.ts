import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

const HOUR_MS = 3_600_000;

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

describe('job-create', () => {
  it('prints the list, with the columns of the original first', async () => {
    await pool.run(['job-create', 'gate-unit']);
    const wish = ['--hold-on-failure', '2', '--label', 'small', '--reason', 'bug 7', '--for', '2h', '--until', '7d'];
    const { code, stdout, stderr } = await pool.run(['job-create', '*', ...wish]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`\
+----+-----------+-----------------+----------+-------+--------+-------------+--------------------------+
| ID | Name      | Hold on Failure | Held now | Label | Reason | Held for    | Until                    |
+----+-----------+-----------------+----------+-------+--------+-------------+--------------------------+
| 1  | gate-unit | 0               | 0        |       |        |             |                          |
| 2  | *         | 2               | 0        | small | bug 7  | 00:02:00:00 | 2026-01-22T12:00:00.000Z |
+----+-----------+-----------------+----------+-------+--------+-------------+--------------------------+
`);
    expect((await pool.store.readPool()).jobs.at(-1)).toEqual({
      id: 2,
      name: '*',
      label: 'small',
      holdOnFailure: 2,
      reason: 'bug 7',
      holdMs: 2 * HOUR_MS,
      expiresAt: Date.UTC(2026, 0, 22, 12),
    });
  });

  it('allows several of one name, as the original does', async () => {
    for (const count of ['1', '2']) await pool.run(['job-create', 'gate-unit', '--hold-on-failure', count]);
    expect((await pool.store.readPool()).jobs).toMatchObject([{ holdOnFailure: 1 }, { holdOnFailure: 2 }]);
  });

  it.each([
    [['x'.repeat(256)], 'the name of a job must have 1 to 255 characters'],
    [[''], 'the name of a job must have 1 to 255 characters'],
    [['a\nb'], 'the name of a job must be one line without control characters'],
    [['a', '--reason', 'y'.repeat(256)], 'the reason must have 1 to 255 characters'],
    [['a', '--reason', 'a\u2028b'], 'the reason must be one line without control characters'],
  ])('refuses what it could not keep as it is: %j', async (args, sentence) => {
    expect(await pool.run(['job-create', ...args])).toEqual({ code: 2, stdout: '', stderr: `nodepool: ${sentence}\n` });
    expect((await pool.store.readPool()).jobs).toEqual([]);
  });

  it('keeps the longest name and reason whole', async () => {
    const [name, reason] = ['x'.repeat(255), 'y'.repeat(255)];
    await pool.run(['job-create', name, '--reason', reason]);
    expect((await pool.store.readPool()).jobs).toMatchObject([{ name, reason }]);
  });

  it('refuses a label that the configuration does not have', async () => {
    const { code, stdout, stderr } = await pool.run(['job-create', 'gate-unit', '--label', 'smal']);
    expect([code, stdout, stderr]).toEqual([1, '', 'nodepool: there is no label smal (did you mean small?)\n']);
    expect((await pool.store.readPool()).jobs).toEqual([]);
  });
});

describe('job-list', () => {
  it('counts the nodes that are held for a job now', async () => {
    await pool.run(['job-create', 'gate-unit', '--hold-on-failure', '3', '--for', '90']);
    const ids = [await pool.ready(), await pool.ready(), await pool.ready()];
    for (const id of ids.slice(1)) {
      await pool.run(['hold', String(id)]);
      await pool.store.patch('node', id, {}, { heldBy: 1 });
    }
    await pool.store.moveNode({ id: ids[2]!, from: 'hold', to: 'delete', by: 'operator' });
    const { stdout } = await pool.run(['job-list', '-o', 'json']);
    const rule = { id: 1, name: 'gate-unit', hold_on_failure: 3, held: 1, label: null, reason: null };
    expect(JSON.parse(stdout)).toEqual([{ ...rule, hold_for: 90, until: null }]);
  });

  it('of none is an empty table, and an empty array', async () => {
    expect((await pool.run(['job-list'])).stdout.split('\n')).toHaveLength(5);
    expect((await pool.run(['job-list', '-o', 'json'])).stdout).toBe('[]\n');
  });
});

describe('job-delete', () => {
  it('prints nothing, deletes what there is, and then tells what there is not', async () => {
    for (const name of ['a', 'b', 'c']) await pool.run(['job-create', name]);
    expect(await pool.run(['job-delete', '3'])).toEqual({ code: 0, stdout: '', stderr: '' });
    const { code, stderr } = await pool.run(['job-delete', '7', '1', '3']);
    expect([code, stderr]).toEqual([1, 'nodepool: there is no job 7 or 3\n']);
    expect((await pool.store.readPool()).jobs).toMatchObject([{ id: 2, name: 'b' }]);
  });
});
