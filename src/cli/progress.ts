import type { TextStream } from './context.ts';
import { toPlainLine } from './output/table.ts';
import type { Waiting } from './wait.ts';

/** Tells people what a command waits for: on a terminal one line rewritten in place, else a line per change. */
export interface Progress {
  /** `elapsedMs` is shown on terminals only, so that other output does not grow while nothing changes. */
  show(waiting: Waiting, elapsedMs: number): void;
  /** Takes the line off the terminal. */
  end(): void;
}

const CLEAR_LINE = '\r\u001b[K';

export function createProgress(stream: TextStream): Progress {
  let shown = '';
  return {
    show({ waitsFor, live = waitsFor }, elapsedMs) {
      const line = stream.isTerminal ? fit(live, `(${Math.floor(elapsedMs / 1000)} s)`, stream.columns) : waitsFor;
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

/** A line that is wider than the terminal could not be taken off again. */
function fit(text: string, suffix: string, columns = 80): string {
  const room = Math.max(0, columns - suffix.length - 2);
  const line = toPlainLine(text);
  return `${line.length > room ? `${line.slice(0, Math.max(0, room - 3))}...` : line} ${suffix}`;
}
