import { NodepoolError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { LoginTarget, Shell } from '../../remote/shell.ts';
import type { FakeCloud } from './cloud.ts';
import type { FakeServer } from './server.ts';

/**
 * The way into the servers of one fake cloud. Commands do nothing but are kept on the server with the files written
 * to it, for whoever wants to look.
 */
export function createFakeShell(cloud: FakeCloud, log: Log): Shell {
  const logIn = (target: LoginTarget, signal: AbortSignal): FakeServer => {
    if (signal.aborted) throw new NodepoolError('aborted', 'the login was abandoned');
    const server = cloud.reach(target.address);
    if (!server) throw new NodepoolError('unreachable', `nobody answers SSH at ${target.address}`);
    if (server.trouble === 'login-refused' || target.usernames.length === 0) {
      throw new NodepoolError(
        'login-refused',
        `${target.address} lets none of these in: ${target.usernames.join(', ')}`,
      );
    }
    return server;
  };

  /** Rejects with what `act` or the login throws. */
  const inside = <T>(target: LoginTarget, signal: AbortSignal, act: (server: FakeServer) => T): Promise<T> =>
    new Promise((resolve) => {
      resolve(act(logIn(target, signal)));
    });

  return {
    probe: (target, signal) => inside(target, signal, () => target.usernames[0] as string),
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
