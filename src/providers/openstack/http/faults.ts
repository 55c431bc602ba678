/**
 * Errors of OpenStack's services as errors of the catalogue. The status and the error type decide. Only where OpenStack
 * says nothing else, between a quota and other refusals, does the text.
 */
import { STATUS_CODES } from 'node:http';
import { NodepoolError, type ErrorCode } from '../../../lib/errors.ts';
import type { Outcome } from './exchange.ts';
import { readFault } from './fault-text.ts';

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'auth',
  404: 'not-found',
  // The other side, or a proxy before it, gave up waiting for the request.
  408: 'unavailable',
  409: 'conflict',
  413: 'throttled',
  429: 'throttled',
};

/** Error types of Neutron that mean: no more of these for this project, or at all. */
const QUOTA_TYPES: readonly string[] = ['OverQuota', 'IpAddressGenerationFailure', 'ExternalIpAddressExhausted'];
const QUOTA_STATUSES: readonly number[] = [403, 409, 413];
/** As Nova (with its own limits or with Keystone's), Neutron of old, Glance and Cinder put it. */
const QUOTA_TEXT = /quota.*exceed|exceed.*quota|maximum number of .* exceeded|over a limit for/i;

const MAX_RETRY_AFTER_MS = 600_000;

/** What a request was, for the message of its error. */
export interface FaultContext {
  /** `POST /servers at the compute service (https://cloud.example.org:8774)`. */
  readonly what: string;
  /** None of these may appear in a message. */
  readonly secrets: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The error for any outcome but a success. */
export function toFault(outcome: Outcome, { what, secrets, now }: FaultContext): NodepoolError {
  const request = `(${outcome.requestId})`;
  if (outcome.kind === 'unanswered') {
    return new NodepoolError('unavailable', `${what} got no usable answer: ${outcome.problem} ${request}`);
  }
  if (outcome.kind === 'unusable') {
    return new NodepoolError('unavailable', `${what} got no usable answer: ${outcome.status}, not JSON ${request}`);
  }
  const { status, headers } = outcome;
  const fault = readFault(outcome, secrets);
  const text = fault.text || redirection(headers) || STATUS_CODES[status] || 'no reason given';
  const retryAfterMs = readRetryAfterMs(headers, now);
  return new NodepoolError(codeOf(status, fault), `${what} failed with ${status}: ${text} ${request}`, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

function codeOf(status: number, { type, text }: { readonly type: string | null; readonly text: string }): ErrorCode {
  if (type !== null && QUOTA_TYPES.includes(type)) return 'quota';
  if (type === null && QUOTA_STATUSES.includes(status) && QUOTA_TEXT.test(text)) return 'quota';
  return CODES[status] ?? (status >= 400 && status < 500 ? 'rejected' : 'unavailable');
}

function redirection(headers: Readonly<Record<string, string>>): string {
  return headers.location === undefined ? '' : 'it sends us to another address';
}

/**
 * `Retry-After` as milliseconds from now, at most ten minutes. It is a number of seconds or a date (RFC 9110, 10.2.3); a
 * date is taken by the clock of the one who wrote it, when he says what that shows.
 */
export function readRetryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  const theirNow = Date.parse(headers.date ?? '');
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - (Number.isNaN(theirNow) ? now : theirNow);
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
