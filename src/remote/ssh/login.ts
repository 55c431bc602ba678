import type { Socket } from 'node:net';
import { NodeSSH } from 'node-ssh';
import type { AnyAuthMethod, AuthenticationType, Client } from 'ssh2';
import { describeError, isNodepoolError, NodepoolError } from '../../lib/errors.ts';
import { sayText } from '../../lib/say-text.ts';
import { Connection, type Refusal } from './connection.ts';
import { describeHostKey, hostKeyAlgorithms, hostKeyText } from './host-key.ts';
import { patiently, type Patience } from './patience.ts';
import { Signer, type PrivateKey } from './signer.ts';

/** A server that says nothing for about a minute is dead, also in the middle of a script of hours. */
const KEEPALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 4 };

export interface Identity {
  readonly username: string;
  /** null: try to get in without one. */
  readonly key: PrivateKey | null;
  /** The key that the server has to show; null: any. */
  readonly hostKey: string | null;
}

/** What the server has said so far. */
interface Hearing {
  hostKey: string | null;
  /** Another host key than the expected one. */
  foreignKey: string | null;
  /** What it was asked so far: which ways of proving who one is it takes, then to take the key. */
  asked: 'nothing' | 'methods' | 'key';
  /** Why it did not. */
  refusal: string | null;
  /** Its own words on that. */
  message: string;
}

/**
 * Logs in over a connected socket. Rejects with `host-key-changed` before anything about the user is sent, with
 * `login-refused` when the two find no common ground, with `unreachable`, or `aborted`; the socket is destroyed whenever
 * the answer is no connection.
 */
export async function logIn(socket: Socket, identity: Identity, patience: Patience): Promise<Connection | Refusal> {
  const { address } = patience;
  const hearing: Hearing = { hostKey: null, foreignKey: null, asked: 'nothing', refusal: null, message: '' };
  const ssh = new NodeSSH();
  try {
    await patiently(socket, patience, ({ found, failed }) => {
      ssh.connect({ ...settings(socket, identity, hearing), sock: socket }).then(found, failed);
      listen(ssh.connection as Client, hearing);
    });
  } catch (error) {
    return refusalOrThrow(hearing, { address, expected: identity.hostKey, error });
  }
  const { connection: client } = ssh;
  const hostKey = hearing.hostKey ?? '';
  if (!client) throw new NodepoolError('unreachable', `${address} closed the connection right after the login`);
  return new Connection({ client, socket, address, username: identity.username, hostKey });
}

function settings(
  socket: Socket,
  { username, key, hostKey }: Identity,
  hearing: Hearing,
): Parameters<NodeSSH['connect']>[0] {
  const signer = key && new Signer(key, socket);
  return {
    username,
    // The caller's patience is the limit.
    readyTimeout: 0,
    ...KEEPALIVE,
    algorithms: { serverHostKey: hostKeyAlgorithms(hostKey) },
    // Called again when keys are exchanged anew: then it has to be the same.
    hostVerifier: (shown: Buffer) => {
      const text = hostKeyText(shown);
      if (text === (hearing.hostKey ?? hostKey ?? text)) hearing.hostKey = text;
      else hearing.foreignKey = text;
      return hearing.foreignKey === null;
    },
    authHandler: (methods) => nextMethod(hearing, { username, signer }, methods),
  };
}

interface Applicant {
  readonly username: string;
  readonly signer: Signer | null;
}

/** What to try next to get in; false: nothing more. Called again after each refusal, with what the server takes. */
function nextMethod(
  hearing: Hearing,
  { username, signer }: Applicant,
  methods: readonly AuthenticationType[] | null,
): AnyAuthMethod | false {
  if (hearing.asked === 'nothing') {
    hearing.asked = 'methods';
    return { type: 'none', username };
  }
  if (hearing.asked === 'methods' && signer && methods?.includes('publickey')) {
    hearing.asked = 'key';
    return { type: 'agent', username, agent: signer };
  }
  hearing.refusal = hearing.asked === 'key' ? 'refuses the key' : describeWant(signer, methods ?? []);
  return false;
}

function describeWant(signer: Signer | null, methods: readonly string[]): string {
  return signer ? `takes no keys but ${methods.join(', ') || 'nothing'}` : 'wants more than a name';
}

function listen(client: Client, hearing: Hearing): void {
  // node-ssh listens only until the login is done; an error without a listener would end the process.
  client.on('error', (error: Error & { code?: unknown }) => {
    // A number: the server's own reason for hanging up (RFC 4253, section 11.1).
    if (hearing.asked !== 'nothing' && typeof error.code === 'number')
      hearing.refusal ??= `hangs up: "${sayText(error.message)}"`;
  });
  client.on('banner', (message: string) => {
    hearing.message = message;
  });
}

interface Failure {
  readonly address: string;
  readonly expected: string | null;
  readonly error: unknown;
}

function refusalOrThrow(
  { foreignKey, refusal, message, hostKey }: Hearing,
  { address, expected, error }: Failure,
): Refusal {
  if (foreignKey !== null) {
    const other = describeHostKey(foreignKey);
    const known = describeHostKey(expected ?? hostKey ?? '');
    throw new NodepoolError('host-key-changed', `${address} shows the host key ${other} instead of ${known}`);
  }
  if (refusal !== null) return { why: message === '' ? refusal : `${refusal} and says "${sayText(message)}"` };
  if (isNodepoolError(error)) throw error;
  const code = (error as { level?: unknown }).level === 'handshake' ? 'login-refused' : 'unreachable';
  throw new NodepoolError(code, `no SSH connection with ${address}: ${describeError(error)}`, { cause: error });
}
