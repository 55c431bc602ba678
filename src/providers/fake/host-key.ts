import { createHash } from 'node:crypto';

/** An Ed25519 public key as `ssh-ed25519 BASE64` (RFC 8709, section 4): the same for the same seed, without a private half. */
export function hostKeyOf(seed: string): string {
  const fields = [Buffer.from('ssh-ed25519'), createHash('sha256').update(seed).digest()];
  const length = (field: Buffer): Buffer => Buffer.from([0, 0, 0, field.length]);
  return `ssh-ed25519 ${Buffer.concat(fields.flatMap((field) => [length(field), field])).toString('base64')}`;
}
