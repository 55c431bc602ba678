/**
 * Errors of OpenStack's services as errors of the catalogue. The status and the error type decide. Only where OpenStack
 * says nothing else, between a quota and other refusals, does the text.
 */
import { STATUS_CODES } from 'node:http';
import { NodepoolError, type ErrorCode } from '../../../lib/errors.ts';
import { readRetryAfterMs } from '../../../lib/retry-after.ts';
import type { ServiceName } from '../access.ts';
import { isRecord } from '../../../lib/json.ts';
import type { Answer, Outcome } from './exchange.ts';
import { readFault, type Fault } from './fault-text.ts';

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'auth',
  404: 'not-found',
  // The other side, or a proxy before it, gave up waiting for the request.
  408: 'unavailable',
  409: 'conflict',
  413: 'throttled',
  429: 'throttled',
  // It does not know how; as with any refusal, nothing was done.
  501: 'rejected',
};

/** Error types of Neutron that mean: no more of these for this project, or at all. */
const QUOTA_TYPES: readonly string[] = ['OverQuota', 'IpAddressGenerationFailure', 'ExternalIpAddressExhausted'];
const QUOTA_STATUSES: readonly number[] = [403, 409, 413];
/** As Nova (with its own limits or with Keystone's), Neutron of old, Glance and Cinder put it. */
const QUOTA_TEXT = /quota.*exceed|exceed.*quota|maximum number of .* exceeded|over (?:a|the) limit\b/i;

/** What a request was, for the message of its error. */
export interface FaultContext {
  /** `POST /servers at the compute service (https://cloud.example.org:8774)`. */
  readonly what: string;
  /** Absent: identity, at a login. */
  readonly service?: ServiceName;
  /** None of these may appear in a message. */
  readonly secrets: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The error for any outcome but a success. */
export function toFault(outcome: Outcome, { what, service, secrets, now }: FaultContext): NodepoolError {
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
  return new NodepoolError(codeOf(outcome, fault, service), `${what} failed with ${status}: ${text} ${request}`, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

function codeOf(answer: Answer, fault: Fault, service: ServiceName | undefined): ErrorCode {
  const { status } = answer;
  if (isQuota(status, fault)) return 'quota';
  // Glance limits sizes, numbers and its disk with it, and nobody's rate.
  if (status === 413 && service === 'image') return 'quota';
  if (status === 404 && !isFromService(answer)) return 'rejected';
  return CODES[status] ?? (status >= 400 && status < 500 ? 'rejected' : 'unavailable');
}

function isQuota(status: number, { type, text }: Fault): boolean {
  return type === null ? QUOTA_STATUSES.includes(status) && QUOTA_TEXT.test(text) : QUOTA_TYPES.includes(type);
}

/**
 * A proxy that has lost its service says 404 as well, of everything there is: taken for the service's word, it would mean
 * that all that is asked for is gone. Services answer in JSON, or at least under a request id.
 */
function isFromService({ body, headers }: Answer): boolean {
  return isRecord(body) || 'x-openstack-request-id' in headers || 'x-compute-request-id' in headers;
}

function redirection(headers: Readonly<Record<string, string>>): string {
  return headers.location === undefined ? '' : 'it sends us to another address';
}
