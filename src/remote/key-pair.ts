import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  /** PEM, PKCS#1 (`BEGIN RSA PRIVATE KEY`), as every SSH version reads it. Secret. */
  readonly privateKey: string;
  /** One line in the notation of `authorized_keys`, without a comment, with its line end. */
  readonly publicKey: string;
}

export interface KeyMaker {
  /** A new RSA key pair of 2048 bits. */
  make(): Promise<KeyPair>;
}

const generate = promisify(generateKeyPair);

/**
 * Keys made at the same time. Node's pool has four threads for this and for all files and names: without a limit, a
 * thousand sets that launch together would make the next read of a file wait for minutes.
 */
const AT_ONCE = 2;

/** Makes key pairs on Node's thread pool: each takes a fifth of a second of CPU that the loop must not wait for. */
export function createKeyMaker(): KeyMaker {
  const queues = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  let made = 0;
  return {
    make: () => {
      const turn = made % AT_ONCE;
      made += 1;
      const pair = (queues[turn] as Promise<void>).then(makeKeyPair);
      // A failure is the business of whoever asked for the pair, not of the next in the queue.
      queues[turn] = pair.then(
        () => undefined,
        () => undefined,
      );
      return pair;
    },
  };
}

async function makeKeyPair(): Promise<KeyPair> {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: 2048 });
  return {
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    publicKey: `${openSshPublicKey(publicKey)}\n`,
  };
}

/** An RSA public key as `ssh-rsa BASE64` (RFC 4253, section 6.6). */
export function openSshPublicKey(key: KeyObject): string {
  const { e, n } = key.export({ format: 'jwk' });
  const fields = [Buffer.from('ssh-rsa'), positiveInteger(e ?? ''), positiveInteger(n ?? '')];
  return `ssh-rsa ${Buffer.concat(fields.flatMap((field) => [lengthOf(field), field])).toString('base64')}`;
}

/** The bytes of a positive `mpint` (RFC 4251, section 5): a leading zero keeps a set top bit from meaning "negative". */
function positiveInteger(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes;
}

function lengthOf(field: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(field.length);
  return length;
}
