/** Turns what the operating system says about files into errors of the catalogue. */
import { isNodepoolError, NodepoolError, type ErrorCode } from '../lib/errors.ts';
import { systemErrorCode } from '../lib/system-error.ts';

/** The operating system's own words: `no space left on device, rename`. */
export function fileErrorReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+: (.+)$/s.exec(text)?.[1] ?? text;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'config',
  EPERM: 'config',
  EROFS: 'config',
  ENAMETOOLONG: 'config',
};

/**
 * The error of a file operation as one of the catalogue, `what` having failed; what is no error of a file is given back as
 * it is.
 */
export function fileError(error: unknown, what: string): unknown {
  const code = systemErrorCode(error);
  if (isNodepoolError(error) || code === null) return error;
  return new NodepoolError(CODES[code] ?? 'command-failed', `${what}: ${fileErrorReason(error)}`, { cause: error });
}
