import { describeConnectionFailure } from '../../../lib/connection-failures.ts';
import { systemErrorCode } from '../../../lib/system-error.ts';
import { MAX_ANSWER_BYTES } from './connections.ts';

export interface ConnectionFailure {
  /** Completes "no usable answer: ...". */
  readonly problem: string;
  /** Another try may go better. */
  readonly isPassing: boolean;
}

const lasting = (problem: string): ConnectionFailure => ({ problem, isPassing: false });

const SILENT = lasting('the other side fell silent');

/** Those of undici that another try would not be spared. */
const LASTING: Readonly<Record<string, ConnectionFailure>> = {
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
  const code = systemErrorCode(error) ?? 'unknown';
  if (UNTRUSTED.test(code)) {
    return lasting(`its TLS certificate is not accepted (${code}), which \`cacert\` or \`verify\` can change`);
  }
  return LASTING[code] ?? { problem: describeConnectionFailure(code), isPassing: true };
}
