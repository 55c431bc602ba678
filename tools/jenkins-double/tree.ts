/** The parameter `tree` of the remote access API: `computer[displayName,idle],busyExecutors`. */

interface Tree {
  readonly [name: string]: Tree;
}

/** What `tree` asks for of `value`; null: `tree` is malformed. Names that there are not are passed over, as Jenkins does. */
export function prune(value: unknown, tree: string | null): unknown {
  if (tree === null) return value;
  const tokens = tree.match(/[\w]+|[[\],]|./g) ?? [];
  const wanted = readTree(tokens);
  return wanted && tokens.length === 0 ? pick(value, wanted) : null;
}

function readTree(tokens: string[]): Tree | null {
  const tree: Record<string, Tree> = {};
  do {
    const name = tokens.shift();
    if (name === undefined || !/^\w+$/.test(name)) return null;
    const hasOwn = tokens[0] === '[';
    if (hasOwn) tokens.shift();
    const own = hasOwn ? readTree(tokens) : {};
    if (!own || (hasOwn && tokens.shift() !== ']')) return null;
    tree[name] = own;
  } while (tokens[0] === ',' && tokens.shift());
  return tree;
}

function pick(value: unknown, tree: Tree): unknown {
  if (Array.isArray(value)) return value.map((entry) => pick(entry, tree));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name === '_class' || name in tree);
  return Object.fromEntries(entries.map(([name, entry]) => [name, pick(entry, tree[name] ?? {})]));
}
