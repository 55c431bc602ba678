/** What a request has to pass before a handler sees it. */
import { bodyLimit } from 'hono/body-limit';
import type { Config } from '../config/types.ts';
import type { Clock } from '../lib/clock.ts';
import type { Scope } from '../requests/tokens.ts';
import type { Store } from '../store/store.ts';
import { createAuthentication } from './authentication.ts';
import type { Middleware } from './environment.ts';
import { HttpError, retryAfter } from './http-error.ts';
import { COMMON_HEADERS } from './http-server.ts';
import { RateLimit } from './rate-limit.ts';

const MOST_BODY_BYTES = 64 * 1024;

interface GuardDeps {
  readonly store: Pick<Store, 'tokens'>;
  readonly config: () => Config;
  readonly clock: Clock;
}

/** Lets through who has a token with one of the scopes, and has not used it too often. */
export function createGuard({ store, config, clock }: GuardDeps): (...scopes: readonly Scope[]) => Middleware {
  const authentication = createAuthentication({ tokens: store.tokens, clock });
  const rates = new RateLimit(clock);
  return (...scopes) =>
    async (c, next) => {
      const address = c.env.incoming?.socket.remoteAddress ?? '';
      const caller = await authentication.identify(c.req.header('Authorization'), address);
      const waitMs = rates.take(caller.token.id, config().api.rateLimit);
      if (waitMs > 0) {
        throw new HttpError('too-many-requests', 'too many requests with this token; slow down', retryAfter(waitMs));
      }
      if (!caller.hasAny(scopes)) {
        throw new HttpError('forbidden', `this needs a token with the scope ${scopes.join(' or ')}`);
      }
      c.set('caller', caller);
      await next();
    };
}

const tooLarge = (): HttpError => new HttpError('too-large', `the body may have ${MOST_BODY_BYTES} bytes at most`);

const limitStream = bodyLimit({
  maxSize: MOST_BODY_BYTES,
  onError: () => {
    throw tooLarge();
  },
});

/** Lets no body through that is too large, whether or not it says so itself. */
export const limitBody: Middleware = async (c, next) => {
  const length = c.req.header('Content-Length');
  // The HTTP parser takes care that what says its length is no longer.
  if (length !== undefined && c.req.header('Transfer-Encoding') === undefined) {
    if (Number(length) > MOST_BODY_BYTES) throw tooLarge();
    return next();
  }
  let isRead = false;
  try {
    return await limitStream(c, () => {
      isRead = true;
      return next();
    });
  } catch (error) {
    if (isRead || error instanceof HttpError) throw error;
    throw new HttpError('malformed', 'the body broke off');
  }
};

const HEADERS = Object.entries(COMMON_HEADERS);

export const setHeaders: Middleware = async (c, next) => {
  for (const [name, value] of HEADERS) c.header(name, value);
  await next();
};
