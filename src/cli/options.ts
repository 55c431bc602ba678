/** Options and arguments that several commands have. */
import { InvalidArgumentError, Option } from 'commander';
import { HIGHEST_PRIORITY } from '../requests/wish.ts';

const OUTPUT_FORMATS = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Options of every command that prints a result. */
export interface OutputOptions {
  readonly output: OutputFormat;
}

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print the result').choices(OUTPUT_FORMATS).default('table');
}

/** How long the daemon gets to answer unless the operator says otherwise, in seconds. */
export const ANSWER_TIMEOUT_S = 10;

/** Options of the commands that only the daemon can answer. */
export interface TimeoutOptions {
  /** Seconds. */
  readonly timeout: number;
}

export function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'how long to wait for the answer of the daemon')
    .default(ANSWER_TIMEOUT_S)
    .argParser(parseSeconds);
}

function parseSeconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It is a whole number of seconds.');
  return Number(text);
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Times further away are slips, and most programs cannot print them. */
const LONGEST_MS = 36_500 * UNITS_MS.d;

/** Parses a time span into milliseconds: `90` and `90s` are seconds, `15m` minutes, `4h` hours, `2d` days. */
export function parseDuration(text: string): number {
  const [, digits, unit = 's'] = /^(\d{1,10})([smhd])?$/.exec(text) ?? [];
  const ms = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new InvalidArgumentError('It is a time span such as 90 (seconds), 90s, 15m, 4h or 2d, and of 36500d at most.');
}

/** Options of the commands that start what takes a while. */
export interface WaitOptions {
  readonly wait?: true;
}

/** Parses a number of lines or nodes, which may be none, or a version. */
export function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

/** Parses how many nodes somebody wants. */
export function parsePositive(text: string): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError('It is a whole number, and at least 1.');
  return Number(text);
}

/** Parses the priority of a request. */
export function parsePriority(text: string): number {
  if (/^-?\d{1,9}$/.test(text) && Math.abs(Number(text)) <= HIGHEST_PRIORITY) return Number(text);
  throw new InvalidArgumentError(`It is a whole number between -${HIGHEST_PRIORITY} and ${HIGHEST_PRIORITY}.`);
}

/** Parses the id of a row. */
export function parseId(text: string): number {
  // Fifteen digits are still exact in a number.
  if (!/^\d{1,15}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('An id is a positive integer.');
  return Number(text);
}

/** Parses one more id of several. Ids that come twice count once. */
export function collectId(text: string, ids: readonly number[] | undefined): readonly number[] {
  return [...new Set([...(ids ?? []), parseId(text)])];
}
