import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/lib/random.ts';
import { hashSecret } from '../../../src/requests/tokens.ts';
import { openCliPool, type CliPool } from '../../support/cli-pool.ts';

/** Its 32 bytes are 0xab. */
const random = { ...systemRandom, hex: (bytes: number): string => 'ab'.repeat(bytes) };
const SECRET = `np_${Buffer.alloc(32, 0xab).toString('base64url')}`;

let pool: CliPool;

beforeEach(async () => {
  pool = await openCliPool();
});
afterEach(() => pool.close());

describe('token create', () => {
  it('shows the secret once, and keeps its digest alone', async () => {
    const { code, stdout, stderr } = await pool.run(['token', 'create', 'ci of team A'], { random });
    expect([code, stderr]).toEqual([0, 'nodepool: the token is shown this once; only its digest is kept\n']);
    expect(stdout).toContain('| Scopes | requests ');
    expect(stdout).toContain(`| Token  | ${SECRET} |`);
    expect(await pool.store.tokens.findByHash(hashSecret(SECRET))).toMatchObject({
      id: 1,
      name: 'ci of team A',
      scopes: ['requests'],
      expiresAt: null,
    });
    for (const command of [
      ['token', 'list'],
      ['token', 'list', '-o', 'json'],
      ['status', '-o', 'json'],
    ])
      expect((await pool.run(command)).stdout).not.toContain(SECRET.slice(3));
  });

  it('takes several scopes and an end, and tells machines all of it', async () => {
    const wish = ['--scope', 'read', '--scope', 'requests', '--scope', 'read', '--expires', '30d'];
    const { stdout } = await pool.run(['token', 'create', 'dashboard', ...wish, '-o', 'json'], { random });
    expect(JSON.parse(stdout)).toEqual({
      id: 1,
      name: 'dashboard',
      scopes: ['read', 'requests'],
      expires_at: '2026-02-14T12:00:00.000Z',
      token: SECRET,
    });
  });

  it('makes another one each time', async () => {
    const secrets = [];
    for (let index = 0; index < 2; index += 1) {
      const { stdout } = await pool.run(['token', 'create', 'ci', '-o', 'json']);
      secrets.push((JSON.parse(stdout) as { token: string }).token);
    }
    expect(new Set(secrets).size).toBe(2);
    for (const secret of secrets) expect(secret).toMatch(/^np_[\w-]{43}$/);
  });

  it.each([
    ['', 'have 1 to 255 characters'],
    ['x'.repeat(256), 'have 1 to 255 characters'],
    ['two\nlines', 'be one line without control characters'],
  ])('refuses the name %j', async (name, rule) => {
    const stderr = `nodepool: the name of a token must ${rule}\n`;
    expect(await pool.run(['token', 'create', name])).toEqual({ code: 2, stdout: '', stderr });
    expect(await pool.store.tokens.list()).toEqual([]);
  });
});

describe('token list and token revoke', () => {
  it('show what there is, and end it', async () => {
    await pool.run(['token', 'create', 'ci', '--expires', '90']);
    await pool.run(['token', 'create', 'boss', '--scope', 'admin', '--scope', 'read']);
    expect((await pool.run(['token', 'list'])).stdout).toBe(`\
+----+------+-------------+-------------+--------------------------+
| ID | Name | Scopes      | Age         | Expires                  |
+----+------+-------------+-------------+--------------------------+
| 1  | ci   | requests    | 00:00:00:00 | 2026-01-15T12:01:30.000Z |
| 2  | boss | admin, read | 00:00:00:00 |                          |
+----+------+-------------+-------------+--------------------------+
`);
    const stdout = 'Token 1 is revoked: it works no more, after 5 seconds at the latest.\n';
    expect(await pool.run(['token', 'revoke', '1'])).toEqual({ code: 0, stdout, stderr: '' });
    expect(JSON.parse((await pool.run(['token', 'list', '-o', 'json'])).stdout)).toEqual([
      { id: 2, name: 'boss', scopes: ['admin', 'read'], age: 0, expires_at: null },
    ]);
    expect(await pool.run(['token', 'revoke', '1'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'nodepool: there is no token 1\n',
    });
  });

  it('tell beforehand that a revoked one works on for a moment', async () => {
    const { stdout } = await pool.run(['token', 'revoke', '--help']);
    const told = 'revoke a token: it works no more, after 5 seconds at the latest';
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(told);
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    expect(readme).toMatch(/`nodepool token revoke ID` \|[^\n]* works no more, after 5 seconds at the latest/);
  });
});
