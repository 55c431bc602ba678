import type { ServerChannel } from 'ssh2';
import { describe, expect, it, vi } from 'vitest';
import { end, type ExecCall } from '../../../support/ssh-server.ts';
import { openScene, until, type ShellScene } from './scene.ts';

/** The lines that a command prints when the server does this, and how it ended: null, or the error. */
async function outcomeOf(
  exec: (call: ExecCall) => void,
): Promise<{ lines: readonly string[]; error: unknown; scene: ShellScene }> {
  const scene = await openScene({ exec });
  const lines: string[] = [];
  const command = { line: 'script', onLine: (line: string) => lines.push(line) };
  const error: unknown = await scene.shell.run(scene.target, command, scene.signal).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { lines, error, scene };
}

const failed = (message: string): object => ({ code: 'command-failed', message });

describe('run', () => {
  it('reports the lines of both streams, and resolves when the command succeeds', async () => {
    const { lines, error } = await outcomeOf(({ channel }) => {
      channel.stderr.write('warning\n');
      end(channel, 'one\ntwo');
    });
    expect(error).toBe(null);
    expect(lines.toSorted()).toEqual(['one', 'two', 'warning']);
  });

  it('names the exit code and the last lines of a command that failed, and not the command line', async () => {
    const { error } = await outcomeOf(({ channel }) => end(channel, 'one\ntwo\n', 3));
    expect(error).toMatchObject(failed('a command on 127.0.0.1 ended with exit code 3, last output: one / two'));
  });

  it('names the signal that ended a command', async () => {
    const { error } = await outcomeOf(({ channel }) => {
      channel.exit('TERM');
      channel.end();
    });
    expect(error).toMatchObject(failed('a command on 127.0.0.1 ended by SIGTERM, without output'));
  });

  it('does not take an end without an exit code for success', async () => {
    const { error } = await outcomeOf(({ channel }) => void channel.end());
    expect(error).toMatchObject(failed('a command on 127.0.0.1 ended without an exit code, without output'));
  });

  it('takes a connection that is lost in mid-command for that, and for no failure of the command', async () => {
    const { lines, error } = await outcomeOf(({ channel, connection }) => {
      channel.write('half\n', () => connection.end());
    });
    expect(lines).toEqual(['half']);
    expect(error).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^the connection to 127\.0\.0\.1 was lost: /) as string,
    });
  });

  it('holds output back from nobody, and keeps none of it', async () => {
    const megabytes = 16;
    const { lines, error } = await outcomeOf(({ channel }) => {
      const line = `${'x'.repeat(1023)}\n`;
      for (let count = 0; count < megabytes; count += 1) channel.write(line.repeat(1024));
      end(channel, 'done\n', 1);
    });
    expect(lines).toHaveLength(megabytes * 1024 + 1);
    expect((error as Error).message.length).toBeLessThan(2200);
    expect((error as Error).message).toMatch(/x \/ done$/);
  });

  it('ends promptly when it is abandoned, and the connection with it', async () => {
    const scene = await openScene({ exec: () => undefined });
    const run = expect(scene.shell.run(scene.target, { line: 'script' }, scene.signal)).rejects.toMatchObject({
      code: 'aborted',
    });
    await until(() => scene.server.commands.length === 1);
    scene.abort();
    await run;
    await scene.server.drained();
  });

  it('does not wait for what a command left in the background with its output open', async () => {
    const scene = await openScene({ exec: ({ channel }) => void channel.exit(0) });
    let isDone = false;
    const run = scene.shell.run(scene.target, { line: 'script' }, scene.signal).then(() => (isDone = true));
    await until(() => scene.clock.nextAt() === scene.clock.now() + 5000);
    await scene.clock.advance(4999);
    expect(isDone).toBe(false);
    await scene.clock.advance(1);
    await run;
  });

  it('notices a server that is dead, a minute after its last word', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let channel: ServerChannel | null = null;
      const scene = await openScene({
        exec: (call) => {
          ({ channel } = call);
          // From here on it hears nothing any more.
          scene.server.freeze();
        },
      });
      let error: unknown = null;
      const run = scene.shell.run(scene.target, { line: 'script' }, scene.signal).catch((reason: unknown) => {
        error = reason;
      });
      await until(() => channel !== null);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(error).toBe(null);
      await vi.advanceTimersByTimeAsync(15_000);
      await run;
      expect(error).toMatchObject({
        code: 'unreachable',
        message: 'the connection to 127.0.0.1 was lost: Keepalive timeout',
      });
    } finally {
      vi.useRealTimers();
    }
  });

  it('says that a server runs no commands', async () => {
    const scene = await openScene({ refusesCommands: true });
    await expect(scene.shell.run(scene.target, { line: 'script' }, scene.signal)).rejects.toMatchObject(
      failed('127.0.0.1 does not run commands: Unable to exec'),
    );
  });
});

describe('writeFiles', () => {
  const files = [{ path: '/etc/nodepool/role', content: 'primary\n', mode: 0o644 }];

  it('says that a server offers no SFTP', async () => {
    const scene = await openScene();
    await expect(scene.shell.writeFiles(scene.target, files, scene.signal)).rejects.toMatchObject(
      failed('127.0.0.1 offers no SFTP, which files are written over: Unable to start subsystem: sftp'),
    );
  });

  it('names the file that cannot be written', async () => {
    const scene = await openScene({
      sftp: (_connection, accept) => {
        const sftp = accept();
        sftp.on('OPEN', (id) => sftp.status(id, 3));
      },
    });
    await expect(scene.shell.writeFiles(scene.target, files, scene.signal)).rejects.toMatchObject(
      failed('/etc/nodepool/role cannot be written on 127.0.0.1: Permission denied'),
    );
  });

  it('takes a connection that is lost in between for that', async () => {
    const scene = await openScene({
      sftp: (connection, accept) => void accept().on('OPEN', () => connection.end()),
    });
    await expect(scene.shell.writeFiles(scene.target, files, scene.signal)).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it('ends promptly when it is abandoned', async () => {
    const scene = await openScene({ sftp: (_connection, accept) => void accept().on('OPEN', () => scene.abort()) });
    await expect(scene.shell.writeFiles(scene.target, files, scene.signal)).rejects.toMatchObject({ code: 'aborted' });
    await scene.server.drained();
  });
});
