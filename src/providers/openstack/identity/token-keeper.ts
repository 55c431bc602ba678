/**
 * Keeps one token for all requests of a session. A new one is asked for a little before the old one ends, while the old
 * one still serves: nobody waits for it, and an outage of Keystone shorter than that time does no harm.
 */
import type { Clock } from '../../../lib/clock.ts';
import { isNodepoolError, type NodepoolError } from '../../../lib/errors.ts';
import { createSingleFlight } from '../http/single-flight.ts';
import type { Token } from './token.ts';

/** A tenth of its life before a token ends it is renewed, but not earlier than this. */
const MAX_RENEWAL_MARGIN_MS = 300_000;

/** Accounts are locked after a few wrong passwords, so a login that was refused is not tried again for this long. */
const REFUSAL_PAUSE_MS = 30_000;

/** A renewal ahead of time that failed is not tried again for this long. */
const RENEWAL_PAUSE_MS = 10_000;

export interface TokenKeeper {
  /** A token that is valid as far as we know. Callers that have to wait share one login, and its error. */
  get(signal: AbortSignal): Promise<Token>;
  /** One with at least half of its life before it, for a request that may take long. */
  getLasting(signal: AbortSignal): Promise<Token>;
  /** The cloud does not take this one any more. One that was renewed in the meantime stays. */
  drop(token: Token): void;
}

export function createTokenKeeper(deps: { readonly clock: Clock; readonly login: () => Promise<Token> }): TokenKeeper {
  const { clock, login } = deps;
  let current: Token | null = null;
  let refusal: { readonly at: number; readonly error: NodepoolError } | null = null;
  let renewalAt = -Infinity;

  /** A clock that was set back must not make a pause longer. */
  const isWithin = (ms: number, at: number): boolean => clock.now() >= at && clock.now() < at + ms;

  const renew = createSingleFlight('the login', async () => {
    if (refusal && isWithin(REFUSAL_PAUSE_MS, refusal.at)) throw refusal.error;
    try {
      current = await login();
      refusal = null;
      return current;
    } catch (error) {
      if (isNodepoolError(error, 'auth')) refusal = { at: clock.now(), error };
      throw error;
    }
  });

  const renewAhead = (signal: AbortSignal): void => {
    if (isWithin(RENEWAL_PAUSE_MS, renewalAt)) return;
    renewalAt = clock.now();
    // The old token still serves; who needs another one when it has ended will see the error.
    renew(signal).catch(() => undefined);
  };

  const lifeLeftMs = ({ receivedAt, lifeMs }: Token): number => receivedAt + lifeMs - clock.now();

  return {
    getLasting: async (signal) =>
      current === null || lifeLeftMs(current) < current.lifeMs / 2 ? renew(signal) : current,
    get: async (signal) => {
      if (current === null) return renew(signal);
      const leftMs = lifeLeftMs(current);
      if (leftMs <= 0) return renew(signal);
      if (leftMs < Math.min(current.lifeMs / 10, MAX_RENEWAL_MARGIN_MS)) renewAhead(signal);
      return current;
    },
    drop: (token) => {
      if (current === token) current = null;
    },
  };
}
