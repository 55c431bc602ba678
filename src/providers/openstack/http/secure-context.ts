import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { NodepoolError } from '../../../lib/errors.ts';
import type { TlsAccess } from '../access.ts';

/**
 * Where distributions keep the authorities that the machine's administrator trusts: Debian, Red Hat, SUSE and Alpine.
 * Node knows only those that it was built with, and clouds are often signed by an authority of their own.
 */
const SYSTEM_AUTHORITIES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Makes one context for all connections of a session: at once from the files that are named, or, where none is, at the
 * first call, since to parse all authorities of a system takes tens of milliseconds.
 * `source` says in messages where the files are named. Errors: `config` when one cannot be read or holds nothing usable.
 */
export function prepareSecureContext(tls: TlsAccess, source: string): () => SecureContext {
  const areNamed = [tls.caFile, tls.certFile, tls.keyFile].some((file) => file !== null);
  let context = areNamed ? openSecureContext(tls, source) : null;
  return () => (context ??= openSecureContext(tls, source));
}

function openSecureContext(tls: TlsAccess, source: string): SecureContext {
  const certificate = readNamed('cert', tls.certFile, source);
  // A file may hold both, the certificate and its key.
  const key = readNamed('key', tls.keyFile, source) ?? certificate;
  const authorities = readNamed('cacert', tls.caFile, source) ?? (tls.verify ? readSystemAuthorities() : null);
  try {
    return createSecureContext({
      ...(authorities !== null && { ca: authorities }),
      ...(certificate !== null && key !== null && { cert: certificate, key }),
    });
  } catch (error) {
    const files = [tls.caFile, tls.certFile, tls.keyFile].filter((file) => file !== null).join(', ');
    throw new NodepoolError(
      'config',
      `${source}: no TLS certificates or key can be read from ${files}${reason(error)}`,
    );
  }
}

function readNamed(key: string, file: string | null, source: string): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new NodepoolError('config', `${source}: the file ${file}, named by ${key}, cannot be read${reason(error)}`);
  }
}

/** null: Node's own have to do. */
function readSystemAuthorities(): string | null {
  for (const file of SYSTEM_AUTHORITIES) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      // Another distribution keeps them elsewhere.
    }
  }
  return null;
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}
