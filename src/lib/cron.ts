/**
 * Cron specifications as `crontab(5)` has them: minute, hour, day of month, month, weekday, and as a sixth
 * field, which the original added, second. Names, lists, ranges and steps; Sunday is 0 and 7; when both day
 * fields are restricted, either is enough; local time. The scheduler behind it knows more than that (years,
 * `L`, `#`, nicknames): it is refused, so that a specification means the same to every cron.
 */
import { Cron } from 'croner';
import { NodepoolError } from './errors.ts';

const FIELDS = [
  { name: 'minute', values: '0 to 59' },
  { name: 'hour', values: '0 to 23' },
  { name: 'day of month', values: '1 to 31' },
  { name: 'month', values: '1 to 12 or jan to dec' },
  { name: 'weekday', values: '0 to 7 or sun to sat' },
  { name: 'second', values: '0 to 59' },
] as const;

/** Digits and signs, and three-letter names; the scheduler checks the rest. */
const FIELD_SYNTAX = /^(?:[\d*,/-]|[a-z]{3})+$/i;

/** One sentence on what is wrong with the specification and what to write instead; null when it is valid. */
export function checkCron(spec: string): string | null {
  const fields = splitFields(spec);
  if (fields.length !== 5 && fields.length !== 6) {
    const count = fields.length === 1 ? '1 field' : `${fields.length} fields`;
    return `The cron specification "${spec}" has ${count}: write minute, hour, day of month, month and weekday, and if need be second.`;
  }
  const wrong = fields.findIndex((field, index) => !isField(field, index));
  const field = FIELDS[wrong];
  if (field) {
    return `The ${field.name} field "${fields[wrong]}" of the cron specification "${spec}" is not valid: use ${field.values}, *, lists, ranges or steps.`;
  }
  if (build(fields).nextRun(new Date(0)) === null) {
    return `The cron specification "${spec}" never comes due: give a day that the month has.`;
  }
  return null;
}

/** The schedule of a valid specification; it never starts anything by itself. Error: `config`. */
export function parseCron(spec: string): Cron {
  const problem = checkCron(spec);
  if (problem !== null) throw new NodepoolError('config', problem);
  return build(splitFields(spec));
}

function splitFields(spec: string): string[] {
  return spec.split(/\s+/).filter((field) => field !== '');
}

function isField(field: string, index: number): boolean {
  if (!FIELD_SYNTAX.test(field)) return false;
  try {
    build(FIELDS.map((_, other) => (other === index ? field : '*')));
    return true;
  } catch {
    // The scheduler's own words name its field order, which is not the one that was written.
    return false;
  }
}

function build(fields: readonly string[]): Cron {
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*', second = '0'] = fields;
  // As in Vixie cron, a day field that begins with a star, as `*/2` does, counts as not restricted.
  const domAndDow = day.startsWith('*') || weekday.startsWith('*');
  // Also as there: entries for fixed hours are neither lost nor doubled when the clocks change.
  const fixedTimeRule = 'no-wildcard';
  return new Cron([second, minute, hour, day, month, weekday].join(' '), { domAndDow, fixedTimeRule });
}
