import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import { describeError, NodepoolError } from '../../lib/errors.ts';
import type { PrivateKey } from './signer.ts';

export interface PrivateKeys {
  /** The private key in the file at `path`. Rejects with `config` when there is none that can be used. */
  read(path: string): Promise<PrivateKey>;
}

/** Keys kept at once: template servers bring one each, which nobody asks for again. */
const KEPT = 100;

interface Kept {
  /** What the file held. */
  readonly text: string;
  readonly key: PrivateKey | NodepoolError;
}

/**
 * Reads RSA, ECDSA and Ed25519 keys in the formats of OpenSSH, PEM (PKCS#1, SEC 1; PKCS#8 but for Ed25519) and PuTTY.
 * What a file holds is kept until it holds something else: to unlock a key with a passphrase takes a good part of a second
 * of CPU. That it cannot be read is not kept, since permissions change without the file.
 */
export function createPrivateKeys(env: Readonly<Record<string, string | undefined>>): PrivateKeys {
  const passphrase = env['NODEPOOL_SSH_PASSPHRASE'];
  const kept = new Map<string, Kept>();
  return {
    read: async (path) => {
      const text = await readText(path);
      const known = kept.get(path);
      const key = known?.text === text ? known.key : parseKey(text, { path, passphrase });
      kept.delete(path);
      kept.set(path, { text, key });
      for (const oldest of kept.keys()) if (kept.size > KEPT) kept.delete(oldest);
      if (key instanceof NodepoolError) throw key;
      return key;
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function parseKey(
  text: string,
  { path, passphrase }: { path: string; passphrase: string | undefined },
): PrivateKey | NodepoolError {
  try {
    return parse(text, passphrase);
  } catch (error) {
    const advice =
      passphrase === undefined
        ? 'if it has a passphrase, give it in NODEPOOL_SSH_PASSPHRASE'
        : 'if it has a passphrase, NODEPOOL_SSH_PASSPHRASE has to be that';
    return new NodepoolError('config', `the private key ${path} cannot be used (${describeError(error)}): ${advice}`);
  }
}

function unreadable(path: string, error: unknown): NodepoolError {
  const code = (error as NodeJS.ErrnoException).code ?? describeError(error);
  const message = `the private key ${path} cannot be read (${code}): put it there, or correct the configuration`;
  return new NodepoolError('config', message, { cause: error });
}

/** Throws what is wrong with the key. */
function parse(text: string, passphrase: string | undefined): PrivateKey {
  const parsed = ssh2.utils.parseKey(text.includes('BEGIN OPENSSH') ? text : fromPkcs8(text, passphrase), passphrase);
  if (parsed instanceof Error) throw parsed;
  // The OpenSSH format has room for several keys; nothing writes more than one.
  const key = Array.isArray(parsed) ? (parsed[0] as ParsedKey) : parsed;
  if (!key.isPrivateKey()) throw new Error('it is a public key');
  return { parsed: key, secret: createPrivateKey(key.getPrivatePEM()) };
}

/** ssh2 knows only what came before PKCS#8. Other formats are returned as they are. */
function fromPkcs8(text: string, passphrase: string | undefined): string {
  if (!/-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(text)) return text;
  const key = createPrivateKey({ key: text, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
  if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  throw new Error(`PKCS#8 with a key of type ${key.asymmetricKeyType}`);
}
