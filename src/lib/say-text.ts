/**
 * Text from other machines for our sentences: on one line, without the control characters that an operator's terminal
 * would obey, cut off where nobody reads on.
 */
export function sayText(text: string, longest = 200): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}...` : line;
}
