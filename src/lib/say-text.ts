const LONGEST = 200;

/** Text from other machines for our sentences: on one line, without control characters, cut off where nobody reads on. */
export function sayText(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}
