import type { LogLine } from '../../src/lib/log.ts';

/** A line of the log with all of its fields, of errors the stack: what a secret could show in. */
export function logText({ message, fields }: LogLine): string {
  return `${message} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))}`;
}
