/** What short columns hold: names, and comments of nodes. */
export const LONGEST_NAME = 255;
/** What is enough for a reason in a column that has no such limit. */
export const LONGEST_REASON = 1000;

/** What begins another line, or moves the cursor of a terminal. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/** On one line of the same length. */
export function replaceBreaks(text: string, by: '?' | ' '): string {
  return text.replaceAll(BREAKS, by);
}

/**
 * Ends a sentence on what is wrong with a text that somebody gives to be kept; null: nothing. Such a text is kept as it
 * is or refused: one that is cut or changed would mean something else.
 */
export function oneLineFault(text: string, longest: number): string | null {
  if (text.length === 0 || text.length > longest) return `must have 1 to ${longest} characters`;
  return text.search(BREAKS) !== -1 ? 'must be one line without control characters' : null;
}
