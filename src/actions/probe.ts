import { withTimeLimit } from '../lib/time-limit.ts';
import { PROBE_LIMIT_MS } from '../lifecycle/limits.ts';
import type { Login, LoginTarget } from '../remote/shell.ts';
import type { ActionContext } from './context.ts';

/** Errors of a probe that say something about the server; the last one is the time limit's. */
export const UNANSWERED = ['unreachable', 'login-refused', 'command-failed'] as const;

/** One try to log in. A server that takes the connection and then stalls has not answered. */
// eslint-disable-next-line max-params -- as the handlers: the context and the signal beside what it is about
export function probe(
  { provider, clock }: ActionContext,
  name: string,
  login: LoginTarget,
  signal: AbortSignal,
): Promise<Login> {
  const limit = { clock, ms: PROBE_LIMIT_MS, what: 'the login' };
  return withTimeLimit(limit, signal, (own) => provider(name).shell.probe(login, own));
}
