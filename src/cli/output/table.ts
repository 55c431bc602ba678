/** Text tables in the look of the original's: left aligned cells in an ASCII box. */

/** Draws rows of cells under a header. Line breaks inside cells become spaces, so that one row is one line. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((cells) => cells.map(toPlainLine));
  const widths = header.map((_, column) =>
    lines.reduce((widest, cells) => Math.max(widest, countCharacters(cells[column] ?? '')), 0),
  );
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`;
  const [head, ...body] = lines.map((cells) => drawLine(cells, widths));
  return rule + (head ?? '') + rule + body.join('') + rule;
}

function drawLine(cells: readonly string[], widths: readonly number[]): string {
  const padded = widths.map((width, column) => {
    const cell = cells[column] ?? '';
    return ` ${cell}${' '.repeat(width - countCharacters(cell))} `;
  });
  return `|${padded.join('|')}|\n`;
}

/** Most cells: they need neither of the slow ways below, which a table of a thousand rows would feel. */
const PLAIN = /^[\x20-\x7e]*$/;

// Control characters could rewrite the terminal: names and comments come from other people.
const CONTROL = /\p{Cc}+/gu;

/** `text` on one line, without what a terminal would obey. */
export function toPlainLine(text: string): string {
  return PLAIN.test(text) ? text : text.replaceAll(CONTROL, ' ');
}

/** Characters, not UTF-16 units; wide East Asian characters are not counted double. */
function countCharacters(text: string): number {
  return PLAIN.test(text) ? text.length : [...text].length;
}
