import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDeadlines } from '../../../../src/lib/deadlines.ts';
import { awaitConnection } from '../../../../src/remote/ssh/socket.ts';
import { createFakeClock } from '../../../support/fake-clock.ts';
import { echo, end, newHostKey } from '../../../support/ssh-server.ts';
import { openScene, openShell, until } from './scene.ts';

interface PlainServer {
  readonly port: number;
  /** Resolves when it has a connection, */
  readonly connected: Promise<unknown>;
  /** and when it was told something. */
  readonly told: Promise<unknown>;
}

/** A server that does as `serve` says. The test does not finish before its clients have closed their connections. */
async function plainServer(serve: (socket: Socket) => void): Promise<PlainServer> {
  const server = createServer().listen(0, '127.0.0.1');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const told = connected.then(([socket]) => new Promise((resolve) => socket.once('data', resolve)));
  server.on('connection', (socket) => {
    socket.on('error', nothing);
    socket.resume();
    serve(socket);
  });
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, connected, told };
}

const nothing = (): void => undefined;

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('knock', () => {
  it('resolves when somebody speaks SSH, without logging in', async () => {
    const { shell, signal, server } = await openScene();
    await shell.knock('127.0.0.1', signal);
    expect([server.connections, server.tries]).toEqual([1, []]);
  });

  it('resolves for a server that greets before it speaks SSH, in pieces', async () => {
    const { port } = await plainServer((socket) => {
      socket.write('welcome\r\nSS', () => socket.write('H-2.0-x\r\n'));
    });
    const { shell, signal } = openShell(port);
    await shell.knock('127.0.0.1', signal);
  });

  it('says that nobody is there', async () => {
    const { shell, signal } = openShell(await closedPort());
    await expect(shell.knock('127.0.0.1', signal)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^127\.0\.0\.1 does not answer SSH: connect ECONNREFUSED/) as string,
    });
  });

  it('gives up a silent server after two seconds, and not before', async () => {
    const { port, connected } = await plainServer(nothing);
    const { shell, signal, clock } = openShell(port);
    let outcome: unknown = null;
    const knock = shell.knock('127.0.0.1', signal).catch((error: unknown) => (outcome = error));
    await connected;
    await clock.advance(1999);
    expect(outcome).toBe(null);
    await clock.advance(1);
    await knock;
    expect(outcome).toMatchObject({ code: 'unreachable', message: 'nobody speaks SSH at 127.0.0.1 within 2 s' });
  });

  it('tells a server that speaks something else, without reading it to the end', async () => {
    const { port } = await plainServer((socket) => void socket.write('x'.repeat(1024 * 1024)));
    const { shell, signal } = openShell(port);
    await expect(shell.knock('127.0.0.1', signal)).rejects.toMatchObject({
      code: 'unreachable',
      message: '127.0.0.1 speaks something else than SSH',
    });
  });

  it('ends when it is abandoned', async () => {
    const { port, connected } = await plainServer(nothing);
    const { shell, signal, abort } = openShell(port);
    const knock = expect(shell.knock('127.0.0.1', signal)).rejects.toMatchObject({ code: 'aborted' });
    await connected;
    abort();
    await knock;
  });
});

describe('awaitConnection', () => {
  it('gives up an address that swallows what is sent to it', async () => {
    const clock = createFakeClock();
    const socket = new Socket().on('error', nothing);
    const patience = { address: 'x', limit: createDeadlines(clock, 3000), overdue: 'late' };
    const wait = awaitConnection(socket, { ...patience, signal: new AbortController().signal });
    const outcome = expect(wait).rejects.toMatchObject({ code: 'unreachable', message: 'late' });
    await clock.advance(2999);
    expect(socket.destroyed).toBe(false);
    await clock.advance(1);
    await outcome;
    expect(socket.destroyed).toBe(true);
  });
});

