const MAX_LENGTH = 200;

/** What a server said, in quotation marks, for an error message: on one line, printable, not too long. */
export function quoteServer(text: string): string {
  const line = text.replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return `"${line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}...` : line}"`;
}
