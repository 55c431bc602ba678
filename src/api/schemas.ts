/** What goes over the wire, as schemas: what comes is held against them, and the OpenAPI document is made of them. */
import { z } from '@hono/zod-openapi';
import { NODE_MOVES, type NodeState } from '../lifecycle/node-states.ts';
import { REQUEST_ENDS, type RequestEnd } from '../lifecycle/records.ts';
import { REQUEST_MOVES, type RequestState } from '../lifecycle/request-states.ts';
import type { GrantedNodeView, RequestView, ServerView, WaitingView } from '../requests/view.ts';
import { HIGHEST_PRIORITY } from '../requests/wish.ts';
import { ERROR_STATUS, type ErrorBody, type HttpErrorCode } from './http-error.ts';

/** Row ids are signed 32-bit integers in the database. */
const HIGHEST_ID = 2 ** 31 - 1;
export const MOST_LISTED = 1000;
const USUALLY_LISTED = 100;
/** 1 to 255 characters, visible ones of ASCII. */
const KEY_SHAPE = /^[\x21-\x7e]{1,255}$/;

/** A message for a value of the wrong kind, which zod would call by names of TypeScript. */
const expects = (kind: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (input === undefined ? 'is missing' : `must be ${kind}`),
});
const text = z.string(expects('a text'));
const wholeNumber = z.int(expects('a whole number'));
const ttl = (from: string) =>
  wholeNumber
    .nullish()
    .openapi({ description: `Seconds from ${from} on; without it, as the configuration says.`, example: 14_400 });

export const openBody = z
  .strictObject(
    {
      label: text.openapi({ description: 'What kind of nodes.', example: 'ubuntu-24.04' }),
      count: wholeNumber.default(1).openapi({ description: 'How many; all of them are granted, or none.' }),
      priority: wholeNumber.default(0).openapi({
        description: `From -${HIGHEST_PRIORITY} to ${HIGHEST_PRIORITY}. A request goes ahead of older ones by ten minutes for each step.`,
      }),
      ttl: ttl('the grant'),
      requestor: text.nullish().openapi({ description: 'Who asks, in words; without it, the name of the token.' }),
      reason: text.nullish().openapi({ description: 'What for, in words.' }),
    },
    expects('a JSON object'),
  )
  .openapi('NewRequest');

export const extendBody = z.strictObject({ ttl: ttl('now') }, expects('a JSON object')).openapi('Extension');

export const idempotencyHeader = z.object({
  'idempotency-key': z.string().regex(KEY_SHAPE, 'must have 1 to 255 visible ASCII characters').optional().openapi({
    description:
      'Requests made with one token and the same key are one request: one that got no answer can be repeated.',
  }),
});

export const idParam = z.object({
  id: z
    .string()
    .regex(/^[1-9]\d{0,9}$/)
    .transform(Number)
    .refine((id) => id <= HIGHEST_ID)
    .openapi({ type: 'integer', minimum: 1, maximum: HIGHEST_ID, param: { name: 'id', in: 'path' } }),
});

const requestState = z.enum(
  Object.keys(REQUEST_MOVES) as [RequestState, ...RequestState[]],
  expects('waiting, granted or ended'),
);

export const listQuery = z.strictObject({
  state: requestState.optional().openapi({ description: 'Only those in this state.' }),
  label: text.optional().openapi({ description: 'Only those for this label.' }),
  limit: z
    .string(expects('one whole number'))
    .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 1000')
    .transform(Number)
    .refine((limit) => limit <= MOST_LISTED, `must be a whole number from 1 to ${MOST_LISTED}`)
    .default(USUALLY_LISTED)
    .openapi({ type: 'integer', minimum: 1, maximum: MOST_LISTED, default: USUALLY_LISTED }),
});

export const endQuery = z.strictObject({
  result: z.enum(['success', 'failure'], expects('success or failure')).default('success').openapi({
    description: 'How what ran on the nodes ended; after a failure, rules may hold them.',
  }),
});

const time = z.string().openapi({ format: 'date-time', example: '2026-01-15T12:00:00.000Z' });

// What goes may get more keys in a later version, so clients are not told that there are no others.
const serverFields = {
  hostname: z.string().nullable(),
  ip: z.string().nullable(),
  ip_private: z.string().nullable(),
  port: z.int().openapi({ description: 'Where it answers SSH.' }),
  username: z.string().nullable().openapi({ description: 'Who can log in.' }),
  host_keys: z
    .array(z.string())
    .readonly()
    .openapi({
      description: 'As lines of a known_hosts file end.',
      example: ['ssh-ed25519 AAAA...'],
    }),
  server_id: z.string().nullable().openapi({ description: 'What the cloud calls it.' }),
};
const server = z.object(serverFields).openapi('Server') satisfies z.ZodType<ServerView>;

const node = z
  .object({
    id: z.int(),
    label: z.string(),
    provider: z.string(),
    az: z.string().nullable(),
    image: z.string().nullable(),
    image_version: z.int().nullable().openapi({ description: "Epoch seconds of the image's build." }),
    state: z.enum(Object.keys(NODE_MOVES) as [NodeState, ...NodeState[]]),
    ...serverFields,
    subnodes: z.array(server).readonly(),
  })
  .openapi('Node') satisfies z.ZodType<GrantedNodeView>;

const waiting = z
  .object({
    position: z.int().openapi({ description: 'Its place among those for the same label; 1: it is next.' }),
    nodes_ahead: z.int().openapi({ description: 'Nodes that those before it wait for.' }),
    ready: z.int(),
    building: z.int(),
    why: z.array(z.string()).readonly().openapi({ description: 'What stands in the way, in sentences.' }),
    expected_at: time.nullable(),
  })
  .openapi('Waiting');

export const requestView = z
  .object({
    id: z.int(),
    label: z.string(),
    count: z.int(),
    priority: z.int(),
    requestor: z.string(),
    reason: z.string().nullable(),
    ttl: z.number().openapi({ description: 'Seconds.' }),
    state: requestState,
    end_reason: z.enum(Object.keys(REQUEST_ENDS) as [RequestEnd, ...RequestEnd[]]).nullable(),
    created_at: time,
    granted_at: time.nullable(),
    expires_at: time.nullable(),
    ended_at: time.nullable(),
    nodes: z.array(node).readonly().openapi({ description: 'Those granted to it, as far as they are still there.' }),
    waiting: waiting.optional().openapi({ description: 'Only while it waits, and the daemon can tell.' }),
  })
  .openapi('Request') satisfies z.ZodType<Omit<RequestView, 'waiting'> & { waiting?: WaitingView | undefined }>;

export const requestList = z.object({ requests: z.array(requestView).readonly() }).openapi('RequestList');

export const health = z.object({ status: z.literal('ok') }).openapi('Health');

export const errorBody = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_STATUS) as [HttpErrorCode, ...HttpErrorCode[]]),
      message: z.string().openapi({ description: 'One sentence for people.' }),
    }),
  })
  .openapi('Error') satisfies z.ZodType<ErrorBody>;
