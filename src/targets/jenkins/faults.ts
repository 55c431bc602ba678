/** Answers of Jenkins, and of proxies before it, as errors of the catalogue. The status decides, never the text. */
import { STATUS_CODES } from 'node:http';
import { NodepoolError, type ErrorCode } from '../../lib/errors.ts';
import { readRetryAfterMs } from '../../lib/retry-after.ts';
import { sayText } from '../../lib/say-text.ts';
import type { Answer } from './exchange.ts';

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'auth',
  // Also what Jenkins says to a user who lacks a permission.
  403: 'auth',
  404: 'not-found',
  // The other side, or a proxy before it, gave up waiting for the request.
  408: 'unavailable',
  429: 'throttled',
};

export interface FaultContext {
  /** `POST computer/doCreateItem at Jenkins https://jenkins.example.org/` */
  readonly what: string;
  /** None of these may appear in a message. */
  readonly secrets: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The error for any answer but the one that was hoped for. */
export function toFault(answer: Answer, { what, secrets, now }: FaultContext): NodepoolError {
  const retryAfterMs = readRetryAfterMs(answer.headers, now);
  const reason = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), reasonOf(answer));
  return new NodepoolError(
    codeOf(answer.status, retryAfterMs),
    `${what} failed with ${answer.status}: ${sayText(reason)}`,
    { ...(retryAfterMs !== undefined && { retryAfterMs }) },
  );
}

/** What success looks like differs: of a status that says neither error nor throttling, nothing can be concluded. */
function codeOf(status: number, retryAfterMs: number | undefined): ErrorCode {
  // Without a time it is a Jenkins that starts, or a proxy that has lost it.
  if (status === 503 && retryAfterMs !== undefined) return 'throttled';
  return CODES[status] ?? (status >= 400 && status < 500 ? 'rejected' : 'unavailable');
}

/**
 * The few words that matter, of a page that is mostly menus. Jenkins puts its refusals into `X-Error` and the permission
 * that a user lacks into `X-Required-Permission`; anything else is at best in the title.
 */
function reasonOf({ status, headers, text }: Answer): string {
  if (headers['x-error']) return headers['x-error'];
  const permission = headers['x-required-permission'];
  if (permission) return `the user has no permission ${permission}`;
  if (headers.location) return `it sends us to ${pathOf(headers.location)}`;
  const title = /<title>([^<]*)/i.exec(text)?.[1] ?? '';
  return title.trim() || STATUS_CODES[status] || 'no reason given';
}

/** Without user info and query, which may be secret. */
function pathOf(location: string): string {
  if (!URL.canParse(location, 'http://same')) return 'another address';
  const { origin, pathname } = new URL(location, 'http://same');
  return origin === 'http://same' ? pathname : `${origin}${pathname}`;
}
