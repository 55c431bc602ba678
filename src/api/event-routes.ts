/** Ties the routes that follow requests to the watch over them. */
import type { Context } from 'hono';
import type { Caller } from './caller.ts';
import { createEventStream } from './event-stream.ts';
import type { ApiEnv } from './environment.ts';
import type { RouteParts } from './request-routes.ts';
import type { RequestWatch } from './request-watch.ts';
import { followAllRoute, followRoute } from './routes.ts';
import type { Interest } from './subscription.ts';

export function addEventRoutes({ app, guard, handlers }: RouteParts, watch: RequestWatch): void {
  const maySee = guard('requests', 'read', 'admin');

  const follow = async (c: Context<ApiEnv>, id: number | null): Promise<Response> => {
    const headers = { 'Content-Type': 'text/event-stream' };
    // Hono asks for what it would answer to GET and drops the body: a stream that nobody ends.
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    const subscription = await watch.listen({ id, ...interestOf(c.var.caller) });
    const stream = createEventStream({
      subscription,
      render: async (found) => JSON.stringify(await handlers.view(found)),
      onEnd: () => watch.leave(subscription),
    });
    return c.body(stream, 200, headers);
  };

  app.openapi({ ...followRoute, middleware: [maySee] }, async (c) => {
    const { id } = c.req.valid('param');
    const { state } = await handlers.find(c.var.caller, id);
    // Who has heard of the end would come again for ever: this tells it not to.
    if (state === 'ended' && c.req.header('Last-Event-ID') !== undefined) return c.body(null, 204);
    return follow(c, id);
  });
  app.openapi({ ...followAllRoute, middleware: [maySee] }, (c) => follow(c, null));
}

function interestOf({ token, maySee, isStillGood }: Caller): Omit<Interest, 'id'> {
  return { tokenId: token.id, maySee, isAllowed: isStillGood };
}
