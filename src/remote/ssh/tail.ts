const MAX_LINES = 20;
const MAX_LENGTH = 2048;

export interface Tail {
  add(line: string): void;
  /** The last lines that were not empty, at most 20 and 2 Ki characters, as the end of a sentence. */
  text(): string;
}

/** Keeps the end of a command's output for an error message. */
export function createTail(): Tail {
  const lines: string[] = [];
  return {
    add: (line) => {
      if (line.trim() === '') return;
      lines.push(line.slice(0, MAX_LENGTH));
      if (lines.length > MAX_LINES) lines.shift();
    },
    text: () => {
      const text = lines.join(' / ');
      if (text === '') return 'without output';
      return `last output: ${text.length > MAX_LENGTH ? `...${text.slice(3 - MAX_LENGTH)}` : text}`;
    },
  };
}
