import type { TextStream } from './context.ts';

/** Tells people what a command waits for: on a terminal one line rewritten in place, else a line per change. */
export interface Progress {
  /** `elapsedMs` is shown on terminals only, so that other output does not grow while nothing changes. */
  show(text: string, elapsedMs: number): void;
  /** Takes the line off the terminal. */
  end(): void;
}

const CLEAR_LINE = '\r\u001b[K';

export function createProgress(stream: TextStream): Progress {
  let shown = '';
  return {
    show(text, elapsedMs) {
      const line = stream.isTerminal ? `${text} (${Math.floor(elapsedMs / 1000)} s)` : text;
      if (line === shown) return;
      stream.write(stream.isTerminal ? `${CLEAR_LINE}${line}` : `${line}\n`);
      shown = line;
    },
    end() {
      if (stream.isTerminal && shown !== '') stream.write(CLEAR_LINE);
      shown = '';
    },
  };
}
