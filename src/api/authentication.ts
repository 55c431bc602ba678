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

  const refuse = (address: string): HttpError => {
    failures.count(address);
    return new HttpError('unauthorized', 'the token is unknown or has expired', {
      'WWW-Authenticate': `${REALM}, error="invalid_token"`,
    });
  };

  return {
    identify: async (header, address) => {
      if (header === undefined) throw nobody();
      const secret = BEARER.exec(header)?.[1] ?? '';
      const hash = hashSecret(secret);
      // Several clients may share an address: one that comes with the wrong token must not shut out the others.
      const waitMs = cache.wasGood(hash) ? 0 : failures.waitMs(address);
      if (waitMs > 0) throw new HttpError('too-many-requests', 'too many wrong tokens from here', retryAfter(waitMs));
      const token = isSecret(secret) ? await cache.find(hash) : null;
      if (token === null) throw refuse(address);
      return createCaller(token, async () => (await cache.find(hash)) !== null);
    },
  };
}

function nobody(): HttpError {
  const message = 'a token is needed: Authorization: Bearer np_...; nodepool token create makes one';
  return new HttpError('unauthorized', message, { 'WWW-Authenticate': REALM });
}
