/**
 * Looks through a YAML document for what the parser lets pass: doubled keys, keys that are not texts, aliases
 * without anchor or into themselves, and aliases that multiply a small file into a huge one.
 */
import { isAlias, isMap, isScalar, isSeq, type Alias, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import type { Path } from './problems.ts';

/** With all aliases written out. */
const MAX_ENTRIES = 250_000;
/** The parser looks for the anchor of each among all of them. */
const MAX_ALIASES = 5000;
const TOO_MANY = 'aliases make the file larger than any pool needs; write the entries out or remove them';

export interface InspectionProblem {
  readonly node: Node | null;
  readonly path: Path;
  readonly message: string;
}

/** An anchor's number of entries; null while its own collection is being looked through. */
type Anchors = Map<string, { entries: number | null; node: Node }>;

interface Inspection {
  readonly anchors: Anchors;
  readonly problems: InspectionProblem[];
  aliases: number;
}

export function inspectYaml(contents: Node): readonly InspectionProblem[] {
  const inspection: Inspection = { anchors: new Map(), problems: [], aliases: 0 };
  const entries = inspectNode(contents, [], inspection);
  const { problems } = inspection;
  const isTooLarge = entries > MAX_ENTRIES || inspection.aliases > MAX_ALIASES;
  if (problems.length === 0 && isTooLarge) problems.push({ node: contents, path: [], message: TOO_MANY });
  return problems;
}

/** Returns the number of entries of `node` with its aliases written out. */
function inspectNode(node: Node | null, path: Path, inspection: Inspection): number {
  if (node === null) return 1;
  if (isAlias(node)) return inspectAlias(node, path, inspection);
  const anchor = node.anchor === undefined ? null : { entries: null as number | null, node };
  if (node.anchor !== undefined && anchor) inspection.anchors.set(node.anchor, anchor);
  let entries = 1;
  if (isMap<Node, Node | null>(node)) entries += inspectMap(node, path, inspection);
  if (isSeq<Node>(node)) {
    node.items.forEach((item, index) => {
      entries += inspectNode(item, [...path, index], inspection);
    });
  }
  if (anchor) anchor.entries = entries;
  return entries;
}

function inspectAlias(alias: Alias, path: Path, inspection: Inspection): number {
  const { anchors, problems } = inspection;
  inspection.aliases += 1;
  const anchor = anchors.get(alias.source);
  if (anchor && anchor.entries !== null) return anchor.entries;
  const message = anchor
    ? `the alias *${alias.source} refers to the map or list it stands in; remove it`
    : `the alias *${alias.source} has no anchor &${alias.source} before it; add one or put the text in quotes`;
  problems.push({ node: alias, path, message });
  return 1;
}

function inspectMap(map: YAMLMap<Node, Node | null>, path: Path, inspection: Inspection): number {
  const seen = new Set<string>();
  let entries = 0;
  for (const pair of map.items) {
    const key = keyText(pair.key);
    if (key === null) {
      inspection.problems.push({ node: pair.key, path, message: 'a key is a map or list; only texts can be keys' });
    } else if (isMergePair(pair)) {
      inspectMerge(pair.value, [...path, key], inspection);
    } else if (seen.has(key)) {
      inspection.problems.push({ node: pair.key, path: [...path, key], message: 'is given twice; remove one' });
    }
    seen.add(key ?? '');
    entries += 1 + inspectNode(pair.value, [...path, key ?? '?'], inspection);
  }
  return entries;
}

/** What a merge key (<<) takes in must be maps. */
function inspectMerge(value: Node | null, path: Path, { anchors, problems }: Inspection): void {
  const target = (node: Node | null): Node | null => (isAlias(node) ? (anchors.get(node.source)?.node ?? node) : node);
  const source = target(value);
  const parts = isSeq<Node>(source) ? source.items.map(target) : [source];
  // An alias that is still one here has no anchor, which is reported where it stands.
  if (parts.every((part) => isMap(part) || isAlias(part))) return;
  problems.push({ node: value, path, message: 'merges something that is not a map; give it the alias of a map' });
}

/** The text of a scalar key; null for any other key. */
export function keyText(key: unknown): string | null {
  if (!isScalar(key)) return key === null ? '' : null;
  const { value } = key as Scalar<string | number | boolean | symbol | null>;
  // The merge key is a symbol.
  return typeof value === 'symbol' ? '<<' : String(value ?? '');
}

export function isMergePair({ key }: Pair): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}
