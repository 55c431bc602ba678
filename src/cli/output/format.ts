import type { OutputFormat } from '../options.ts';

/** Prints `value` for machines, the same in `json` and `yaml`, or what `draw` makes of it for people. */
export async function renderResult(format: OutputFormat, value: unknown, draw: () => string): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  if (format === 'yaml') return (await import('yaml')).stringify(value, { lineWidth: 0 });
  return draw();
}
