import { describe, expect, it } from 'vitest';
import type { FakeCloudConfig } from '../../../src/config/types.ts';
import type { ServerId } from '../../../src/lib/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeCloud } from '../../../src/providers/fake/cloud.ts';
import { createFakeShell } from '../../../src/providers/fake/shell.ts';
import type { ServerSpec } from '../../../src/providers/provider.ts';
import type { LoginTarget } from '../../../src/remote/shell.ts';
import { aProvider } from '../../support/builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const signal = new AbortController().signal;
const SPEC = {
  name: 'node-1',
  image: { base: 'Fake Precise' },
  az: null,
  keypair: null,
  tags: {},
} as unknown as ServerSpec;

/** One server of a fake cloud and the way into it. */
async function withServer(fake: Partial<FakeCloudConfig> = {}) {
  const clock = createFakeClock(0);
  const config = aProvider({ fake: { ...aProvider().fake, ...fake } });
  const cloud = new FakeCloud({ clock, random: createSeededRandom(1), config, block: 0 });
  const id: ServerId = await cloud.createServer(SPEC, signal);
  const usernames = ['root', 'ubuntu'];
  const target: LoginTarget = { address: '10.0.0.0', usernames, privateKeyPath: null, hostKey: null };
  return { clock, cloud, id, target, shell: createFakeShell(cloud, silentLog) };
}

