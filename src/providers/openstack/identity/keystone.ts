/** Logging in at Keystone v3. */
import type { Clock } from '../../../lib/clock.ts';
import { NodepoolError } from '../../../lib/errors.ts';
import type { CloudAccess } from '../access.ts';
import type { Answer } from '../http/exchange.ts';
import { readFault } from '../http/fault-text.ts';
import { toFault } from '../http/faults.ts';
import { findIdentityUrl, identityRoot } from './identity-url.ts';
import { describeLogin, loginRequest, loginSecret } from './login-request.ts';
import { readToken, type Token } from './token.ts';
import type { Transport } from '../http/transport.ts';

export interface KeystoneDeps {
  readonly access: CloudAccess;
  readonly transport: Transport;
  readonly clock: Clock;
}

export interface Keystone {
  /**
   * One login. Errors: `auth` for wrong credentials and for a cloud without v3, in one sentence each, `throttled`,
   * `unavailable`, and the reason of `signal`.
   */
  login(signal: AbortSignal): Promise<Token>;
}

/** Errors: `config` when the address of the identity service is none. */
export function createKeystone({ access, transport, clock }: KeystoneDeps): Keystone {
  const root = identityRoot(access);
  const secrets = [loginSecret(access.auth)];
  let address: URL | null = null;

  const login = async (signal: AbortSignal): Promise<Token> => {
    address ??= await findIdentityUrl({ access, root, transport, clock }, signal);
    const url = new URL(`${address.pathname}/auth/tokens`, address);
    const headers = { 'content-type': 'application/json' };
    const outcome = await transport.send({ method: 'POST', url, headers, body: loginRequest(access.auth) }, signal);
    if (outcome.kind === 'answer' && outcome.status < 300) {
      return readToken(outcome, { source: access.source, now: clock.now() });
    }
    if (outcome.kind === 'answer' && isRefusal(outcome.status)) throw refusal(outcome, { access, address, secrets });
    throw toFault(outcome, { what: `logging in to ${access.source} at ${address.origin}`, secrets, now: clock.now() });
  };
  return { login };
}

/** Whatever it says no with, Keystone does not let us in; except that it may be too busy to look. */
function isRefusal(status: number): boolean {
  return status >= 300 && status < 500 && ![408, 413, 429].includes(status);
}

function refusal(
  answer: Answer,
  { access, address, secrets }: { access: CloudAccess; address: URL; secrets: readonly string[] },
): NodepoolError {
  const { text } = readFault(answer, secrets);
  const said = `${answer.status}${text && `, ${text}`} (${answer.requestId})`;
  const message =
    answer.status === 404 || answer.status < 400
      ? `there is no identity service of version 3 at ${address.href}: check auth_url; it said ${said}`
      : `${address.origin} does not accept ${describeLogin(access.auth)}: check it, its domain and the project; it said ${said}`;
  return new NodepoolError('auth', `${access.source}: ${message}`);
}
