/** What a handler finds in its context. */
import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import type { Caller } from './caller.ts';

export interface ApiEnv {
  /** Absent when the application is called without a socket. */
  Bindings: Partial<HttpBindings>;
  Variables: { caller: Caller };
}

export type Middleware = MiddlewareHandler<ApiEnv>;
