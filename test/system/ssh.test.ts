/** The SSH client against the OpenSSH server of the system: what a server of a cloud does, when all is well. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { prepareTemplate, readyCommand } from '../../src/remote/scripts.ts';
import type { LoginTarget, Shell } from '../../src/remote/shell.ts';
import { createSshShell } from '../../src/remote/ssh/index.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { run } from '../support/mariadb.ts';
import { Sshd, type KeyKind } from '../support/sshd.ts';

const PASSPHRASE = 'correct horse';

const never = new AbortController().signal;

let sshd: Sshd;
let key: string;

beforeAll(async () => {
  sshd = await Sshd.start({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
  key = await sshd.makeKey('key', ['-t', 'ed25519']);
});

afterAll(() => sshd.remove());

interface Visit {
  readonly shell: Shell;
  readonly target: LoginTarget;
  readonly clock: FakeClock;
}

/** A shell whose idle connections are closed when the test has finished. */
function visit(server: Sshd, env: Record<string, string> = {}): Visit {
  const clock = createFakeClock();
  onTestFinished(() => clock.advance(10_000));
  return {
    shell: createSshShell({ clock, env, log: silentLog, port: server.port }),
    target: { address: '127.0.0.1', usernames: [server.username], privateKeyPath: key, hostKey: null },
    clock,
  };
}

async function outputOf(
  { shell, target }: Visit,
  line: string,
  options: { pty?: boolean } = {},
): Promise<readonly string[]> {
  const lines: string[] = [];
  await shell.run(target, { line, ...options, onLine: (text) => lines.push(text) }, never);
  return lines;
}

describe('a login', () => {
  const formats: readonly (readonly [string, readonly string[]])[] = [
    ['rsa', ['-t', 'rsa', '-b', '2048']],
    ['rsa-pem', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
    ['rsa-pkcs8', ['-t', 'rsa', '-b', '2048', '-m', 'PKCS8']],
    ['ecdsa', ['-t', 'ecdsa', '-b', '256']],
    ['ecdsa-pem', ['-t', 'ecdsa', '-b', '521', '-m', 'PEM']],
    ['ecdsa-pkcs8', ['-t', 'ecdsa', '-b', '384', '-m', 'PKCS8']],
    ['ed25519', ['-t', 'ed25519']],
    ['rsa-locked', ['-t', 'rsa', '-b', '2048', '-N', PASSPHRASE]],
    ['rsa-pem-locked', ['-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', PASSPHRASE]],
    ['rsa-pkcs8-locked', ['-t', 'rsa', '-b', '2048', '-m', 'PKCS8', '-N', PASSPHRASE]],
    ['ed25519-locked', ['-t', 'ed25519', '-N', PASSPHRASE]],
  ];

  it.each(formats)('works with a key of kind %s', async (name, args) => {
    const { shell, target } = visit(sshd, { NODEPOOL_SSH_PASSPHRASE: PASSPHRASE });
    const login = await shell.probe({ ...target, privateKeyPath: await sshd.makeKey(name, args) }, never);
    expect(login.username).toBe(sshd.username);
  });

  it('says which key cannot be unlocked, and not with what', async () => {
    const privateKeyPath = await sshd.makeKey('locked', ['-t', 'ed25519', '-N', PASSPHRASE]);
    for (const [env, advice] of [
      [{}, 'give it in NODEPOOL_SSH_PASSPHRASE'],
      [{ NODEPOOL_SSH_PASSPHRASE: 'wrong horse' }, 'NODEPOOL_SSH_PASSPHRASE has to be that'],
    ] as const) {
      const { shell, target } = visit(sshd, env);
      const error: unknown = await shell.probe({ ...target, privateKeyPath }, never).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'config' });
      expect((error as Error).message).toContain(privateKeyPath);
      expect((error as Error).message).toContain(advice);
      expect((error as Error).message).not.toContain('horse');
    }
  });

  it('does not take a public key or something else for a private one', async () => {
    const { shell, target } = visit(sshd);
    const other = join(sshd.directory, 'no-key');
    writeFileSync(other, 'no key\n');
    for (const privateKeyPath of [`${key}.pub`, other, sshd.directory]) {
      const probe = shell.probe({ ...target, privateKeyPath }, never);
      await expect(probe).rejects.toMatchObject({ code: 'config' });
    }
  });

  it('notices when the key in a file is another one', async () => {
    const path = join(sshd.directory, 'exchanged');
    writeFileSync(path, readFileSync(key), { mode: 0o600 });
    const { shell, target } = visit(sshd);
    await shell.probe({ ...target, privateKeyPath: path }, never);
    const stranger = join(sshd.directory, 'stranger');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    writeFileSync(path, readFileSync(stranger));
    await expect(shell.probe({ ...target, privateKeyPath: path }, never)).rejects.toMatchObject({
      code: 'login-refused',
      message: `127.0.0.1 lets nobody in: it refuses the key (${sshd.username})`,
    });
  });

  it('refuses users that the server does not know, and takes the next', async () => {
    const { shell, target } = visit(sshd);
    const usernames = ['nobody-here', 'cloud-user', sshd.username];
    expect(await shell.probe({ ...target, usernames }, never)).toMatchObject({ username: sshd.username });
  });

  it('finds the server by its name, too', async () => {
    const { shell, target } = visit(sshd);
    await shell.knock('localhost', never);
    expect(await shell.probe({ ...target, address: 'localhost' }, never)).toMatchObject({ username: sshd.username });
  });
});

