const MAX_NAMES = 6;

/** What to add to a sentence about an unknown name: the one that was probably meant, or all if there are few. */
export function hintAt(name: string, known: readonly string[]): string {
  const near = nearName(name, known);
  if (near !== null) return ` (did you mean ${near}?)`;
  return known.length > 0 && known.length <= MAX_NAMES ? ` (there are: ${known.join(', ')})` : '';
}

/** The name that was probably meant by a misspelt one; null when nothing known is near. */
export function nearName(name: string, known: Iterable<string>): string | null {
  const wanted = normal(name);
  // Two slips are forgiven in any but very short names, more in long ones.
  let reach = Math.max(wanted.length < 4 ? 1 : 2, Math.floor(wanted.length / 3));
  let nearest: string | null = null;
  for (const candidate of known) {
    const distance = editDistance(wanted, normal(candidate));
    if (distance > reach) continue;
    nearest = candidate;
    if (distance === 0) break;
    reach = distance - 1;
  }
  return nearest;
}

/** Case and the choice between `_` and `-` are no slips. Nobody means a known name by a very long one. */
function normal(name: string): string {
  return name.slice(0, 100).toLowerCase().replaceAll('_', '-');
}

/** Edits between two texts: insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
        isSwap ? at(before, j - 2) + 1 : Infinity,
      );
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
