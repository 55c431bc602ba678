/** config/recipes/with-node on nodes that can be logged in to: what the recipes are built on, and everybody else may be. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BusyPool } from '../../support/busy-pool.ts';
import { until } from '../../support/real-pool.ts';
import { RecipeSite, waits, type Running } from '../../support/recipe-site.ts';
import { Sshd } from '../../support/sshd.ts';

let site: RecipeSite;

beforeAll(async () => {
  site = await RecipeSite.open();
});
afterAll(() => site.close());
beforeEach(() => site.begin());

async function withNode(args: readonly string[], settings: NodeJS.ProcessEnv = {}, input?: string): Promise<Running> {
  return site.start('with-node', args, { ...site.overHttp(), ...settings }, input);
}

/** A web server that has a page for everybody, and is no pool. */
async function otherServer(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((_, response) => response.end('<h1>It works!</h1>'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

describe('with-node', () => {
  it('gives a command what it has as input, and passes output and exit code on', async () => {
    const options = ['--requestor', 'me', '--reason', 'a "reason", \\ {with} [everything]', '--priority', '5'];
    const command = ['cat;', 'echo said >&2;', 'echo ran >>"$HOME/jobs";', 'exit 7'];
    const running = await withNode([...options, 'small', '--', ...command], {}, 'input\n');
    expect(await running.ended).toEqual({ code: 7, stdout: 'input\n', stderr: 'said\n' });
    expect(await site.cleared()).toMatchObject({
      requestor: 'me',
      reason: 'a "reason", \\ {with} [everything]',
      priority: 5,
      endReason: 'failed',
    });
    expect(await site.left()).toEqual(['ran on one that is gone']);
  });

  it('waits for a node while all are in use, but not for longer than it is told', async () => {
    const end = await site.occupy();
    const impatient = await withNode(['--timeout', '1s', 'small', '--', 'true']);
    const { code, stderr } = await impatient.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^with-node: request (\d+) waits for a node of label small\nwith-node: request \1 got no node in time\n$/,
    );
    const patient = await withNode(['small', '--', 'echo ran >>"$HOME/jobs"']);
    await until('it waits', async () => (patient.output().includes('waits for a node') ? true : null));
    await end();
    expect(await patient.ended).toMatchObject({ code: 0, stdout: '' });
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect(await site.left()).toEqual(['ran on one that is gone']);
  });

  it('that is told to stop while it waits takes its wish back', async () => {
    const end = await site.occupy();
    const running = await withNode(['small', '--', 'true']);
    await until('it waits', async () => (running.output().includes('waits for a node') ? true : null));
    running.kill('SIGTERM');
    expect((await running.ended).code).toBe(143);
    expect(await site.pool.ask('request-list')).toEqual([]);
    await end();
  });

  it('extends its lease for as long as the command runs', async () => {
    const pool = await BusyPool.start(site.overHttp());
    try {
      const settings = { ...pool.settings, ...site.inHaste() };
      const running = await withNode(['--ttl', '5m', 'small', '--', `${waits()}; echo ran >>"$HOME/jobs"`], settings);
      await until('its lease is extended again and again', async () => (pool.extensions > 2 ? true : null));
      site.letGo();
      expect(await running.ended).toEqual({ code: 0, stdout: '', stderr: '' });
    } finally {
      pool.close();
    }
    expect(await site.cleared()).toMatchObject({ endReason: 'released' });
    expect(await site.left()).toEqual(['ran on one that is gone']);
  });

  it('goes on extending its lease when the pool was too busy for that, however often', async () => {
    const pool = await BusyPool.start(site.overHttp());
    try {
      pool.refuse(6);
      const settings = { ...pool.settings, ...site.inHaste() };
      const running = await withNode(['--ttl', '5m', 'small', '--', 'sleep 60'], settings);
      await until('its lease is extended', async () => (pool.extensions > 0 ? true : null));
      running.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      expect(code).toBe(143);
      expect(stderr.replaceAll(/http:\S+/g, 'URL')).toBe('with-node: URL says 429: slow down\n'.repeat(6));
    } finally {
      pool.close();
    }
    expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
  });

  it('that is killed extends its lease no more, and loses its node', async () => {
    const running = await withNode(['--ttl', '3', 'small', '--', 'echo began >>"$HOME/jobs"; sleep 60']);
    await site.jobRuns();
    running.kill('SIGKILL');
    expect(await site.cleared()).toMatchObject({ endReason: 'expired' });
    expect(await site.left()).toEqual(['began on one that is gone']);
  });

  it('does not log in where the host key is another one than the pool knows', async () => {
    const other = await Sshd.start();
    try {
      await site.changeHostKeys(await other.hostKey('ed25519'));
      const running = await withNode(['small', '--', 'echo ran >>"$HOME/jobs"']);
      const { code, stderr } = await running.ended;
      expect(code).toBe(255);
      expect(stderr).toContain('Host key verification failed');
      expect(await site.cleared()).toMatchObject({ endReason: 'failed' });
      expect(await site.left()).toEqual([]);
    } finally {
      await other.remove();
    }
  });

  it('makes no request when it cannot read the key', async () => {
    const before = await site.requests();
    for (const key of ['missing.key', '.']) {
      const running = await withNode(['small', '--', 'true'], { NODEPOOL_KEY: key });
      const stderr = `with-node: cannot read the key ${key}: check NODEPOOL_KEY\n`;
      expect(await running.ended).toEqual({ code: 1, stdout: '', stderr });
    }
    expect(await site.requests()).toBe(before);
  });

  it('says why it gets nothing, and what is wrong with its arguments', async () => {
    const token = site.secretFile('wrong.token', `np_${'x'.repeat(43)}`);
    const other = await otherServer();
    const outcomes = await Promise.all([
      withNode(['small', '--', 'true'], { NODEPOOL_TOKEN_FILE: token }),
      withNode(['small', '--', 'true'], { NODEPOOL_TOKEN_FILE: 'missing.token' }),
      withNode(['small', '--', 'true'], { NODEPOOL_URL: other.url }),
      withNode(['--ttl', '99d', 'small', '--', 'true']),
      withNode(['--ttl', 'long', 'small', '--', 'true']),
      withNode(['small', 'true']),
    ]);
    const ends = await Promise.all(outcomes.map(({ ended }) => ended));
    other.close();
    expect(ends.map(({ code, stderr }) => [code, stderr.replaceAll(/http:\S+/g, 'URL')])).toEqual([
      [1, 'with-node: URL says 401: the token is unknown or has expired\n'],
      [
        1,
        expect.stringMatching(
          /^with-node: cannot read missing.token: there is no such file, or \S+ may not read it\n$/,
        ),
      ],
      [1, 'with-node: what answers at URL is no pool: check NODEPOOL_URL\n'],
      [1, expect.stringMatching(/says 422: ttl must be between 1 and 604800 seconds/)],
      [2, 'with-node: long is no time\n'],
      [2, 'with-node [OPTION...] LABEL -- COMMAND...\n'],
    ]);
  });
});
