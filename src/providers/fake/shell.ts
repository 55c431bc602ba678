import { NodepoolError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { LoginTarget, Shell } from '../../remote/shell.ts';
import type { FakeCloud } from './cloud.ts';
import { shownHostKey, type FakeServer } from './server.ts';

/**
 * The way into the servers of one fake cloud. Commands do nothing but are kept on the server with the files written
 * to it, for whoever wants to look.
 */
export function createFakeShell(cloud: FakeCloud, log: Log): Shell {
  /** Rejects with what `act` or the login throws. */
  const inside = async <T>(target: LoginTarget, signal: AbortSignal, act: (server: FakeServer) => T): Promise<T> =>
    act(logIn(target, reach(cloud, target.address, signal)));

  return {
    knock: async (address, signal) => void reach(cloud, address, signal),
    probe: (target, signal) =>
      inside(target, signal, (server) => ({
        username: target.usernames[0] as string,
        hostKey: shownHostKey(server),
      })),
    run: (target, command, signal) =>
      inside(target, signal, (server) => {
        server.commands.push(command.line);
        log.debug({ server: server.spec.name, address: target.address }, 'a command ran');
        command.onLine?.(`output of ${server.spec.name}`);
        if (server.trouble !== 'command-failed') return;
        throw new NodepoolError(
          'command-failed',
          `a command on ${server.spec.name} ended with exit code 1 (fail-scripts)`,
        );
      }),
    writeFiles: (target, files, signal) =>
      inside(target, signal, (server) => {
        server.files.push(...files);
        log.debug({ server: server.spec.name, address: target.address, files: files.length }, 'files were written');
      }),
  };
}

/** The server that answers at `address`. */
function reach(cloud: FakeCloud, address: string, signal: AbortSignal): FakeServer {
  if (signal.aborted) throw new NodepoolError('aborted', 'the login was abandoned');
  const server = cloud.reach(address);
  if (!server) throw new NodepoolError('unreachable', `nobody answers SSH at ${address}`);
  return server;
}

/** Answers the server that it was given, if that lets the target's users in. */
function logIn({ address, usernames, hostKey }: LoginTarget, server: FakeServer): FakeServer {
  if (hostKey !== null && hostKey !== shownHostKey(server))
    throw new NodepoolError('host-key-changed', `${address} shows another host key than before`);
  if (server.trouble === 'login-refused' || usernames.length === 0)
    throw new NodepoolError('login-refused', `${address} lets none of these in: ${usernames.join(', ')}`);
  return server;
}
