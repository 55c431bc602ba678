/** How long an HTTP client waits for a connection. */
export const CONNECT_TIMEOUT_MS = 10_000;

const CLOSED_EARLY = 'the connection was closed before the answer was complete';

/** Codes of undici, of Node's sockets and of its resolver. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: CLOSED_EARLY,
  EPIPE: CLOSED_EARLY,
  UND_ERR_SOCKET: CLOSED_EARLY,
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${CONNECT_TIMEOUT_MS / 1000} s`,
};

/** Completes "no usable answer: ...". From a code alone: what else an error of a connection holds may be what was sent. */
export function describeConnectionFailure(code: string): string {
  return PROBLEMS[code] ?? `the connection failed (${code})`;
}
