/** Makes the fields of a log line safe to print: no secrets, errors as plain data, bounded depth. */
import { describeError } from '../lib/errors.ts';
import type { LogFields } from '../lib/log.ts';

const HIDDEN = '[hidden]';
const DEPTH_LIMIT = 6;
const CAUSE_LIMIT = 5;

/** Compared with keys in lower case without `-` and `_`: `api-key`, `apikey` and `jenkinsApiKey` all end in it. */
const SECRET_KEY = /(password|passwd|passphrase|apikey|token|privatekey|dburi|secret|credentials)$/;

/** The password in `scheme://user:password@host`, as in a database URI that a driver quotes in its error. */
const PASSWORD_IN_URL = /(\/\/[^/\s:@]*:)[^/\s]*@/g;

/** `stacks`: print the stack of every error, not only of those that are mistakes of ours. */
export function safeFields(fields: LogFields, stacks: boolean): Record<string, unknown> {
  return safeObject(fields, { stacks, depth: 0 });
}

export function withoutPasswords(text: string): string {
  return text.includes('://') ? text.replaceAll(PASSWORD_IN_URL, `$1${HIDDEN}@`) : text;
}

interface Walk {
  readonly stacks: boolean;
  readonly depth: number;
}

function safeObject(source: object, walk: Walk): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(source)) {
    const isSecret = SECRET_KEY.test(key.toLowerCase().replaceAll(/[-_]/g, ''));
    safe[key] = isSecret && value !== null && value !== undefined ? HIDDEN : safeValue(value, walk);
  }
  return safe;
}

function safeValue(value: unknown, walk: Walk): unknown {
  if (typeof value === 'string') return withoutPasswords(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  return walk.depth < DEPTH_LIMIT ? safeInside(value, { ...walk, depth: walk.depth + 1 }) : '[...]';
}

function safeInside(value: object, walk: Walk): unknown {
  if (value instanceof Error) return safeError(value, walk.stacks);
  if (value instanceof Date) return value.toJSON();
  if (value instanceof Map) return safeObject(Object.fromEntries(value as Map<string, unknown>), walk);
  if (value instanceof Set) return safeInside([...(value as Set<unknown>)], walk);
  return Array.isArray(value) ? value.map((item) => safeValue(item, walk)) : safeObject(value, walk);
}

/**
 * An error's message and code with the messages of its causes. Errors that are expected carry a code, from our
 * catalogue or from the system; one without is a mistake in the program, whose stack is wanted at any level.
 */
function safeError(error: Error, stacks: boolean): Record<string, unknown> {
  const code: unknown = 'code' in error ? error.code : undefined;
  const causes = describeCauses(error);
  return {
    message: withoutPasswords(describeError(error)),
    ...(code === undefined ? {} : { code }),
    ...(causes === '' ? {} : { cause: withoutPasswords(causes) }),
    ...(stacks || code === undefined ? { stack: withoutPasswords(error.stack ?? '') } : {}),
  };
}

function describeCauses(error: Error): string {
  const messages: string[] = [];
  for (let cause = error.cause; cause !== undefined && messages.length < CAUSE_LIMIT;) {
    messages.push(describeError(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages.join('; ');
}
