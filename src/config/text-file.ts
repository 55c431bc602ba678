/** Reads a text file of sensible size, or says in one sentence why not. */
import { readFileSync, statSync } from 'node:fs';
import { describeError } from '../lib/errors.ts';
import { systemErrorCode } from '../lib/system-error.ts';

/** Ten times the largest configuration known: anything above was given by mistake. */
const MAX_BYTES = 2 * 1024 * 1024;

export type TextFile = { readonly text: string } | { readonly refusal: string };

export function readTextFile(path: string): TextFile {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return { refusal: 'is a directory; name a file in it' };
    if (!stats.isFile()) return { refusal: 'is not a regular file; name one' };
    if (stats.size > MAX_BYTES) return { refusal: tooLarge(stats.size) };
    return decode(readFileSync(path));
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}

function decode(bytes: Buffer): TextFile {
  if (bytes.length > MAX_BYTES) return { refusal: tooLarge(bytes.length) };
  if (bytes.includes(0)) return { refusal: 'is a binary file; name a text file' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    // The decoder only says that it failed.
    return { refusal: 'is not UTF-8 text; convert it or name another file' };
  }
}

function tooLarge(bytes: number): string {
  const [size, limit] = [bytes, MAX_BYTES].map((count) => `${(count / 1024 / 1024).toFixed(1)} MB`);
  return `is too large for a configuration file (${size}; the limit is ${limit}); name another file`;
}

const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; name an existing file',
  ENOTDIR: 'does not exist; name an existing file',
  EACCES: 'cannot be read: permission denied; change its permissions or name another file',
  EPERM: 'cannot be read: permission denied; change its permissions or name another file',
  ELOOP: 'is a symbolic link that leads to itself; name another file',
  ENAMETOOLONG: 'has a name that is too long; name an existing file',
};

function refusalOf(error: unknown): string {
  return REFUSALS[systemErrorCode(error) ?? ''] ?? `cannot be read: ${describeError(error)}`;
}
