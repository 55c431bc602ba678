import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES } from './connections.ts';

export interface ConnectionFailure {
  /** Completes "no usable answer: ...". */
  readonly problem: string;
  /** Another try may go better. */
  readonly isPassing: boolean;
}

const passing = (problem: string): ConnectionFailure => ({ problem, isPassing: true });
const lasting = (problem: string): ConnectionFailure => ({ problem, isPassing: false });

const CLOSED_EARLY = passing('the connection was closed before the answer was complete');
const SILENT = lasting('the other side fell silent');

/** Codes of undici, of Node's sockets and of its resolver. */
const FAILURES: Readonly<Record<string, ConnectionFailure>> = {
  ECONNREFUSED: passing('the connection was refused'),
  ECONNRESET: CLOSED_EARLY,
  EPIPE: CLOSED_EARLY,
  UND_ERR_SOCKET: CLOSED_EARLY,
  ENOTFOUND: passing('the host name is not known'),
  EAI_AGAIN: passing('the host name could not be looked up'),
  EHOSTUNREACH: passing('the host cannot be reached'),
  ENETUNREACH: passing('the network cannot be reached'),
  UND_ERR_CONNECT_TIMEOUT: passing(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`),
  UND_ERR_HEADERS_TIMEOUT: SILENT,
  UND_ERR_BODY_TIMEOUT: SILENT,
  UND_ERR_RES_EXCEEDED_MAX_SIZE: lasting(`the answer has more than ${MAX_ANSWER_BYTES / 1024 / 1024} MB`),
  // Our own aborts never come here: what is left of these two is a proxy that says no.
  UND_ERR_ABORTED: lasting('the proxy refused to connect to it'),
  UND_ERR_INVALID_ARG: lasting('the proxy wants a user name and password'),
};

/** Of Node's TLS; those that begin with ERR_SSL are the other side's complaints about us. */
const UNTRUSTED = /^(?!ERR_SSL).*(?:CERT|SIGNATURE)/;

/** What went wrong, from the code of an error alone: its other parts may hold what was sent. */
export function describeFailure(error: unknown): ConnectionFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (UNTRUSTED.test(code)) {
    return lasting(`its TLS certificate is not accepted (${code}), which \`cacert\` or \`verify\` can change`);
  }
  return FAILURES[code] ?? passing(`the connection failed (${code})`);
}
