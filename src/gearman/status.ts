/**
 * The answer to the administrative command `status` (https://gearman.org/protocol): a line for each function that the
 * server knows, with its name, its jobs, how many of these are being worked on, and its workers, separated by tabs; then
 * a line with a full stop.
 */
import { sayText } from '../lib/say-text.ts';

export interface FunctionStatus {
  readonly name: string;
  /** Jobs that wait or are being worked on; null: the server gave no whole number. */
  readonly jobs: number | null;
  /** Somebody is there who can do its jobs. */
  readonly hasWorkers: boolean;
}

/** Far above any site: the largest had some thousands. */
const MAX_FUNCTIONS = 50_000;
const INTEGER = /^[+-]?\d+$/;
/** A code and a sentence, as servers answer a command that they do not know or allow. No line of the table lacks tabs. */
const REFUSAL = /^ERR [^\t]*$/;

/** Collects the lines of one answer. */
export class StatusAnswer {
  readonly #functions: FunctionStatus[] = [];

  /** Takes the next line: the whole table with the last one, or what is wrong, as the end of a sentence. */
  take(line: string): { readonly table: readonly FunctionStatus[] } | { readonly problem: string } | null {
    const text = line.trim();
    if (text === '.') return { table: this.#functions };
    if (REFUSAL.test(text)) return { problem: `refuses to tell its status: ${sayText(text)}` };
    if (this.#functions.length === MAX_FUNCTIONS) return { problem: `lists more than ${MAX_FUNCTIONS} functions` };
    this.#functions.push(readLine(text));
    return null;
  }
}

function readLine(line: string): FunctionStatus {
  const [name = '', total = '', , workers = ''] = line.split('\t', 4).map((field) => field.trim());
  const jobs = Number(total);
  const isCounted = INTEGER.test(total) && Number.isSafeInteger(jobs);
  return { name, jobs: isCounted ? jobs : null, hasWorkers: INTEGER.test(workers) && Number(workers) > 0 };
}
