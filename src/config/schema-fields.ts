/** The building blocks of the schema: what names, times and the like must look like. */
import * as z from 'zod';
import { checkCron } from '../lib/cron.ts';
import { describeError } from '../lib/errors.ts';
import { nearName } from '../lib/near-name.ts';
import { LONGEST_NAME, oneLineFault } from '../lib/one-line.ts';
import { templateFields } from '../lib/template.ts';
import { checkHost } from './addresses.ts';

/** Keys that are still accepted, with what to do instead. */
export const obsoleteKeys = z.registry<{ readonly advice: string }>();

/** A key that no longer has any effect. */
export function unused(advice: string): z.ZodType<unknown> {
  return obsolete(z.unknown().optional(), `has no effect; ${advice}`);
}

/** Marks `schema` as obsolete though accepted. The advice ends a sentence that begins with the key. */
export function obsolete<T extends z.ZodType>(schema: T, advice: string): T {
  const marked = schema.meta({ deprecated: true, description: `Obsolete: ${advice}.` });
  obsoleteKeys.add(marked, { advice });
  return marked;
}

/** `check` returns what is wrong with a value, or with what is at `path` in it, and what to do; or null. */
export function checked<T extends z.ZodType>(
  schema: T,
  check: (value: z.output<T>) => string | null,
  path: readonly string[] = [],
): T {
  return schema.check(({ value, issues }) => {
    if (issues.length > 0) return;
    const message = check(value);
    if (message !== null) issues.push({ code: 'custom', input: value, path: [...path], message });
  });
}

export const text = z.string().min(1);

export const host = checked(text, checkHost);

/** Nothing that is looked into is longer. */
const shortText = text.max(LONGEST_NAME);

export const name = checked(shortText, (value) => oneLineFault(value, LONGEST_NAME));

/** Timers count milliseconds in 31 bits; this is the largest round number of seconds below. */
const MAX_SECONDS = 2_000_000;

/** A time limit in seconds, down to a millisecond. */
export const timeLimit = z.number().min(0.001).max(MAX_SECONDS);

/** How long a lease lasts, in seconds; a request for less than the least is refused as well. */
export const leaseTime = z.number().min(1).max(MAX_SECONDS);

/** An age in seconds. It is compared with the time, no timer runs for it: up to a hundred years. */
export const age = z
  .number()
  .min(0.001)
  .max(36_500 * 86_400);

/** A delay in seconds, fractions allowed; 0 is none. */
export const delay = z.number().min(0).max(MAX_SECONDS);

export const share = z.number().min(0).max(1);

export const count = z.int().min(0);

export const cron = checked(shortText, (value) => {
  const problem = checkCron(value);
  return problem === null ? null : problem.charAt(0).toLowerCase() + problem.slice(1).replace(/\.$/, '');
});

/** A host name template that may use `fields`. */
export function template(...fields: readonly string[]): z.ZodString {
  return checked(shortText, (value) => {
    try {
      const unknown = templateFields(value).find((field) => !fields.includes(field));
      return unknown === undefined ? null : describeUnknownField(unknown, fields);
    } catch (error) {
      return describeError(error);
    }
  });
}

function describeUnknownField(field: string, fields: readonly string[]): string {
  const near = nearName(field, fields);
  const known = fields.map((other) => `{${other}}`).join(', ');
  return `has the unknown field {${field}}; ${near === null ? `use ${known}` : `did you mean {${near}}?`}`;
}

/** A text that YAML may take for a number or a truth value; taken as it is written. */
const looseText = z.union([z.string(), z.number(), z.boolean()]);
export const looseMap = z.record(z.string(), looseText);
