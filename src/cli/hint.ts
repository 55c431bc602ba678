import { nearName } from '../lib/near-name.ts';

const MAX_NAMES = 6;

/** What to add to a sentence about an unknown name: the one that was probably meant, or all if there are few. */
export function hintAt(name: string, known: readonly string[]): string {
  const near = nearName(name, known);
  if (near !== null) return ` (did you mean ${near}?)`;
  return known.length > 0 && known.length <= MAX_NAMES ? ` (there are: ${known.join(', ')})` : '';
}
