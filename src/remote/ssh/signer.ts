import { sign, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import ssh2, { type IdentityCallback, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';

/** A private key in the two forms that it is needed in. */
export interface PrivateKey {
  readonly parsed: ParsedKey;
  readonly secret: KeyObject;
}

/** RFC 5656, section 6.2.1. Ed25519 brings its own hash, and for RSA the client says which. */
const HASHES: Readonly<Record<string, string>> = {
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
};

/**
 * Signs for one login, on Node's thread pool: with an RSA key of 4096 bits each signature takes six milliseconds, which
 * hundreds of logins at once would take from the event loop. To ssh2 it is an agent, whose answers it can wait for.
 */
export class Signer extends ssh2.BaseAgent<ParsedKey> {
  readonly #key: PrivateKey;
  readonly #socket: Socket;

  constructor(key: PrivateKey, socket: Socket) {
    super();
    this.#key = key;
    this.#socket = socket;
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    callback(null, [this.#key.parsed]);
  }

  // eslint-disable-next-line max-params -- the signature is ssh2's
  override sign(
    _publicKey: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): void {
    const { parsed, secret } = this.#key;
    const hash = typeof options === 'function' ? undefined : options.hash;
    sign(hash ?? HASHES[parsed.type], data, secret, (error, signature) => {
      // ssh2 would throw, and nothing could catch it.
      if (this.#socket.destroyed) return;
      (typeof options === 'function' ? options : callback)?.(error, signature);
    });
  }
}
