/** What short columns hold: names, and comments of nodes. */
export const LONGEST_NAME = 255;
/** What is enough for a reason in a column that has no such limit. */
export const LONGEST_REASON = 1000;

/**
 * Ends a sentence on what is wrong with a text that somebody gives to be kept; null: nothing. Such a text is kept as it
 * is or refused: one that is cut or changed would mean something else.
 */
export function oneLineFault(text: string, longest: number): string | null {
  if (text.length === 0 || text.length > longest) return `must have 1 to ${longest} characters`;
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) ? 'must be one line without control characters' : null;
}
