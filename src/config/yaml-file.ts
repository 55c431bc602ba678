/** A YAML file as plain values that remember where they stand. */
import { isAlias, isMap, isNode, isScalar, isSeq, type Document, type Node } from 'yaml';
import {
  fileProblem,
  firstProblems,
  formatPath,
  positionAt,
  type Path,
  type Position,
  type Problem,
} from './problems.ts';
import { readTextFile } from './text-file.ts';
import { inspectYaml, isMergePair, keyText, type InspectionProblem } from './yaml-inspect.ts';
import { parseYaml } from './yaml-parse.ts';

export interface YamlFile {
  readonly path: string;
  /** The root map as plain values. */
  readonly value: Readonly<Record<string, unknown>>;
  /** A problem with the value at `path`, or with its key; placed at the nearest parent that exists. */
  problem(path: Path, message: string, part?: 'value' | 'key'): Problem;
  /** The scalar at `path` as it is written: `0644` and `yes` are texts where a text is wanted. */
  textAt(path: Path): string | null;
  lineOf(path: Path): number;
}

export type YamlReading = { readonly file: YamlFile } | { readonly problems: readonly Problem[] };

export function readYamlFile(path: string): YamlReading {
  const source = readTextFile(path);
  return 'text' in source ? parseYamlFile(path, source.text) : { problems: [fileProblem(path, source.refusal)] };
}

/** `path` is what problems name. */
export function parseYamlFile(path: string, text: string): YamlReading {
  const parsed = parseYaml(text);
  const problemAt = (offset: number, keys: Path, message: string): Problem => ({
    file: path,
    ...positionAt(text, offset),
    path: formatPath(keys),
    message,
  });
  if ('problems' in parsed) {
    return { problems: parsed.problems.map(({ offset, message }) => problemAt(offset, [], message)) };
  }
  const { contents } = parsed.document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    return { problems: [fileProblem(path, 'is empty; write at least providers, labels and targets')] };
  }
  const problems = firstProblems(placed(inspectYaml(contents), problemAt));
  if (problems.length > 0) return { problems };
  if (!isMap(contents)) {
    return {
      problems: [problemAt(offsetOf(contents), [], 'the file is not a map of keys to values; write one key per line')],
    };
  }
  return { file: createYamlFile(path, text, parsed.document) };
}

function* placed(
  findings: readonly InspectionProblem[],
  problemAt: (offset: number, keys: Path, message: string) => Problem,
): Generator<Problem, void> {
  for (const { node, path, message } of findings) yield problemAt(offsetOf(node), path, message);
}

function createYamlFile(path: string, text: string, document: Document): YamlFile {
  const root = document.contents as Node;
  const position = (keys: Path, part: 'value' | 'key'): Position =>
    positionAt(text, offsetOf(find(document, keys, part)));
  return {
    path,
    // Aliases were counted before.
    value: document.toJS({ maxAliasCount: -1 }) as Record<string, unknown>,
    problem: (keys, message, part = 'value') => ({
      file: path,
      ...position(keys, part),
      path: formatPath(keys),
      message,
    }),
    textAt: (keys) => {
      const node = step(document, root, keys)?.node ?? null;
      return isScalar(node) ? (node.source ?? String(node.value)) : null;
    },
    lineOf: (keys) => position(keys, 'value').line,
  };
}

interface Found {
  readonly key: Node | null;
  readonly node: Node | null;
}

/** The node of the value or key at `keys`, or of the nearest parent that exists. */
function find(document: Document, keys: Path, part: 'value' | 'key'): Node | null {
  const root = document.contents as Node;
  for (let length = keys.length; length > 0; length -= 1) {
    const found = step(document, root, keys.slice(0, length));
    if (found) return (part === 'key' || !hasText(found.node) ? found.key : found.node) ?? found.node;
  }
  return root;
}

/** A key without value has a node of no length behind it. */
function hasText(node: Node | null): boolean {
  return node?.range !== undefined && node.range !== null && node.range[0] < node.range[1];
}

function step(document: Document, root: Node, keys: Path): Found | null {
  let found: Found = { key: null, node: root };
  for (const key of keys) {
    const next = child(document, found.node, key);
    if (!next) return null;
    found = next;
  }
  return found;
}

function child(document: Document, parent: Node | null, key: string | number): Found | null {
  const node = isAlias(parent) ? (parent.resolve(document) ?? null) : parent;
  if (isSeq<Node>(node)) {
    const item = node.items[Number(key)];
    return item === undefined ? null : { key: null, node: item };
  }
  if (!isMap<Node, Node | null>(node)) return null;
  const own = node.items.find((pair) => !isMergePair(pair) && keyText(pair.key) === String(key));
  if (own) return { key: own.key, node: own.value };
  for (const pair of node.items.filter(isMergePair)) {
    const merged = mergedChild(document, pair.value, key);
    if (merged) return merged;
  }
  return null;
}

/** The same in what a merge key takes in: a map, or a list of maps of which the first with the key counts. */
function mergedChild(document: Document, value: unknown, key: string | number): Found | null {
  const source = isAlias(value) ? value.resolve(document) : value;
  const parts: readonly unknown[] = isSeq(source) ? source.items : [source];
  for (const part of parts) {
    const found = isNode(part) ? child(document, part, key) : null;
    if (found) return found;
  }
  return null;
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
