/** Values as Python prints them: the services quote what was sent to them in their refusals. */

/** What `repr()` makes of a parsed JSON value. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, entry]) => `${quote(key)}: ${pythonRepr(entry)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** What `str()` makes of it: a string stays as it is. */
export function pythonStr(value: unknown): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll(mark, mark === "'" ? "\\'" : mark);
  return mark + escaped + mark;
}
