import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anImageFile } from '../../support/builders.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

describe('info', () => {
  it('shows the facts of a node that are known, its subnodes, and its history with the reasons in words', async () => {
    const id = await pool.ready({ subnodes: 1 });
    await pool.run(['hold', String(id), '--reason', 'debugging']);
    const { code, stdout } = await pool.run(['info', String(id)]);
    expect(code).toBe(0);
    expect(stdout).toBe(`\
Node
+---------------+--------------------------+
| Fact          | Value                    |
+---------------+--------------------------+
| ID            | 1                        |
| Provider      | cloud                    |
| Label         | small                    |
| Target        | zuul                     |
| Hostname      | small-1                  |
| NodeName      | small-1                  |
| IP            | 203.0.113.7              |
| State         | hold                     |
| Age           | 00:00:00:00              |
| Comment       | debugging                |
| Reason        | operator                 |
| Held from     | ready                    |
| Image row     | 1                        |
| Create calls  | 0                        |
| Created       | 2026-01-15T12:00:00.000Z |
| Failed checks | 0                        |
+---------------+--------------------------+

Subnodes
+----+----------+-----------+----+------------+----------+-------------+
| ID | Hostname | Server ID | IP | Private IP | State    | Age         |
+----+----------+-----------+----+------------+----------+-------------+
| 1  |          |           |    |            | building | 00:00:00:00 |
+----+----------+-----------+----+------------+----------+-------------+

History
+--------------------------+---------+--------+-----------+----------------------------------+-----------+
| Time                     | Subject | Event  | Reason    | Why                              | Detail    |
+--------------------------+---------+--------+-----------+----------------------------------+-----------+
| 2026-01-15T12:00:00.000Z | node 1  | launch | min-ready | fewer READY nodes than min-ready |           |
| 2026-01-15T12:00:00.000Z | node 1  | held   | operator  | an operator asked for it         | debugging |
+--------------------------+---------+--------+-----------+----------------------------------+-----------+
`);
  });

  it('remembers a node whose row is gone', async () => {
    const id = await pool.ready();
    await pool.run(['delete', String(id)]);
    await pool.store.removeNode(id, { kind: 'removed', reason: 'gone' });
    const { code, stdout } = await pool.run(['info', String(id)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The row of node 1 is gone\.\n\nHistory\n\+-/);
    expect(stdout).toContain('nothing of it is left in the cloud');
    const machine = JSON.parse((await pool.run(['info', String(id), '-o', 'json'])).stdout) as {
      node: unknown;
      events: unknown[];
    };
    expect(machine.node).toBeNull();
    expect(machine.events.at(-1)).toEqual({
      at: '2026-01-15T12:00:00.000Z',
      subject: 'node 1',
      event: 'removed',
      reason: 'gone',
      why: 'nothing of it is left in the cloud',
      detail: null,
    });
  });

  it('tells of images with --image', async () => {
    const id = await pool.store.createImage({
      provider: 'cloud',
      image: 'ubuntu',
      hostname: 't',
      version: 1,
      reason: 'image-missing',
    });
    const { stdout } = await pool.run(['info', '--image', String(id), '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({ image: { id, image: 'ubuntu', state: 'building', setup_at: null } });
    expect((await pool.run(['info', String(id)])).code).toBe(1);
  });

  it('tells of disk images with --disk-image: files, digests, and what happened', async () => {
    const id = await pool.diskImage({ image: 'dib-trusty', files: [anImageFile({ bytes: 2 * 1024 ** 3 })] });
    await pool.store.patch('disk-image', id, {}, { uploads: ['cloud/trusty', 'rax/trusty'] });
    const { code, stdout } = await pool.run(['info', '--disk-image', String(id)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Disk image\n/);
    expect(stdout).toContain('| Uploaded as ');
    expect(stdout).toContain('| cloud/trusty, rax/trusty ');
    expect(stdout).toContain(`\nFiles\n+--------+---------+---------+--------------+-${'-'.repeat(64)}-+\n`);
    expect(stdout).toContain(`| qcow2  | 2.0 GiB | 286 MiB | 2.0 GiB      | ${'a'.repeat(64)} |\n`);
    expect(stdout).toMatch(/\nHistory\n(.*\n)+.*\| disk-image 1 \|/);
    const { stdout: machine } = await pool.run(['info', '--disk-image', String(id), '-o', 'json']);
    expect(JSON.parse(machine)).toMatchObject({
      disk_image: {
        id,
        uploads: ['cloud/trusty', 'rax/trusty'],
        files: [{ bytes: 2 * 1024 ** 3, md5: 'c'.repeat(32) }],
      },
    });
  });

  it('remembers a disk image whose row is gone', async () => {
    const id = await pool.diskImage({ files: null });
    const event = { kind: 'build-failed', reason: 'build-failed', detail: 'disk-image-create ended with 1' };
    await pool.store.moveDiskImage({ id, from: 'building', to: 'delete', by: 'cleanup', event });
    await pool.store.removeDiskImage(id, { kind: 'removed', reason: 'gone' });
    const { stdout } = await pool.run(['info', '--disk-image', String(id)]);
    expect(stdout).toMatch(/^The row of disk image 1 is gone\.\n\nHistory\n/);
    expect(stdout).toContain('| the disk image could not be built ');
    expect(stdout).toContain('| disk-image-create ended with 1 ');
    const { stderr } = await pool.run(['info', '--disk-image', '7']);
    expect(stderr).toBe(
      'nodepool: there is no disk image 7, and its history is not kept any more if it ever existed\n',
    );
  });

  it('is about one kind of thing at a time', async () => {
    const { code, stderr } = await pool.run(['info', '--image', '--disk-image', '1']);
    expect([code, stderr]).toEqual([2, "nodepool: option '--image' cannot be used with option '--disk-image'\n"]);
  });

  it('shows the host key of a node and its fingerprint, as ssh-keygen -l prints it', async () => {
    const hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXhmmX2Y5xNvgSsX4OFqbGMK8Pkx+3ERfqtSHqeqZBN';
    const id = await pool.ready();
    await pool.store.patch('node', id, {}, { hostKey });
    const { stdout } = await pool.run(['info', String(id)]);
    expect(stdout).toMatch(/\| Host key {13}\| ssh-ed25519 AAAA\S+ +\|/);
    expect(stdout).toContain('| Host key fingerprint | SHA256:wgWuZp9HjzJVcGz/qnniPWwMwMZuYSYcANSIHEjaGCg');
    const { stdout: machine } = await pool.run(['info', String(id), '-o', 'json']);
    expect(JSON.parse(machine)).toMatchObject({
      node: { host_key: hostKey, host_key_fingerprint: 'SHA256:wgWuZp9HjzJVcGz/qnniPWwMwMZuYSYcANSIHEjaGCg' },
    });
  });

  it('shows the end of a console below the history, line by line', async () => {
    const id = await pool.ready();
    const lines = ['[    0.000000] Linux', '', '\u001b[31mKernel panic\u001b[0m - not syncing', ''];
    const subject = { kind: 'node', id, provider: 'cloud', name: 'small' } as const;
    const event = { kind: 'console', reason: 'launch-timeout', detail: lines.join('\n') };
    await pool.store.events.add(subject, event);
    const { stdout } = await pool.run(['info', String(id)]);
    expect(stdout).toMatch(/\| console \| launch-timeout .*\| 3 lines, see below \|/);
    expect(stdout).toMatch(
      /\nconsole of 2026-01-15T12:00:00\.000Z, because the [^\n]*:\n {4}\[ {4}0\.000000\] Linux\n\n/,
    );
    expect(stdout).toMatch(/\n {5}\[31mKernel panic \[0m - not syncing\n$/);
    const { stdout: machine } = await pool.run(['info', String(id), '-o', 'json']);
    expect((JSON.parse(machine) as { events: unknown[] }).events.at(-1)).toMatchObject({ detail: lines.join('\n') });
  });

  it('of what nobody remembers is one sentence', async () => {
    const { code, stderr } = await pool.run(['info', '7']);
    expect([code, stderr]).toEqual([
      1,
      'nodepool: there is no node 7, and its history is not kept any more if it ever existed\n',
    ]);
  });
});
