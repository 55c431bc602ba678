import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

/** Two nodes of different providers, made in the order that a listing does not have. */
async function fill(): Promise<void> {
  await pool.launch({ provider: 'rax', az: 'a', subnodes: 1 });
  const id = await pool.ready({ provider: 'cloud' });
  await pool.store.patch('node', id, {}, { serverId: serverId('5f2e'), comment: 'do not touch' });
}

describe('list', () => {
  it('shows the columns of the original, then new ones, sorted by provider', async () => {
    await fill();
    const { code, stdout, stderr } = await pool.run(['list']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`\
+----+----------+----+-------+--------+---------+----------+----------+-----------+-------------+----------+-------------+--------------+-----------+
| ID | Provider | AZ | Label | Target | Manager | Hostname | NodeName | Server ID | IP          | State    | Age         | Comment      | Reason    |
+----+----------+----+-------+--------+---------+----------+----------+-----------+-------------+----------+-------------+--------------+-----------+
| 2  | cloud    |    | small | zuul   |         | small-2  | small-2  | 5f2e      | 203.0.113.7 | ready    | 00:00:00:00 | do not touch | min-ready |
| 1  | rax      | a  | small | zuul   |         |          |          |           |             | building | 00:00:00:00 |              | min-ready |
+----+----------+----+-------+--------+---------+----------+----------+-----------+-------------+----------+-------------+--------------+-----------+
`);
  });

  it('is the same under the name node-list', async () => {
    await fill();
    expect(await pool.run(['node-list'])).toEqual(await pool.run(['list']));
  });

  it('gives machines raw values under snake case keys, in JSON and in YAML', async () => {
    await fill();
    const { stdout } = await pool.run(['list', '--output', 'json']);
    const nodes = JSON.parse(stdout) as unknown[];
    expect(nodes).toEqual([
      expect.objectContaining({
        id: 2,
        provider: 'cloud',
        server_id: '5f2e',
        ip: '203.0.113.7',
        state: 'ready',
        age: 0,
        comment: 'do not touch',
        subnodes: [],
      }),
      expect.objectContaining({
        id: 1,
        az: 'a',
        hostname: null,
        nodename: null,
        state: 'building',
        reason: 'min-ready',
        ip_private: null,
        host_key: null,
        subnodes: [
          {
            id: 1,
            hostname: null,
            server_id: null,
            ip: null,
            ip_private: null,
            host_key: null,
            state: 'building',
            age: 0,
          },
        ],
      }),
    ]);
    expect(parse((await pool.run(['list', '-o', 'yaml'])).stdout)).toEqual(nodes);
  });

  it('of an empty pool is an empty table, and an empty array', async () => {
    expect((await pool.run(['list'])).stdout.split('\n')).toHaveLength(5);
    expect((await pool.run(['list', '-o', 'json'])).stdout).toBe('[]\n');
    expect((await pool.run(['list', '-o', 'yaml'])).stdout).toBe('[]\n');
  });
});

describe('image-list', () => {
  it('shows the columns of the original, then new ones', async () => {
    const id = await pool.store.createImage({
      provider: 'cloud',
      image: 'ubuntu',
      hostname: 'template-1',
      version: 1768478400,
      reason: 'image-missing',
    });
    await pool.store.patch('image', id!, {}, { cloudImageId: cloudImageId('c-1') });
    expect((await pool.run(['image-list'])).stdout).toBe(`\
+----+----------+--------+------------+------------+----------+-----------+----------+-------------+---------------+
| ID | Provider | Image  | Hostname   | Version    | Image ID | Server ID | State    | Age         | Reason        |
+----+----------+--------+------------+------------+----------+-----------+----------+-------------+---------------+
| 1  | cloud    | ubuntu | template-1 | 1768478400 | c-1      |           | building | 00:00:00:00 | image-missing |
+----+----------+--------+------------+------------+----------+-----------+----------+-------------+---------------+
`);
  });
});

describe('dib-image-list', () => {
  it('is empty while this version builds no disk images', async () => {
    expect((await pool.run(['dib-image-list'])).stdout).toBe(`\
+----+-------+----------+---------+-------+-----+
| ID | Image | Filename | Version | State | Age |
+----+-------+----------+---------+-------+-----+
+----+-------+----------+---------+-------+-----+
`);
  });
});
