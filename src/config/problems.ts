/** What is wrong, or suspicious, in a configuration file. */
import { NodepoolError } from '../lib/errors.ts';
import { replaceBreaks } from '../lib/one-line.ts';

export interface Problem {
  /** The file as it was named to us. */
  readonly file: string;
  /** From 1; null: the problem is with the file as a whole. */
  readonly line: number | null;
  readonly column: number | null;
  /** Keys from the root, as in `labels[0].image`; empty: no key in particular. */
  readonly path: string;
  /** What is wrong, and what to do about it. Never holds a secret. */
  readonly message: string;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Keys and list positions from the root. */
export type Path = readonly (string | number)[];

/** `FILE:LINE:COLUMN: KEY.PATH: what is wrong; what to do`, without the parts that are not known. */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const place = line === null ? file : `${file}:${line}:${column ?? 1}`;
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`;
}

export function formatPath(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${oneLine(part)}`))
    .join('');
}

/** A problem with the file as a whole. */
export function fileProblem(file: string, message: string): Problem {
  return { file, line: null, column: null, path: '', message };
}

/** All `problems` as one error, one per line. */
export function configError(problems: readonly Problem[]): NodepoolError {
  return new NodepoolError('config', problems.map(formatProblem).join('\n'));
}

/** In the order of their places, file by file. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  return problems.toSorted(
    (a, b) =>
      files.indexOf(a.file) - files.indexOf(b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

const MAX_SHOWN = 60;

/** A name or key from a file, fit for a sentence. */
export function oneLine(text: string): string {
  const plain = replaceBreaks(text, '?');
  return plain.length > MAX_SHOWN ? `${plain.slice(0, MAX_SHOWN)}...` : plain;
}

/** Where the character at `offset` of `text` stands. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

/** A file with more problems is the wrong file; placing each one costs a look through it. */
const MAX_PROBLEMS = 200;

/** The first of `problems`, which are found one by one; when there are more, the last one says so. */
export function firstProblems(problems: Iterable<Problem>): readonly Problem[] {
  const first: Problem[] = [];
  for (const problem of problems) {
    if (first.length === MAX_PROBLEMS) {
      first.push({
        ...problem,
        path: '',
        message: 'there are more problems from here on; correct the ones before first',
      });
      break;
    }
    first.push(problem);
  }
  return first;
}
