import { createBounded, type Bounded } from '../../lib/bounded.ts';
import type { Clock } from '../../lib/clock.ts';
import type { CloudAccess } from './access.ts';
import { requireService } from './identity/catalogue.ts';
import type { Answer, Outcome } from './http/exchange.ts';
import { toFault, type FaultContext } from './http/faults.ts';
import { loginSecret } from './identity/login-request.ts';
import { requestHeaders } from './service-request.ts';
import type { ApiRequest } from './session.ts';
import type { TokenKeeper } from './identity/token-keeper.ts';
import type { Token } from './identity/token.ts';
import type { Transport } from './http/transport.ts';

/** A request whose address depends on the token, since the catalogue comes with it. */
export interface ServiceCall extends Omit<ApiRequest, 'query'> {
  /** From the endpoint of the service, without a slash at its end. */
  readonly urlBelow: (endpoint: URL) => URL;
}

export interface ServiceCallDeps {
  readonly access: CloudAccess;
  readonly clock: Clock;
  readonly transport: Transport;
  /** Of calls without a file. */
  readonly bounded: Bounded;
  readonly tokens: TokenKeeper;
}

interface Sent {
  readonly outcome: Outcome;
  readonly context: FaultContext;
}

/**
 * Sends requests with a valid token, and a second time with a new one when the cloud does not take the first. Resolves
 * with a successful answer; errors as in `Session.send`.
 */
export function createServiceCalls(deps: ServiceCallDeps): (call: ServiceCall) => Promise<Answer> {
  const { access, clock, transport, bounded, tokens } = deps;
  const unbounded = createBounded(clock, null);

  const sendWith = async (token: Token, call: ServiceCall): Promise<Sent> => {
    const { service, method, path, body, file } = call;
    const url = call.urlBelow(requireService(service, access, token));
    const what = `${method} ${path} at the ${service} service (${url.origin})`;
    const request = { method, url, headers: requestHeaders(call, token.id), body, ...(file && { file }) };
    const inTime = file ? unbounded : bounded;
    const outcome = await inTime(what, call.signal, (signal) => transport.send(request, signal));
    return { outcome, context: { what, service, secrets: [loginSecret(access.auth), token.id], now: clock.now() } };
  };

  const successOf = ({ outcome, context }: Sent): Answer => {
    if (outcome.kind === 'answer' && outcome.status < 300) return outcome;
    throw toFault(outcome, context);
  };
  const tokenFor = ({ file, signal }: ServiceCall): Promise<Token> =>
    file ? tokens.getLasting(signal) : tokens.get(signal);

  return async (call) => {
    const token = await tokenFor(call);
    const sent = await sendWith(token, call);
    // Nothing was done with it, so even what creates something may be sent again.
    const isRefused = sent.outcome.kind === 'answer' && sent.outcome.status === 401;
    if (!isRefused) return successOf(sent);
    tokens.drop(token);
    return successOf(await sendWith(await tokenFor(call), call));
  };
}
