/** What the daemon says of itself to anybody. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from './environment.ts';
import { HttpError } from './http-error.ts';
import { documentRoute, healthRoute, readyRoute } from './routes.ts';

interface DaemonRouteDeps {
  readonly version: string;
  readonly unready: () => Promise<string | null>;
}

const DESCRIPTION =
  'Asks for nodes, keeps them under a lease, and gives them back. Tokens are made with nodepool token create.';

export function addDaemonRoutes(app: OpenAPIHono<ApiEnv>, { version, unready }: DaemonRouteDeps): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  const describe = (): { openapi: string } =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'Nodepool', version, description: DESCRIPTION },
      security: [{ bearer: [] }],
    });
  let document: { openapi: string } | null = null;
  app.openapi(documentRoute, (c) => c.json((document ??= describe()), 200));
  app.openapi(healthRoute, (c) => c.json({ status: 'ok' as const }, 200));
  app.openapi(readyRoute, async (c) => {
    const problem = await unready();
    if (problem !== null) throw new HttpError('unavailable', problem);
    return c.json({ status: 'ok' as const }, 200);
  });
}
