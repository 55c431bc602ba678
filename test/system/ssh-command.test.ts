/** `nodepool ssh` and `nodepool run` with the system's own client and server: what it hands over is what OpenSSH understands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aConfig, aProvider, aProviderImage } from '../support/builders.ts';
import { openCliPool, type CliPool } from '../support/cli-pool.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { Sshd } from '../support/sshd.ts';

let sshd: Sshd;
let privateKey: string;
let pool: CliPool;

beforeAll(async () => {
  sshd = await Sshd.start();
  privateKey = await sshd.makeKey('operator', ['-t', 'ed25519']);
});
afterAll(() => sshd.remove());

beforeEach(async () => {
  const images = new Map([['ubuntu', aProviderImage({ username: sshd.username, privateKey })]]);
  pool = await openCliPool({ config: aConfig({ providers: [aProvider({ images })] }) });
  return () => pool.close();
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(command: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

/** A READY node behind which the test's server is. */
async function nodeWith(hostKey: string | null): Promise<number> {
  const id = await pool.ready();
  await pool.store.patch('node', id, {}, { hostKey, ip: '127.0.0.1' });
  return id;
}

/** Runs a command of ours; the ssh that it runs gets the port of the test's server, and what that says is kept. */
async function withSsh(...args: readonly string[]): Promise<Ended> {
  let ended: Ended | null = null;
  const runAttached = async (command: string, sshArgs: readonly string[]): Promise<number> => {
    ended = await run(command, ['-F', 'none', '-p', String(sshd.port), ...sshArgs]);
    return ended.code ?? -1;
  };
  const { code } = await pool.run(args, { runAttached, clock: createFakeClock() });
  return { ...ended!, code };
}

/** Runs the command on a node with this host key. */
async function ssh(hostKey: string | null, ...words: readonly string[]): Promise<Ended> {
  return withSsh('ssh', String(await nodeWith(hostKey)), '--', ...words);
}

describe('nodepool ssh', () => {
  it('gets in where the server shows the key on record, and passes output and exit code on', async () => {
    expect(await ssh(await sshd.hostKey('ed25519'), 'echo', 'here;', 'exit', '7')).toEqual({
      code: 7,
      stdout: 'here\n',
      stderr: '',
    });
  });

  it('does not get in where the server shows another key', async () => {
    const other = await Sshd.start();
    try {
      const { code, stdout, stderr } = await ssh(await other.hostKey('ed25519'), 'echo', 'here');
      expect([code, stdout]).toEqual([255, '']);
      expect(stderr).toContain('Host key verification failed');
    } finally {
      await other.remove();
    }
  });

  it('gets in to a node without a key on record', async () => {
    expect(await ssh(null, 'echo', 'here')).toMatchObject({ code: 0, stdout: 'here\n' });
  });

  it('prints a command line that gets in, too, if only where the key is right', async () => {
    const id = await pool.ready();
    const printed = async (hostKey: string): Promise<Ended> => {
      await pool.store.patch('node', id, {}, { hostKey, ip: '127.0.0.1' });
      const { stdout } = await pool.run(['ssh', '--print', String(id), '--', 'echo', 'here']);
      return run('sh', ['-c', stdout.replace(/^ssh /, `ssh -F none -p ${sshd.port} `)]);
    };
    const hostKey = await sshd.hostKey('ed25519');
    expect(await printed(hostKey)).toMatchObject({ code: 0, stdout: 'here\n' });
    expect(await printed(`${hostKey.slice(0, -4)}AAAA`)).toMatchObject({ code: 255, stdout: '' });
  });
});

describe('nodepool run', () => {
  it.each([
    [0, 'released'],
    [7, 'failed'],
  ])('passes output and exit code on, as %i, and gives its node back', async (exit, reason) => {
    await nodeWith(await sshd.hostKey('ed25519'));
    expect(await withSsh('run', 'small', '--', 'echo', 'here;', 'exit', String(exit))).toEqual({
      code: exit,
      stdout: 'here\n',
      stderr: '',
    });
    expect((await pool.store.requests.find(1))?.request).toMatchObject({ state: 'ended', endReason: reason });
  });
});