describe('probe', () => {
  it('answers the user who got in and the key that the server showed', async () => {
    const { shell, target, signal } = await openScene();
    const login = await shell.probe(target, signal);
    expect(login).toEqual({
      username: 'jenkins',
      hostKey: expect.stringMatching(/^ecdsa-sha2-nistp256 AAAA/) as string,
    });
  });

  it('tries the users in their order until one can run commands', async () => {
    const { shell, target, signal, server } = await openScene({
      letsIn: (username, method) => method === 'publickey' && username !== 'root',
      exec: (call) => (call.username === 'ubuntu' ? end(call.channel, 'no shell for you\n', 1) : echo(call)),
    });
    const usernames = ['root', 'ubuntu', 'debian', 'centos'];
    expect(await shell.probe({ ...target, usernames }, signal)).toMatchObject({ username: 'debian' });
    expect(server.tries.filter((line) => line.endsWith('publickey'))).toEqual([
      'root publickey',
      'ubuntu publickey',
      'debian publickey',
    ]);
  });

  it('does not wait for a root that only says whom to log in as', async () => {
    const { shell, target, signal, clock, server } = await openScene({
      exec: (call) => {
        if (call.username === 'ubuntu') echo(call);
        // It would hang up after ten seconds.
        else call.channel.write('Please login as the user "ubuntu" rather than the user "root".\n');
      },
    });
    const probe = shell.probe({ ...target, usernames: ['root', 'ubuntu'] }, signal);
    await until(() => clock.nextAt() === clock.now() + 2000);
    await clock.advance(1999);
    expect(server.tries).not.toContain('ubuntu publickey');
    await clock.advance(1);
    expect(await probe).toMatchObject({ username: 'ubuntu' });
  });

  it('quotes what the server said to each of the users', async () => {
    const { shell, target, signal } = await openScene({
      letsIn: (username, method) => method === 'publickey' && username === 'root',
      exec: ({ channel }) => end(channel, 'Please login as\tthe user \u001b[1m"ubuntu"\n', 142),
      banner: 'System is booting up.\n',
    });
    await expect(shell.probe({ ...target, usernames: ['debian', 'root', 'centos'] }, signal)).rejects.toMatchObject({
      code: 'login-refused',
      message:
        '127.0.0.1 lets nobody in: it refuses the key and says "System is booting up." (debian, centos); ' +
        'it runs no commands and says "Please login as the user [1m"ubuntu"" (root)',
    });
  });

  it('says what a server takes that takes no keys', async () => {
    const { shell, target, signal, server } = await openScene({
      letsIn: () => false,
      methods: ['keyboard-interactive', 'password'],
    });
    await expect(shell.probe(target, signal)).rejects.toMatchObject({
      code: 'login-refused',
      message: '127.0.0.1 lets nobody in: it takes no keys but keyboard-interactive, password (jenkins)',
    });
    expect(server.tries).toEqual(['jenkins none']);
  });

  it('tries without a key where none is configured', async () => {
    const refused = await openScene();
    const target = { ...refused.target, privateKeyPath: null };
    await expect(refused.shell.probe(target, refused.signal)).rejects.toMatchObject({ code: 'login-refused' });
    const open = await openScene({ letsIn: () => true });
    expect(await open.shell.probe(target, open.signal)).toMatchObject({ username: 'jenkins' });
  });

  it('names nobody where nobody is configured', async () => {
    const { shell, target, signal } = await openScene();
    await expect(shell.probe({ ...target, usernames: [] }, signal)).rejects.toMatchObject({ code: 'login-refused' });
  });

  it('gives up a server that stalls after the first words', async () => {
    const { port, told } = await plainServer((socket) => void socket.write('SSH-2.0-Stalled\r\n'));
    const { shell, target, signal, clock } = openShell(port);
    const probe = expect(shell.probe(target, signal)).rejects.toMatchObject({
      code: 'unreachable',
      message: 'the login to 127.0.0.1 did not end within 20 s',
    });
    await told;
    await clock.advance(20_000);
    await probe;
  });

  it('gives up a server that takes the connection and says nothing', async () => {
    const { port } = await plainServer(nothing);
    const { shell, target, signal, clock } = openShell(port);
    const probe = expect(shell.probe(target, signal)).rejects.toMatchObject({
      code: 'unreachable',
      message: '127.0.0.1 takes connections but does not speak SSH within 20 s',
    });
    await until(() => clock.nextAt() === clock.now() + 20_000);
    await clock.advance(20_000);
    await probe;
  });

  it('says that the server hung up, whenever it does', async () => {
    for (const lastWords of ['', 'SSH-2.0-Short\r\n', 'Exceeded MaxStartups\r\n']) {
      const { port } = await plainServer((socket) => void socket.end(lastWords));
      const { shell, target, signal } = openShell(port);
      await expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'unreachable' });
    }
  });

  it('refuses a server that it has no algorithm in common with', async () => {
    const { port } = await plainServer((socket) => {
      socket.write('SSH-2.0-Odd\r\n');
      socket.write(keyExchange('odd-algorithm'));
    });
    const { shell, target, signal } = openShell(port);
    await expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'login-refused' });
  });

  it('ends when it is abandoned', async () => {
    const { shell, target, signal, abort } = await openScene({ exec: nothing });
    const probe = expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'aborted' });
    abort();
    await probe;
  });

  it('ends when it is abandoned while the server keeps the echo back', async () => {
    const { shell, target, signal, abort } = await openScene({ exec: () => abortNow() });
    const abortNow = abort;
    await expect(shell.probe(target, signal)).rejects.toMatchObject({ code: 'aborted' });
  });

  it('names the private key that is not there', async () => {
    const { shell, target, signal } = openShell(await closedPort());
    const probe = shell.probe({ ...target, privateKeyPath: '/nonexistent/id_rsa' }, signal);
    await expect(probe).rejects.toMatchObject({
      code: 'config',
      message:
        'the private key /nonexistent/id_rsa cannot be read (ENOENT): put it there, or correct the configuration',
    });
  });
});

