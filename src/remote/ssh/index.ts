import type { Clock } from '../../lib/clock.ts';
import { createDeadlines } from '../../lib/deadlines.ts';
import { NodepoolError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Login, LoginTarget, Shell } from '../shell.ts';
import { isConnection, type Connection, type Refusal } from './connection.ts';
import { createEchoTest } from './echo.ts';
import { createEntrance } from './entrance.ts';
import { createIdleConnections } from './idle.ts';
import { createKnock } from './knock.ts';
import { createCommandRunner } from './run-command.ts';
import { createDial } from './socket.ts';
import { writeFiles } from './write-files.ts';

/** A connection is kept this long for the next call. */
const IDLE_MS = 10_000;

export interface SshShellDeps {
  readonly clock: Clock;
  /** `NODEPOOL_SSH_PASSPHRASE` unlocks private keys. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Where servers listen. */
  readonly port?: number;
}

/** The way into real servers: SSH with a private key. Any number of calls may be under way at once. */
export function createSshShell({ clock, env, log, port = 22 }: SshShellDeps): Shell {
  const dial = createDial(port);
  const enter = createEntrance({ clock, env, dial });
  const runCommand = createCommandRunner(clock);
  const testEcho = createEchoTest({ clock, run: runCommand });
  const idle = createIdleConnections(createDeadlines(clock, IDLE_MS));

  /** Runs `act` on a connection, and keeps that for the next call when all went well. */
  const inside = async (target: LoginTarget, signal: AbortSignal, act: Act): Promise<void> => {
    const connection = await firstLetIn(
      target,
      async (username) => idle.take(target, username) ?? enter(target, username, signal),
    );
    await closingOnError(connection, act);
    idle.keep(target, connection);
  };

  return {
    knock: createKnock({ clock, dial }),
    probe: async (target, signal): Promise<Login> => {
      const connection = await firstLetIn(target, async (username) => {
        const entry = await enter(target, username, signal);
        return isConnection(entry) ? refuseSilent(entry, await testEcho(entry, signal)) : entry;
      });
      const { address, username, hostKey } = connection;
      idle.keep(target, connection);
      log.debug({ address, username, hostKey }, 'logged in');
      return { username, hostKey };
    },
    run: (target, command, signal) => inside(target, signal, (connection) => runCommand(connection, command, signal)),
    writeFiles: (target, files, signal) =>
      inside(target, signal, (connection) => writeFiles(connection, files, signal)),
  };
}

type Act = (connection: Connection) => Promise<void>;

async function closingOnError(connection: Connection, act: Act): Promise<void> {
  try {
    await act(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A login that runs no commands is none. */
function refuseSilent(connection: Connection, why: string | null): Connection | Refusal {
  if (why === null) return connection;
  connection.close();
  return { why };
}

/** The first of the target's users whom the server lets in. Rejects with `login-refused` when it is none. */
async function firstLetIn(
  { address, usernames }: LoginTarget,
  tryUser: (username: string) => Promise<Connection | Refusal>,
): Promise<Connection> {
  const refusals = new Map<string, string[]>();
  for (const username of usernames) {
    const entry = await tryUser(username);
    if (isConnection(entry)) return entry;
    refusals.set(entry.why, [...(refusals.get(entry.why) ?? []), username]);
  }
  const reasons = [...refusals].map(([why, users]) => `it ${why} (${users.join(', ')})`);
  throw new NodepoolError('login-refused', `${address} lets nobody in: ${reasons.join('; ') || 'no user is named'}`);
}
