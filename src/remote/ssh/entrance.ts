import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { createDeadlines } from '../../lib/deadlines.ts';
import { Limiter } from '../../lib/limiter.ts';
import type { LoginTarget } from '../shell.ts';
import type { Connection, Refusal } from './connection.ts';
import { logIn } from './login.ts';
import { createPrivateKeys } from './private-keys.ts';
import { awaitBanner, awaitConnection, type Dial } from './socket.ts';

/** What is sent to a machine that boots gets lost, and is sent again after seconds only: better a new try. */
const CONNECT_LIMIT_MS = 3000;
/** For the first words of the server, and again for the login. */
const LOGIN_LIMIT_MS = 20_000;

/**
 * Handshakes under way at once. Each costs a millisecond at a time of CPU, and the answers of all that are under way may
 * arrive together: more of them would hold up the event loop.
 */
const HANDSHAKES = 32;

export interface EntranceDeps {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dial: Dial;
}

/** A new login. Rejects as `logIn`, and with `config` when the private key cannot be used. */
export type Enter = (target: LoginTarget, username: string, signal: AbortSignal) => Promise<Connection | Refusal>;

export function createEntrance({ clock, env, dial }: EntranceDeps): Enter {
  const limits = {
    connect: createDeadlines(clock, CONNECT_LIMIT_MS),
    login: createDeadlines(clock, LOGIN_LIMIT_MS),
  };
  const keys = createPrivateKeys(env);
  // Of the gate only its queue is needed here.
  const handshakes = new Limiter({ clock, rateMs: 0, concurrency: HANDSHAKES });

  /** Waiting costs next to nothing: servers that do not answer take no turn from those that do. */
  async function reach(address: string, signal: AbortSignal): Promise<Socket> {
    const socket = await dial(address);
    const noConnection = `nobody takes connections at ${address} within 3 s`;
    await awaitConnection(socket, { address, limit: limits.connect, overdue: noConnection, signal });
    const noBanner = `${address} takes connections but does not speak SSH within 20 s`;
    await awaitBanner(socket, { address, limit: limits.login, overdue: noBanner, signal });
    return socket;
  }

  return async ({ address, privateKeyPath, hostKey }, username, signal) => {
    const key = privateKeyPath === null ? null : await keys.read(privateKeyPath);
    const socket = await reach(address, signal);
    const overdue = `the login to ${address} did not end within 20 s`;
    const patience = { address, limit: limits.login, overdue, signal };
    try {
      return await handshakes.run('read', signal, () => logIn(socket, { username, key, hostKey }, patience));
    } catch (error) {
      // It may have been abandoned while it waited for its turn.
      socket.destroy();
      throw error;
    }
  };
}
