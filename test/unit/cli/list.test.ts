import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { cloudImageId, serverId } from '../../../src/lib/ids.ts';
import { anImageFile } from '../../support/builders.ts';
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
+----+----------+----+-------+--------+---------+----------+----------+-----------+-------------+----------+-------------+--------------+-----------+---------+
| ID | Provider | AZ | Label | Target | Manager | Hostname | NodeName | Server ID | IP          | State    | Age         | Comment      | Reason    | Request |
+----+----------+----+-------+--------+---------+----------+----------+-----------+-------------+----------+-------------+--------------+-----------+---------+
| 2  | cloud    |    | small | zuul   |         | small-2  | small-2  | 5f2e      | 203.0.113.7 | ready    | 00:00:00:00 | do not touch | min-ready |         |
| 1  | rax      | a  | small | zuul   |         |          |          |           |             | building | 00:00:00:00 |              | min-ready |         |
+----+----------+----+-------+--------+---------+----------+----------+-----------+-------------+----------+-------------+--------------+-----------+---------+
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
        request: null,
        job: null,
        hold_until: null,
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
});

describe('image-list', () => {
  it('shows the columns of the original, then new ones', async () => {
    const build = await pool.diskImage({ image: 'dib-trusty' });
    const snapshot = await pool.image({ provider: 'cloud', image: 'ubuntu' });
    const upload = await pool.image({ provider: 'rax', image: 'trusty', diskImageId: build });
    await pool.store.patch('image', snapshot, {}, { cloudImageId: cloudImageId('c-1'), withdrawnAt: 0 });
    await pool.store.patch('image', upload, {}, { progressBytes: 1024 ** 3 });
    expect((await pool.run(['image-list'])).stdout).toBe(`\
+----+----------+--------+----------------+------------+----------+-----------+----------+-------------+----------+-------+--------------------------+----------+
| ID | Provider | Image  | Hostname       | Version    | Image ID | Server ID | State    | Age         | Reason   | Build | Withdrawn                | Uploaded |
+----+----------+--------+----------------+------------+----------+-----------+----------+-------------+----------+-------+--------------------------+----------+
| 1  | cloud    | ubuntu | template-cloud | 1768478400 | c-1      |           | building | 00:00:00:00 | operator |       | 1970-01-01T00:00:00.000Z |          |
| 2  | rax      | trusty | template-rax   | 1768478400 |          |           | building | 00:00:00:00 | operator | 1     |                          | 1.0 GiB  |
+----+----------+--------+----------------+------------+----------+-----------+----------+-------------+----------+-------+--------------------------+----------+
`);
    expect(JSON.parse((await pool.run(['image-list', '-o', 'json'])).stdout)).toMatchObject([
      { id: 1, build: null, withdrawn_at: '1970-01-01T00:00:00.000Z', uploaded_bytes: null },
      { id: 2, build: 1, withdrawn_at: null, uploaded_bytes: 1024 ** 3 },
    ]);
  });
});

describe('dib-image-list', () => {
  it('shows the columns of the original, then new ones, sorted by image', async () => {
    const files = [
      anImageFile({ allocatedBytes: 300 * 1024 ** 2 }),
      anImageFile({ format: 'vhd', allocatedBytes: 1024 ** 3 }),
    ];
    await pool.diskImage({ image: 'dib-trusty', files });
    await pool.diskImage({ image: 'dib-centos', files: null });
    expect((await pool.run(['dib-image-list'])).stdout).toBe(`\
+----+------------+--------------------------------+------------+----------+-------------+---------------+----------+------------+---------+
| ID | Image      | Filename                       | Version    | State    | Age         | Reason        | Host     | Formats    | Size    |
+----+------------+--------------------------------+------------+----------+-------------+---------------+----------+------------+---------+
| 2  | dib-centos |                                | 1768478400 | building | 00:00:00:00 | image-missing |          |            |         |
| 1  | dib-trusty | /opt/dib/dib-trusty-1768478400 | 1768478400 | ready    | 00:00:00:00 | image-missing | builder1 | qcow2, vhd | 1.3 GiB |
+----+------------+--------------------------------+------------+----------+-------------+---------------+----------+------------+---------+
`);
    expect(JSON.parse((await pool.run(['dib-image-list', '-o', 'json'])).stdout)).toMatchObject([
      { id: 2, filename: null, host: null, formats: null, size: null },
      { id: 1, formats: ['qcow2', 'vhd'], size: 1324 * 1024 ** 2 },
    ]);
  });
});

describe('the listing', () => {
  it.each(['list', 'image-list', 'dib-image-list'])(
    '%s of an empty pool is an empty table, and an empty array',
    async (command) => {
      expect((await pool.run([command])).stdout.split('\n')).toHaveLength(5);
      expect((await pool.run([command, '-o', 'json'])).stdout).toBe('[]\n');
      expect((await pool.run([command, '-o', 'yaml'])).stdout).toBe('[]\n');
    },
  );
});
