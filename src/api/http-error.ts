/** What is answered when a request cannot be served: always `{ "error": { "code", "message" } }`. */
import { HTTPException } from 'hono/http-exception';
import { isNodepoolError, type ErrorCode, type NodepoolError } from '../lib/errors.ts';

/** Every code of an answer with its status. */
export const ERROR_STATUS = {
  malformed: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  conflict: 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  'expectation-failed': 417,
  refused: 422,
  'too-many-requests': 429,
  'headers-too-large': 431,
  internal: 500,
  unavailable: 503,
} as const;
export type HttpErrorCode = keyof typeof ERROR_STATUS;

export interface ErrorBody {
  readonly error: { readonly code: HttpErrorCode; readonly message: string };
}

export class HttpError extends Error {
  readonly code: HttpErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: HttpErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'HttpError';
    this.code = code;
    this.headers = headers;
  }
}

/** A header that tells the client when to come back. */
export function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { 'Retry-After': String(Math.max(1, Math.ceil(ms / 1000))) };
}

export function bodyOf({ code, message }: HttpError): ErrorBody {
  return { error: { code, message } };
}

/** Errors of the program that are answers. Any other is not the client's business. */
const ANSWERS: Partial<Record<ErrorCode, HttpErrorCode>> = {
  usage: 'refused',
  refused: 'refused',
  'not-found': 'not-found',
  conflict: 'conflict',
};

const DATABASE_RETRY_MS = 2000;

/** What anything thrown is to the client; `internal` hides what it was. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof HTTPException) return fromFramework(error);
  return isNodepoolError(error) ? fromProgram(error) : neutral();
}

function fromProgram({ code, message }: NodepoolError): HttpError {
  const answer = ANSWERS[code];
  if (answer !== undefined) return new HttpError(answer, message);
  if (code !== 'database-unavailable') return neutral();
  return new HttpError('unavailable', 'the database does not answer; try again', retryAfter(DATABASE_RETRY_MS));
}

/** What Hono's validators throw before a schema is looked at. */
function fromFramework({ status }: HTTPException): HttpError {
  if (status === ERROR_STATUS['unsupported-media-type']) {
    return new HttpError('unsupported-media-type', 'the body must be application/json');
  }
  return status === ERROR_STATUS.malformed ? new HttpError('malformed', 'the body is not valid JSON') : neutral();
}

function neutral(): HttpError {
  return new HttpError('internal', 'something went wrong on our side; the log of the daemon says what');
}
