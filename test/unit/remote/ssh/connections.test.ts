import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NodepoolError } from '../../../../src/lib/errors.ts';
import { createTurnstile } from '../../../../src/remote/ssh/turnstile.ts';
import { echo, end, type ExecCall } from '../../../support/ssh-server.ts';
import { IDLE_MS, openScene, until } from './scene.ts';

const COMMAND = { line: "echo 'x'" };

describe('a connection', () => {
  it('serves the calls that follow each other', async () => {
    const { shell, target, signal, server, clock } = await openScene();
    const { hostKey } = await shell.probe(target, signal);
    for (let call = 0; call < 3; call += 1) {
      await clock.advance(IDLE_MS - 1);
      await shell.run({ ...target, hostKey }, COMMAND, signal);
    }
    expect([server.connections, server.commands.length]).toEqual([1, 4]);
  });

  it('is closed when nobody has used it for ten seconds, and not before', async () => {
    const { shell, target, signal, server, clock } = await openScene();
    await shell.run(target, COMMAND, signal);
    await clock.advance(IDLE_MS - 1);
    await turn();
    expect(server.open).toBe(1);
    await clock.advance(1);
    await server.drained();
  });

  it('is not shared by calls at the same time, and only one is kept', async () => {
    const { shell, target, signal, server } = await openScene();
    await Promise.all([shell.run(target, COMMAND, signal), shell.run(target, COMMAND, signal)]);
    expect(server.connections).toBe(2);
    await until(() => server.open === 1);
    await shell.run(target, COMMAND, signal);
    expect(server.connections).toBe(2);
  });

  it('is made anew for a probe: that a login was possible is no news', async () => {
    const { shell, target, signal, server } = await openScene();
    await shell.probe(target, signal);
    await shell.probe(target, signal);
    expect(server.connections).toBe(2);
  });

  it('serves nobody else: no other user, and no other key', async () => {
    const { shell, target, signal, server } = await openScene();
    await shell.run(target, COMMAND, signal);
    await shell.run({ ...target, usernames: ['zuul'] }, COMMAND, signal);
    const other = await openScene();
    await shell.run({ ...target, privateKeyPath: other.target.privateKeyPath }, COMMAND, signal);
    expect(server.connections).toBe(3);
  });

  it('does not stand for a server that has to show another host key', async () => {
    const { shell, target, signal, server } = await openScene();
    await shell.run(target, COMMAND, signal);
    const run = shell.run({ ...target, hostKey: 'ssh-ed25519 AAAA' }, COMMAND, signal);
    await expect(run).rejects.toMatchObject({ code: 'host-key-changed' });
    await server.drained();
  });

  it('is forgotten when the server ends it', async () => {
    const calls: ExecCall[] = [];
    const { shell, target, signal, server, clock } = await openScene({
      exec: (call) => {
        calls.push(call);
        echo(call);
      },
    });
    await shell.run(target, COMMAND, signal);
    calls[0]?.connection.end();
    // Nothing is left to be closed later.
    await until(() => clock.nextAt() === null);
    await shell.run(target, COMMAND, signal);
    expect(server.connections).toBe(2);
  });

  it('is closed after a failure', async () => {
    const { shell, target, signal, server } = await openScene({ exec: ({ channel }) => end(channel, '', 1) });
    await expect(shell.run(target, COMMAND, signal)).rejects.toMatchObject({ code: 'command-failed' });
    await server.drained();
  });
});

describe('many logins at once', () => {
  it('wait for their turn, and all get in', async () => {
    let most = 0;
    const { shell, target, signal, server } = await openScene({
      letsIn: (_username, method) => {
        most = Math.max(most, server.underWay);
        return method === 'publickey';
      },
    });
    const logins = await Promise.all(Array.from({ length: 100 }, () => shell.probe(target, signal)));
    expect(logins).toHaveLength(100);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(32);
  });

  it('let abandoned ones go, those under way and those that wait for their turn', async () => {
    const { shell, target, signal, server, abort } = await openScene({ stallsLogins: true });
    const outcomes = Promise.allSettled(Array.from({ length: 100 }, () => shell.probe(target, signal)));
    await until(() => server.connections === 100 && server.underWay === 32);
    abort();
    expect(new Set((await outcomes).map(codeOf))).toEqual(new Set(['aborted']));
    await server.drained();
  });

  it('do not keep out those that can get in, when servers take connections and say nothing', async () => {
    const { shell, target, signal, port } = await openScene();
    const silent = createServer().listen(port, '127.0.0.2');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const own = new AbortController();
    const stuck = Array.from({ length: 100 }, () => shell.probe({ ...target, address: '127.0.0.2' }, own.signal));
    const outcomes = Promise.allSettled(stuck);
    expect(await shell.probe(target, signal)).toMatchObject({ username: 'jenkins' });
    own.abort();
    await outcomes;
  });
});

function codeOf(outcome: PromiseSettledResult<unknown>): unknown {
  return outcome.status === 'rejected' ? (outcome.reason as NodepoolError).code : 'none';
}

describe('createTurnstile', () => {
  it('lets through so many in each turn of the event loop, in their order', async () => {
    const pass = createTurnstile(10);
    const passed: number[] = [];
    for (let caller = 0; caller < 25; caller += 1) void pass().then(() => passed.push(caller));
    const counts: number[] = [];
    for (let turns = 0; turns < 3; turns += 1) {
      await Promise.resolve();
      counts.push(passed.length);
      await turn();
    }
    expect(passed).toEqual(Array.from({ length: 25 }, (_, caller) => caller));
    for (const [index, count] of counts.entries()) expect(count).toBeLessThanOrEqual(10 * (index + 1));
  });
});
