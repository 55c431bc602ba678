/** Every route with what comes and what goes: the source of the OpenAPI document. */
import { createRoute, z } from '@hono/zod-openapi';
import { ERROR_STATUS, type HttpErrorCode } from './http-error.ts';
import {
  endQuery,
  errorBody,
  extendBody,
  health,
  idempotencyHeader,
  idParam,
  listQuery,
  openBody,
  requestList,
  requestView,
} from './schemas.ts';

export const REQUESTS_PATH = '/api/v1/requests';

/** Routes that need no token say so; all others need one. */
const PUBLIC: { [scheme: string]: string[] }[] = [];

const MEANINGS: Readonly<Record<HttpErrorCode, string>> = {
  malformed: 'What was sent cannot be read.',
  unauthorized: 'There is no token, or it is unknown or has expired.',
  forbidden: 'The token does not allow this.',
  'not-found': 'There is nothing here that the token may see.',
  'method-not-allowed': 'The method is not known here.',
  'request-timeout': 'The request did not come in time.',
  conflict: 'Nothing was done: it does not go together with what is there.',
  'too-large': 'The body is too large.',
  'unsupported-media-type': 'The body is not JSON.',
  'expectation-failed': 'The expectation cannot be met.',
  refused: 'What is asked for can never be had; the message says why.',
  'too-many-requests': 'Too many requests; Retry-After says how many seconds to wait.',
  'headers-too-large': 'The headers are too large.',
  internal: 'A mistake of the daemon.',
  unavailable: 'Not possible now; try again.',
};

type Headers = Readonly<
  Record<string, { readonly description: string; readonly schema: { type: 'string' | 'integer' } }>
>;

/** Headers that programs go by. */
const HEADERS: Partial<Readonly<Record<HttpErrorCode, Headers>>> = {
  unauthorized: {
    'WWW-Authenticate': { description: 'What is wrong, as RFC 6750 has it.', schema: { type: 'string' } },
  },
  'too-many-requests': { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } } },
};
const LOCATION: Headers = { Location: { description: 'Path of the request.', schema: { type: 'string' } } };

function json<T extends z.ZodType>(schema: T, description: string, headers: Headers = {}) {
  return { content: { 'application/json': { schema } }, description, headers };
}

type Statuses<Codes extends HttpErrorCode> = (typeof ERROR_STATUS)[Codes];

function failures<Codes extends HttpErrorCode>(...codes: readonly Codes[]) {
  const entries = codes.map((code) => [ERROR_STATUS[code], json(errorBody, MEANINGS[code], HEADERS[code])]);
  return Object.fromEntries(entries) as Record<Statuses<Codes>, ReturnType<typeof json<typeof errorBody>>>;
}

/** What can be answered wherever a token is needed. */
const always = failures('unauthorized', 'forbidden', 'too-many-requests', 'internal', 'unavailable');
const tags = ['requests'];
const events = {
  content: { 'text/event-stream': { schema: z.string() } },
  description: 'Events named request, whose data is a Request: the present state first, then every change.',
};

export const openRoute = createRoute({
  method: 'post',
  path: REQUESTS_PATH,
  operationId: 'openRequest',
  summary: 'Ask for nodes',
  tags,
  request: {
    headers: idempotencyHeader,
    body: { content: { 'application/json': { schema: openBody } }, required: true },
  },
  responses: {
    201: json(requestView, 'Made: granted at once with its nodes, or waiting.', LOCATION),
    200: json(requestView, 'It had been made before, with the same key.', LOCATION),
    ...failures('malformed', 'conflict', 'too-large', 'unsupported-media-type', 'refused'),
    ...always,
  },
});

export const listRoute = createRoute({
  method: 'get',
  path: REQUESTS_PATH,
  operationId: 'listRequests',
  summary: 'List requests: those that wait in the order of their turns, those with nodes, those that ended last',
  description: 'Ended requests are looked for among the thousand that ended last.',
  tags,
  request: { query: listQuery },
  responses: { 200: json(requestList, 'Those that the token may see.'), ...failures('malformed'), ...always },
});

export const findRoute = createRoute({
  method: 'get',
  path: `${REQUESTS_PATH}/{id}`,
  operationId: 'findRequest',
  summary: 'See a request, its nodes, and why it waits',
  tags,
  request: { params: idParam },
  responses: { 200: json(requestView, 'The request.'), ...failures('not-found'), ...always },
});

export const endRoute = createRoute({
  method: 'delete',
  path: `${REQUESTS_PATH}/{id}`,
  operationId: 'endRequest',
  summary: 'Give the nodes back, or take the request back',
  tags,
  request: { params: idParam, query: endQuery },
  responses: {
    200: json(requestView, 'It has ended, now or before.'),
    ...failures('malformed', 'not-found'),
    ...always,
  },
});

export const extendRoute = createRoute({
  method: 'post',
  path: `${REQUESTS_PATH}/{id}/extend`,
  operationId: 'extendRequest',
  summary: 'Let the lease last for another while from now on',
  tags,
  request: { params: idParam, body: { content: { 'application/json': { schema: extendBody } } } },
  responses: {
    200: json(requestView, 'The lease ends at another time.'),
    ...failures('malformed', 'not-found', 'conflict', 'too-large', 'unsupported-media-type', 'refused'),
    ...always,
  },
});

export const followRoute = createRoute({
  method: 'get',
  path: `${REQUESTS_PATH}/{id}/events`,
  operationId: 'followRequest',
  summary: 'Follow a request until it has ended',
  tags,
  request: { params: idParam },
  responses: {
    200: events,
    204: { description: 'It has ended, which a client with a Last-Event-ID knows: it need not come again.' },
    ...failures('not-found'),
    ...always,
  },
});

export const followAllRoute = createRoute({
  method: 'get',
  path: '/api/v1/events',
  operationId: 'followRequests',
  summary: 'Follow all requests that the token may see',
  description: 'Begins with those that are open. What ended while nobody listened, the list of ended requests tells.',
  tags,
  responses: { 200: events, ...always },
});

export const documentRoute = createRoute({
  method: 'get',
  path: '/api/v1/openapi.json',
  operationId: 'describe',
  summary: 'This document',
  tags: ['daemon'],
  security: PUBLIC,
  responses: { 200: json(z.looseObject({ openapi: z.string() }), 'OpenAPI 3.1.') },
});

export const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'isAlive',
  summary: 'Whether the daemon answers',
  tags: ['daemon'],
  security: PUBLIC,
  responses: { 200: json(health, 'It does.') },
});

export const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'isReady',
  summary: 'Whether the daemon looks after its pool',
  tags: ['daemon'],
  security: PUBLIC,
  responses: { 200: json(health, 'It does.'), ...failures('unavailable') },
});
