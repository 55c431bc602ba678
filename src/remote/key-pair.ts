import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  /** PEM, PKCS#1 (`BEGIN RSA PRIVATE KEY`) or SEC 1 (`BEGIN EC PRIVATE KEY`), as every SSH version reads it. Secret. */
  readonly privateKey: string;
  /** One line in the notation of `authorized_keys`, without a comment, with its line end. */
  readonly publicKey: string;
}

export interface KeyMaker {
  make(): Promise<KeyPair>;
}

const generate = promisify(generateKeyPair);

/**
 * Keys made at the same time. Node's pool has four threads for this and for all files and names: without a limit, a
 * thousand sets that launch together would make the next read of a file wait for minutes.
 */
const AT_ONCE = 2;

/** Makes RSA key pairs of 2048 bits on Node's thread pool: each takes a fifth of a second of CPU that the loop must not wait for. */
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

/**
 * Makes ECDSA key pairs on the curve P-256, in a thousandth of the time: for logins of the pool itself, where no contract
 * asks for RSA.
 */
export function createEcdsaKeyMaker(): KeyMaker {
  return {
    make: async () => {
      const { privateKey, publicKey } = await generate('ec', { namedCurve: 'P-256' });
      return {
        privateKey: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
        publicKey: `${openSshPublicKey(publicKey)}\n`,
      };
    },
  };
}

/**
 * A public key in the notation of `authorized_keys`, without its end: RSA as `ssh-rsa BASE64` (RFC 4253, section 6.6), one
 * on P-256 as `ecdsa-sha2-nistp256 BASE64` (RFC 5656, section 3.1).
 */
export function openSshPublicKey(key: KeyObject): string {
  const { e, n, x, y } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyType === 'rsa') {
    return blobLine('ssh-rsa', [positiveInteger(e ?? ''), positiveInteger(n ?? '')]);
  }
  // An uncompressed point (SEC 1, section 2.3.3).
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x ?? '', 'base64url'), Buffer.from(y ?? '', 'base64url')]);
  return blobLine('ecdsa-sha2-nistp256', [Buffer.from('nistp256'), point]);
}

function blobLine(type: string, fields: readonly Buffer[]): string {
  const all = [Buffer.from(type), ...fields];
  return `${type} ${Buffer.concat(all.flatMap((field) => [lengthOf(field), field])).toString('base64')}`;
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
