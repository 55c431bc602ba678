import { createHash } from 'node:crypto';

/** The fingerprint of a host key given as `ssh-ed25519 AAAA...`, as `ssh-keygen -l` prints it: `SHA256:...`. */
export function fingerprint(hostKey: string): string {
  const blob = Buffer.from(hostKey.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
