/** Finds out who makes a request: `Authorization: Bearer np_...`, as RFC 6750 has it. */
import type { Clock } from '../lib/clock.ts';
import { hashSecret, isSecret } from '../requests/tokens.ts';
import type { Store } from '../store/store.ts';
import { createCaller, type Caller } from './caller.ts';
import { FailureLimit } from './failure-limit.ts';
import { HttpError, retryAfter } from './http-error.ts';
import { TokenCache } from './token-cache.ts';

export interface Authentication {
  /**
   * Who has this header. Throws `unauthorized`, or `too-many-requests` when too many wrong ones came from the address.
   */
  identify(header: string | undefined, address: string): Promise<Caller>;
}

const BEARER = /^bearer +(\S+)$/i;
const REALM = 'Bearer realm="nodepool"';

export function createAuthentication({ tokens, clock }: { tokens: Store['tokens']; clock: Clock }): Authentication {
  const cache = new TokenCache({ tokens, clock });
  const failures = new FailureLimit(clock);

  return {
    identify: async (header, address) => {
      if (header === undefined) throw nobody();
      const secret = BEARER.exec(header)?.[1] ?? '';
      if (!isSecret(secret)) throw unknown();
      const hash = hashSecret(secret);
      // Nobody guesses a secret: the limit keeps look-ups from the database. Behind a proxy all clients share an address,
      // and one that comes again and again with a wrong token, which is looked up once, must not shut out the others.
      const isRemembered = cache.remembers(hash);
      const waitMs = isRemembered || cache.wasGood(hash) ? 0 : failures.waitMs(address);
      if (waitMs > 0) throw new HttpError('too-many-requests', 'too many wrong tokens from here', retryAfter(waitMs));
      const token = await cache.find(hash);
      if (token !== null) return createCaller(token, async () => (await cache.find(hash)) !== null);
      if (!isRemembered) failures.count(address);
      throw unknown();
    },
  };
}

function nobody(): HttpError {
  const message = 'a token is needed: Authorization: Bearer np_...; nodepool token create makes one';
  return new HttpError('unauthorized', message, { 'WWW-Authenticate': REALM });
}

function unknown(): HttpError {
  const challenge = { 'WWW-Authenticate': `${REALM}, error="invalid_token"` };
  return new HttpError('unauthorized', 'the token is unknown or has expired', challenge);
}
