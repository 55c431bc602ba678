/** Ties the routes for requests to what they do. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Scope } from '../requests/tokens.ts';
import type { ApiEnv, Middleware } from './environment.ts';
import { limitBody } from './guards.ts';
import type { RequestHandlers } from './request-handlers.ts';
import { endRoute, extendRoute, findRoute, listRoute, openRoute, REQUESTS_PATH } from './routes.ts';

export interface RouteParts {
  readonly app: OpenAPIHono<ApiEnv>;
  readonly guard: (...scopes: readonly Scope[]) => Middleware;
  readonly handlers: RequestHandlers;
}

export function addRequestRoutes({ app, guard, handlers }: RouteParts): void {
  const mayChange = guard('requests', 'admin');
  const maySee = guard('requests', 'read', 'admin');

  app.openapi({ ...openRoute, middleware: [mayChange, limitBody] }, async (c) => {
    const key = c.req.valid('header')['idempotency-key'] ?? null;
    const { view, isReplay } = await handlers.open(c.var.caller, c.req.valid('json'), key);
    return c.json(view, isReplay ? 200 : 201, { Location: `${REQUESTS_PATH}/${view.id}` });
  });

  app.openapi({ ...listRoute, middleware: [maySee] }, async (c) => {
    const requests = await handlers.list(c.var.caller, c.req.valid('query'));
    return c.json({ requests }, 200);
  });

  app.openapi({ ...findRoute, middleware: [maySee] }, async (c) => {
    return c.json(await handlers.find(c.var.caller, c.req.valid('param').id), 200);
  });

  app.openapi({ ...endRoute, middleware: [mayChange] }, async (c) => {
    const hasFailed = c.req.valid('query').result === 'failure';
    return c.json(await handlers.end(c.var.caller, c.req.valid('param').id, hasFailed), 200);
  });

  app.openapi({ ...extendRoute, middleware: [mayChange, limitBody] }, async (c) => {
    const { ttl = null } = c.req.valid('json');
    return c.json(await handlers.extend(c.var.caller, c.req.valid('param').id, ttl), 200);
  });
}