describe('createFakeShell', () => {
  it('lets the first user in when the server is up', async () => {
    const { shell, target } = await withServer();
    await expect(shell.probe(target, signal)).resolves.toMatchObject({ username: 'root' });
  });

  describe('host keys', () => {
    it('are shown at every login, the same each time, and differ between servers', async () => {
      const { cloud, shell, target } = await withServer();
      await cloud.createServer(SPEC, signal);
      const { hostKey } = await shell.probe(target, signal);
      expect(hostKey).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[\w+/]{43}$/);
      expect(await shell.probe({ ...target, hostKey }, signal)).toEqual({ username: 'root', hostKey });
      expect((await shell.probe({ ...target, address: '10.0.0.1' }, signal)).hostKey).not.toBe(hostKey);
    });

    it('are those on the console', async () => {
      const { cloud, id, shell, target } = await withServer();
      const { hostKey } = await shell.probe(target, signal);
      expect(await cloud.readConsole(id, signal)).toContain(`${hostKey} root@node-1\n`);
    });

    it('keep everything from being done when they are not those expected', async () => {
      const { cloud, id, shell, target } = await withServer();
      const { hostKey } = await shell.probe(target, signal);
      cloud.afflict(id, 'host-key-changed');
      const expected = { ...target, hostKey };
      const calls = [
        shell.probe(expected, signal),
        shell.run(expected, { line: 'true' }, signal),
        shell.writeFiles(expected, [{ path: '/etc/nodepool/role', content: 'sub\n', mode: 0o644 }], signal),
      ];
      const reason = expect.objectContaining({ code: 'host-key-changed' }) as unknown;
      expect(await Promise.allSettled(calls)).toEqual(calls.map(() => ({ status: 'rejected', reason })));
      expect([cloud.commandsOf(id), cloud.filesOf(id)]).toEqual([[], new Map()]);
    });

    it('are taken as they come by who expects none', async () => {
      const { cloud, id, shell, target } = await withServer();
      const before = await shell.probe(target, signal);
      cloud.afflict(id, 'host-key-changed');
      expect((await shell.probe(target, signal)).hostKey).not.toBe(before.hostKey);
      expect(await cloud.readConsole(id, signal)).toContain(before.hostKey);
    });
  });

  describe('a knock', () => {
    it('is answered as soon as somebody could log in, not before', async () => {
      const { clock, shell, target } = await withServer({ bootTimeMs: 1000, sshDelayMs: 500 });
      await clock.advance(1499);
      await expect(shell.knock(target.address, signal)).rejects.toMatchObject({ code: 'unreachable' });
      await clock.advance(1);
      await expect(shell.knock(target.address, signal)).resolves.toBeUndefined();
    });

    it('is answered by a server that lets nobody in, too', async () => {
      const { cloud, id, shell, target } = await withServer();
      cloud.afflict(id, 'login-refused');
      await expect(shell.knock(target.address, signal)).resolves.toBeUndefined();
    });

    it('is not made when the signal has aborted', async () => {
      const { shell, target } = await withServer();
      await expect(shell.knock(target.address, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    });
  });

  it('keeps the files and commands of each server, of a file the last content', async () => {
    const { cloud, id, shell, target } = await withServer();
    const other = await cloud.createServer(SPEC, signal);
    const lines: string[] = [];
    await shell.writeFiles(target, [{ path: '/etc/nodepool/role', content: 'sub\n', mode: 0o644 }], signal);
    await shell.writeFiles(target, [{ path: '/etc/nodepool/role', content: 'primary\n', mode: 0o644 }], signal);
    await shell.run(target, { line: 'first', onLine: (line) => lines.push(line) }, signal);
    await shell.run(target, { line: 'second' }, signal);
    expect(cloud.filesOf(id)).toEqual(new Map([['/etc/nodepool/role', 'primary\n']]));
    expect(cloud.commandsOf(id)).toEqual(['first', 'second']);
    expect(lines).toHaveLength(1);
    expect([cloud.filesOf(other), cloud.commandsOf(other)]).toEqual([new Map(), []]);
  });

  it('answers when the SSH delay after the boot is over, not before', async () => {
    const { clock, shell, target } = await withServer({ bootTimeMs: 1000, sshDelayMs: 500 });
    await clock.advance(1499);
    await expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'unreachable' });
    await clock.advance(1);
    await expect(shell.probe(target, signal)).resolves.toMatchObject({ username: 'root' });
  });

  it('answers neither for a server that is being deleted nor for one that is gone', async () => {
    const { clock, cloud, id, shell, target } = await withServer({ deleteTimeMs: 1000 });
    await cloud.deleteServer(id, signal);
    await expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'unreachable' });
    await clock.advance(1000);
    await expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('answers for no address that no server has', async () => {
    const { shell, target } = await withServer();
    const nobody = { ...target, address: '10.0.0.1' };
    await expect(shell.run(nobody, { line: 'true' }, signal)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it.each([
    ['failBoots', 'unreachable'],
    ['failSsh', 'unreachable'],
  ] as const)('answers nothing on servers hit by %s', async (knob, code) => {
    const { shell, target } = await withServer({ [knob]: 1 });
    await expect(shell.probe(target, signal)).rejects.toMatchObject({ code });
    await expect(shell.writeFiles(target, [], signal)).rejects.toMatchObject({ code });
  });

  it('fails commands, and nothing else, on servers hit by failScripts', async () => {
    const { shell, target } = await withServer({ failScripts: 1 });
    await expect(shell.probe(target, signal)).resolves.toMatchObject({ username: 'root' });
    await expect(shell.writeFiles(target, [], signal)).resolves.toBeUndefined();
    await expect(shell.run(target, { line: 'true' }, signal)).rejects.toMatchObject({ code: 'command-failed' });
  });

  it('brings the trouble that is asked for to a server that was well', async () => {
    const { cloud, id, shell, target } = await withServer();
    const outcomeOf = (trouble: Parameters<FakeCloud['afflict']>[1]): Promise<unknown> => {
      cloud.afflict(id, trouble);
      return shell.run(target, { line: 'true' }, signal).catch((error: unknown) => (error as { code: string }).code);
    };
    expect(await outcomeOf('unreachable')).toBe('unreachable');
    expect(await outcomeOf('error')).toBe('unreachable');
    expect(await outcomeOf('login-refused')).toBe('login-refused');
    expect(await outcomeOf('command-failed')).toBe('command-failed');
    expect(await outcomeOf(null)).toBeUndefined();
  });

  it('refuses a login without a user', async () => {
    const { shell, target } = await withServer();
    await expect(shell.probe({ ...target, usernames: [] }, signal)).rejects.toMatchObject({ code: 'login-refused' });
  });

  it('does nothing when the signal has aborted', async () => {
    const { cloud, id, shell, target } = await withServer();
    const aborted = AbortSignal.abort();
    await expect(shell.run(target, { line: 'true' }, aborted)).rejects.toMatchObject({ code: 'aborted' });
    expect(cloud.commandsOf(id)).toEqual([]);
  });
});
