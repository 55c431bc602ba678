/** Holds a file against the schema and says what does not fit. */
import type * as z from 'zod';
import { nearName } from '../lib/near-name.ts';
import { firstProblems, formatPath, oneLine, type Path, type Problem } from './problems.ts';
import { rootSchema, type ConfigFile } from './schema.ts';
import { findObsoleteKeys, keysAt } from './schema-walk.ts';
import type { YamlFile } from './yaml-file.ts';

export interface ShapeCheck {
  /** null when there are problems. */
  readonly entries: ConfigFile | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export function checkShape(file: YamlFile): ShapeCheck {
  const value = withoutEmptyKeys(file.value);
  const result = rootSchema.safeParse(value, { reportInput: true });
  const problems = firstProblems(describeIssues(result.error?.issues ?? [], file));
  return { entries: result.data ?? null, problems, warnings: findObsolete(value, file) };
}

/** Under these keys every entry counts; anywhere else a key without a value is as good as none. */
const FREE_MAPS = new Set(['meta', 'env-vars']);

function withoutEmptyKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(entries.map(([key, entry]) => [key, FREE_MAPS.has(key) ? entry : withoutEmptyKeys(entry)]));
}

/** One warning per obsolete key, however often it occurs. */
function findObsolete(value: unknown, file: YamlFile): Problem[] {
  const found = new Map<string, { path: Path; advice: string; times: number }>();
  for (const { path, advice } of findObsoleteKeys(rootSchema, value)) {
    const kind = path.map((part) => (typeof part === 'number' ? '[]' : part)).join('.');
    const known = found.get(kind);
    if (known) known.times += 1;
    else found.set(kind, { path, advice, times: 1 });
  }
  return [...found.values()].map(({ path, advice, times }) =>
    file.problem(path, `is obsolete: it ${advice}${times > 1 ? ` (the first of ${times})` : ''}`, 'key'),
  );
}

function* describeIssues(issues: readonly z.core.$ZodIssue[], file: YamlFile): Generator<Problem, void> {
  for (const issue of issues) {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code !== 'unrecognized_keys') yield file.problem(path, describeValue(issue));
    else for (const key of issue.keys) yield file.problem([...path, key], describeUnknownKey(key, path), 'key');
  }
}

/** So many known keys fit into a sentence. */
const MAX_LISTED = 8;

function describeUnknownKey(key: string, parent: Path): string {
  const known = keysAt(rootSchema, parent);
  const near = nearName(key, known);
  if (near !== null) return `is not a known key; did you mean ${near}?`;
  const listed =
    known.length <= MAX_LISTED ? `known keys: ${known.join(', ')}` : 'nodepool config-schema lists them all';
  return `is not a known key ${parent.length === 0 ? 'at the top level' : `in ${formatPath(parent)}`}; remove it (${listed})`;
}

function describeValue(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'custom':
      return issue.message;
    case 'invalid_type':
      return describeType(issue.input, issue.expected);
    case 'invalid_union':
      return describeType(issue.input, 'string');
    case 'invalid_value':
      return describeChoice(issue.input, issue.values.map(String));
    case 'too_small':
      return describeSmall(issue);
    case 'too_big':
      return describeBig(issue);
    default:
      return `is not valid: ${oneLine(issue.message)}`;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys to values',
  record: 'a map of keys to values',
};

/** Never shows the value: it may be a password. */
function describeType(input: unknown, expected: string): string {
  const wanted = EXPECTED[expected] ?? expected;
  if (input === undefined) return `is missing; give it ${wanted}`;
  if (input === null) return `is empty; give it ${wanted}`;
  if (typeof input === 'number' && expected !== 'string') return describeNumber(input, wanted);
  return `is ${kindOf(input)} but must be ${wanted}; ${remedyFor(input, expected)}`;
}

function remedyFor(input: unknown, expected: string): string {
  if (expected === 'string') return typeof input === 'object' ? 'change it' : 'put it in quotes';
  const isNumeric = typeof input === 'string' && input !== '' && Number.isFinite(Number(input));
  return isNumeric && (expected === 'number' || expected === 'int') ? 'remove the quotes' : 'change it';
}

function describeNumber(input: number, wanted: string): string {
  if (!Number.isFinite(input)) return `is no finite number but must be ${wanted}; change it`;
  return `is ${input} but must be ${wanted}; change it`;
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'string') return 'a text';
  if (typeof input === 'number') return 'a number';
  if (typeof input === 'boolean') return 'a truth value (true, false, yes, no, on or off)';
  return 'a map';
}

function describeChoice(input: unknown, choices: readonly string[]): string {
  const near = typeof input === 'string' ? nearName(input, choices) : null;
  const what = typeof input === 'string' ? `is "${oneLine(input)}"` : `is ${kindOf(input)}`;
  return `${what} but must be one of ${choices.join(', ')}${near === null ? '; choose one' : `; did you mean ${near}?`}`;
}

function describeSmall(issue: z.core.$ZodIssueTooSmall): string {
  if (issue.origin === 'string') return 'is an empty text; write something or remove the key';
  const bound = issue.inclusive === false ? 'more than' : 'at least';
  return `is ${String(issue.input)} but must be ${bound} ${issue.minimum}; raise it`;
}

function describeBig(issue: z.core.$ZodIssueTooBig): string {
  if (issue.origin === 'string') return `is longer than ${issue.maximum} characters; shorten it`;
  return `is ${String(issue.input)} but must be at most ${issue.maximum}; lower it`;
}