describe('the host key', () => {
  it('is answered as the server has it', async () => {
    const { shell, target } = visit(sshd);
    expect((await shell.probe(target, never)).hostKey).toBe(await sshd.hostKey('ed25519'));
  });

  it.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])('is asked for by the type of the expected one: %s', async (kind) => {
    const { shell, target } = visit(sshd);
    const hostKey = await sshd.hostKey(kind);
    expect((await shell.probe({ ...target, hostKey }, never)).hostKey).toBe(hostKey);
  });

  it('is another one when the server has none of that type any more', async () => {
    const other = await Sshd.start({ hostKeys: ['rsa'] });
    onTestFinished(() => other.remove());
    const { shell, target } = visit(other);
    const hostKey = await sshd.hostKey('ed25519');
    await expect(shell.probe({ ...target, hostKey }, never)).rejects.toMatchObject({ code: 'host-key-changed' });
  });
});

describe('a command', () => {
  it('prints UTF-8 on both streams, and has no input', async () => {
    const lines = await outputOf(visit(sshd), `cat; printf 'h\\303\\251\\n'; printf 'error' >&2`);
    expect(lines.toSorted()).toEqual(['error', 'hé']);
  });

  it('gets a terminal when it is to have one', async () => {
    const open = visit(sshd);
    expect(await outputOf(open, 'test -t 1 && echo a terminal', { pty: true })).toEqual(['a terminal']);
    expect(await outputOf(open, 'test -t 1 || echo none')).toEqual(['none']);
  });

  it('runs as the ready script of a label does, with what its variables hold', async () => {
    const directory = await mkdtemp(join(sshd.directory, 'scripts-'));
    const script = join(directory, 'ready.sh');
    writeFileSync(script, '#!/bin/sh\nprintf "%s\\n" "$1" "$NODEPOOL_TEXT"\n');
    chmodSync(script, 0o755);
    const { line } = readyCommand('ready.sh', 'node-1', { NODEPOOL_TEXT: `it's $(id) "quoted"` });
    const here = line.replace('/opt/nodepool-scripts', directory);
    expect(await outputOf(visit(sshd), here, { pty: true })).toEqual(['node-1', `it's $(id) "quoted"`]);
  });

  it('fails with its exit code or signal', async () => {
    const { shell, target } = visit(sshd);
    await expect(shell.run(target, { line: 'echo no; exit 7' }, never)).rejects.toMatchObject({
      code: 'command-failed',
      message: 'a command on 127.0.0.1 ended with exit code 7, last output: no',
    });
    await expect(shell.run(target, { line: 'kill -KILL $$' }, never)).rejects.toMatchObject({
      code: 'command-failed',
      message: 'a command on 127.0.0.1 ended by SIGKILL, without output',
    });
  });

  it('is cut off by a server that goes away', async () => {
    const { shell, target } = visit(sshd);
    // Its parent is the server's process for this connection.
    await expect(shell.run(target, { line: 'kill -KILL $PPID; sleep 60' }, never)).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it('hears on a terminal that it was abandoned', async () => {
    const { shell, target } = visit(sshd);
    const directory = await mkdtemp(join(sshd.directory, 'abandoned-'));
    const own = new AbortController();
    const line = `trap 'touch ${directory}/gone; exit' HUP; echo here; sleep 60 & wait`;
    const onLine = (): void => own.abort();
    await expect(shell.run(target, { line, pty: true, onLine }, own.signal)).rejects.toMatchObject({ code: 'aborted' });
    await expect.poll(() => readdir(directory), { timeout: 20_000 }).toEqual(['gone']);
  });
});

describe('files', () => {
  it('are written with their modes, whatever was there and whatever the umask', async () => {
    const { shell, target } = visit(sshd);
    const directory = await mkdtemp(join(sshd.directory, 'files-'));
    const path = (name: string): string => join(directory, name);
    writeFileSync(path('id_rsa'), 'something longer than what comes', { mode: 0o644 });
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    const files = [
      { path: path('id_rsa'), content: 'secret\n', mode: 0o600 },
      { path: path('open'), content: 'schön\n', mode: 0o666 },
      { path: path('script'), content: bytes, mode: 0o755 },
      { path: path('empty'), content: '', mode: 0o644 },
    ];
    await shell.writeFiles(target, files, never);
    for (const { path: file, content, mode } of files) {
      expect(readFileSync(file).equals(Buffer.from(content))).toBe(true);
      expect(statSync(file).mode & 0o777).toBe(mode);
    }
  });

  it('may be many', async () => {
    const { shell, target } = visit(sshd);
    const directory = await mkdtemp(join(sshd.directory, 'many-'));
    const files = Array.from({ length: 300 }, (_, index) => ({
      path: join(directory, String(index)),
      content: String(index),
      mode: 0o644,
    }));
    await shell.writeFiles(target, files, never);
    const written = await readdir(directory);
    expect(written.map((name) => readFileSync(join(directory, name), 'utf8')).toSorted()).toEqual(written.toSorted());
    expect(written).toHaveLength(300);
  });

  it('name themselves when they cannot be written', async () => {
    const { shell, target } = visit(sshd);
    const good = join(sshd.directory, 'good');
    const files = [good, '/nonexistent/role'].map((path) => ({ path, content: 'x', mode: 0o644 }));
    await expect(shell.writeFiles(target, files, never)).rejects.toMatchObject({
      code: 'command-failed',
      message: '/nonexistent/role cannot be written on 127.0.0.1: No such file',
    });
  });

  it('cannot be written where the SFTP of a server speaks something else', async () => {
    const other = await Sshd.start({ sftp: 'echo welcome to this server; sleep 60' });
    onTestFinished(() => other.remove());
    const otherKey = await other.makeKey('key', ['-t', 'ed25519']);
    const { shell, target } = visit(other);
    const files = [{ path: '/tmp/x', content: '', mode: 0o644 }];
    await expect(shell.writeFiles({ ...target, privateKeyPath: otherKey }, files, never)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringMatching(/^127\.0\.0\.1 offers no SFTP/) as string,
    });
  });
});

it('a template server gets its scripts in four calls over one connection', async () => {
  const { shell, target } = visit(sshd);
  const directory = await mkdtemp(join(sshd.directory, 'template-'));
  const scripts = [{ path: '/tmp/nodepool-scripts/setup.sh', content: '#!/bin/sh\necho set up\n', mode: 0o755 }];
  const { before, files, after } = prepareTemplate('root', scripts);
  /** The same below the directory of the test: on this machine nothing else may be written. */
  const below = (text: string): string => text.replaceAll(/\/(etc|opt|tmp)\/nodepool/g, `${directory}/$1/nodepool`);
  await shell.run(target, { line: below(before.line) }, never);
  await shell.writeFiles(
    target,
    files.map((file) => ({ ...file, path: below(file.path) })),
    never,
  );
  await shell.run(target, { line: below(after.line) }, never);
  const lines: string[] = [];
  const line = `cd ${directory}/opt/nodepool-scripts && ./setup.sh && echo "$SSH_CONNECTION"`;
  await shell.run(target, { line, onLine: (text) => lines.push(text) }, never);
  await shell.run(target, { line: 'echo "$SSH_CONNECTION"', onLine: (text) => lines.push(text) }, never);
  expect(lines[0]).toBe('set up');
  expect(lines[2]).toBe(lines[1]);
});
