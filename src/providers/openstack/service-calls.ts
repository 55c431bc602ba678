import type { Clock } from '../../lib/clock.ts';
import type { CloudAccess } from './access.ts';
import { requireService } from './identity/catalogue.ts';
import type { Answer, Outcome } from './http/exchange.ts';
import { toFault } from './http/faults.ts';
import { loginSecret } from './identity/login-request.ts';
import { requestHeaders } from './service-request.ts';
import type { ApiRequest } from './session.ts';
import type { Bounded } from './http/time-bounds.ts';
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
  readonly bounded: Bounded;
  readonly tokens: TokenKeeper;
}

interface Sent {
  readonly outcome: Outcome;
  readonly what: string;
  readonly secrets: readonly string[];
}

/**
 * Sends requests with a valid token, and a second time with a new one when the cloud does not take the first. Resolves
 * with a successful answer; errors as in `Session.send`.
 */
export function createServiceCalls(deps: ServiceCallDeps): (call: ServiceCall) => Promise<Answer> {
  const { access, clock, transport, bounded, tokens } = deps;

  const sendWith = async (token: Token, call: ServiceCall): Promise<Sent> => {
    const { service, method, path, body } = call;
    const url = call.urlBelow(requireService(service, access, token));
    const what = `${method} ${path} at the ${service} service (${url.origin})`;
    const request = { method, url, headers: requestHeaders(call, token.id), body };
    const outcome = await bounded(what, call.signal, (signal) => transport.send(request, signal));
    return { outcome, what, secrets: [loginSecret(access.auth), token.id] };
  };

  const successOf = ({ outcome, what, secrets }: Sent): Answer => {
    if (outcome.kind === 'answer' && outcome.status < 300) return outcome;
    throw toFault(outcome, { what, secrets, now: clock.now() });
  };

  return async (call) => {
    const token = await tokens.get(call.signal);
    const sent = await sendWith(token, call);
    // Nothing was done with it, so even what creates something may be sent again.
    const isRefused = sent.outcome.kind === 'answer' && sent.outcome.status === 401;
    if (!isRefused) return successOf(sent);
    tokens.drop(token);
    return successOf(await sendWith(await tokens.get(call.signal), call));
  };
}
