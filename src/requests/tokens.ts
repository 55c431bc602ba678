/** Tokens of the HTTP interface: secrets that only their owner knows, and what each of them allows. */
import { createHash } from 'node:crypto';
import type { Random } from '../lib/random.ts';

/** What a token may allow; each scope says what it adds. */
export const SCOPES = {
  requests: 'make requests, and see, extend and end those made with this token',
  read: 'see all requests',
  admin: 'make requests, and see, extend and end all of them',
} as const;
export type Scope = keyof typeof SCOPES;

/** A token that is revoked works on for so long at most: the daemon does not look it up for each call. */
export const REVOKED_WORKS_MS = 5000;

/** What that means, for people. */
export const REVOKED_TOKEN = `works no more, after ${REVOKED_WORKS_MS / 1000} seconds at the latest`;

/** By the prefix people, and programs that look for secrets in the wrong places, know what it is. */
const PREFIX = 'np_';
const SECRET_BYTES = 32;
const SHAPE = /^np_[\w-]{43}$/;

export function createSecret(random: Random): string {
  return PREFIX + Buffer.from(random.hex(SECRET_BYTES), 'hex').toString('base64url');
}

/** Whether the text can be a secret at all. */
export function isSecret(text: string): boolean {
  return SHAPE.test(text);
}

/**
 * What is stored of a secret, in hexadecimal. Its 256 random bits cannot be guessed, so a fast digest without salt is
 * enough.
 */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
