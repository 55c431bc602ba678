/** The application: which route does what, and what is answered when something is wrong. Knows no sockets. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Store } from '../store/store.ts';
import { addDaemonRoutes } from './daemon-routes.ts';
import { describeInvalid } from './describe-invalid.ts';
import type { ApiEnv } from './environment.ts';
import { addEventRoutes } from './event-routes.ts';
import { createGuard, setHeaders } from './guards.ts';
import { bodyOf, ERROR_STATUS, HttpError, toHttpError } from './http-error.ts';
import { createRequestHandlers, type HandlerDeps } from './request-handlers.ts';
import { addRequestRoutes } from './request-routes.ts';
import { RequestWatch } from './request-watch.ts';

export interface AppDeps extends HandlerDeps {
  readonly store: Pick<Store, 'requests' | 'tokens' | 'readPool'>;
  /** Of the program. */
  readonly version: string;
  /** Why the daemon does not look after its pool; null: it does. */
  readonly unready: () => Promise<string | null>;
}

export interface App {
  readonly app: OpenAPIHono<ApiEnv>;
  /** Ends all streams of events. */
  endStreams(): void;
}

export function createApp(deps: AppDeps): App {
  const { log } = deps;
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw describeInvalid(result.target, result.error);
    },
  });
  app.onError((error, c) => {
    const answer = toHttpError(error);
    if (answer.code === 'internal')
      log.error({ err: error, method: c.req.method, path: c.req.path }, 'a request failed');
    else log.debug({ method: c.req.method, code: answer.code }, answer.message);
    return answerError(c, answer);
  });
  app.notFound((c) => answerError(c, new HttpError('not-found', 'there is nothing here; see /api/v1/openapi.json')));
  const onMethodNotAllowed = (c: Context, methods: readonly string[]): Response => {
    const allowed = methods.join(', ');
    return answerError(c, new HttpError('method-not-allowed', `use ${allowed} here`, { Allow: allowed }));
  };
  app.use(setHeaders, methodNotAllowed({ app, onMethodNotAllowed }));

  const watch = new RequestWatch(deps);
  const parts = { app, guard: createGuard(deps), handlers: createRequestHandlers(deps) };
  addRequestRoutes(parts);
  addEventRoutes(parts, watch);
  addDaemonRoutes(app, deps);
  return { app, endStreams: () => watch.close() };
}

function answerError(c: Context, error: HttpError): Response {
  return c.json(bodyOf(error), ERROR_STATUS[error.code], error.headers);
}