describe('the host key', () => {
  it('has to be the one on record, or nothing about the user is sent', async () => {
    const first = await openScene({ hostKey: newHostKey() });
    const { hostKey } = await first.shell.probe(first.target, first.signal);
    const other = await openScene({ hostKey: newHostKey() });
    const target = { ...other.target, hostKey };
    for (const call of [
      () => other.shell.probe(target, other.signal),
      () => other.shell.run(target, { line: 'true' }, other.signal),
      () => other.shell.writeFiles(target, [], other.signal),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'host-key-changed',
        message: expect.stringMatching(/shows the host key ecdsa-sha2-nistp256 SHA256:\S+ instead of ecdsa/) as string,
      });
    }
    expect(other.server.tries).toEqual([]);
  });

  it('is another one, too, when it is of another type', async () => {
    const { shell, target, signal, server } = await openScene();
    const hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5';
    await expect(shell.probe({ ...target, hostKey }, signal)).rejects.toMatchObject({ code: 'host-key-changed' });
    expect(server.tries).toEqual([]);
  });

  it('lets in as before when it is the same', async () => {
    const hostKey = newHostKey();
    const first = await openScene({ hostKey });
    const login = await first.shell.probe(first.target, first.signal);
    const again = await openScene({ hostKey });
    expect(await again.shell.probe({ ...again.target, hostKey: login.hostKey }, again.signal)).toEqual(login);
  });
});

/** The offer of algorithms (RFC 4253, section 7.1) of a server that knows one name only. */
function keyExchange(name: string): Buffer {
  const list = Buffer.concat([Buffer.from([0, 0, 0, name.length]), Buffer.from(name)]);
  const payload = Buffer.concat([
    Buffer.from([20]),
    Buffer.alloc(16),
    ...Array<Buffer>(10).fill(list),
    Buffer.alloc(5),
  ]);
  const padding = 8 - ((payload.length + 5) % 8) + 8;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + padding + 1);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}
