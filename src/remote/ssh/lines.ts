import { StringDecoder } from 'node:string_decoder';

/** More of one line than anybody reads: a command may print without end. */
const MAX_LINE = 16 * 1024;

export interface LineReader {
  feed(chunk: Buffer): void;
  /** Reports the last line if it has no end. */
  end(): void;
}

/**
 * Takes UTF-8 output apart into lines, without their ends. As on a terminal, what follows a carriage return takes the
 * place of what stood before it, so that of a progress bar its last state remains. Of a line longer than 16 Ki
 * characters the beginning is reported.
 */
export function createLineReader(onLine: (line: string) => void): LineReader {
  const decoder = new StringDecoder('utf8');
  let line = '';

  const append = (text: string): void => {
    line = lastState(line + text).slice(0, MAX_LINE);
  };
  const report = (): void => {
    onLine(withoutReturns(line));
    line = '';
  };
  const take = (text: string): void => {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      append(text.slice(start, end));
      report();
      start = end + 1;
    }
    append(text.slice(start));
  };

  return {
    feed: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (line !== '') report();
    },
  };
}

/** What follows the last carriage return before the end; those at the end may belong to a line end. */
function lastState(text: string): string {
  const end = withoutReturns(text).length;
  return end === 0 ? text : text.slice(text.lastIndexOf('\r', end - 1) + 1);
}

function withoutReturns(text: string): string {
  let end = text.length;
  while (text[end - 1] === '\r') end -= 1;
  return text.slice(0, end);
}
