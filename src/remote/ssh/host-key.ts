import { createHash } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';

/** Best first. RSA keys are shown with SHA-2 signatures where the server can; very old ones cannot. */
const ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

/** A public key as it goes over the wire (RFC 4253, section 6.6), written `TYPE BASE64`. */
export function hostKeyText(key: Buffer): string {
  const type = key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
  return `${type} ${key.toString('base64')}`;
}

/** The fingerprint of a host key written `TYPE BASE64`, as ssh and ssh-keygen show it: `SHA256:...`. */
export function sha256Fingerprint(hostKey: string): string {
  const [, base64 = ''] = hostKey.split(' ');
  const hash = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64');
  return `SHA256:${hash.replace(/=+$/, '')}`;
}

/** `TYPE SHA256:...` */
export function describeHostKey(hostKey: string): string {
  return `${hostKey.split(' ', 1)[0] ?? ''} ${sha256Fingerprint(hostKey)}`;
}

/**
 * The algorithms to ask a server for that has to show `expected`. A server has one key of each type and shows the one
 * that the client likes best: the expected type comes first. The others stay behind it, so that a server without that
 * type shows that it is another one.
 */
export function hostKeyAlgorithms(expected: string | null): ServerHostKeyAlgorithm[] {
  const type = expected?.split(' ', 1)[0] ?? '';
  const isExpected = (name: string): boolean => name === type || (type === 'ssh-rsa' && name.startsWith('rsa-'));
  return [...ALGORITHMS.filter(isExpected), ...ALGORITHMS.filter((name) => !isExpected(name))];
}
