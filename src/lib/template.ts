/**
 * Host name templates in the notation of the classic configuration: `{label.name}-{provider.name}-{node_id}`.
 * A doubled brace stands for itself.
 */
import { NodepoolError } from './errors.ts';

export type TemplateValues = Readonly<Record<string, string | number>>;

/** A text between fields, or a field. */
type Part = { readonly text: string } | { readonly field: string };

/** Fills in `template`. Throws `config` for a field that `values` does not have and for a stray brace. */
export function formatTemplate(template: string, values: TemplateValues): string {
  return parts(template)
    .map((part) => {
      if ('text' in part) return part.text;
      if (!Object.hasOwn(values, part.field)) throw unknownField(template, part.field, Object.keys(values));
      return String(values[part.field]);
    })
    .join('');
}

/** The fields that `template` uses, each once. Throws `config` for a stray brace. */
export function templateFields(template: string): readonly string[] {
  return [...new Set(parts(template).flatMap((part) => ('field' in part ? [part.field] : [])))];
}

function parts(template: string): readonly Part[] {
  return (template.match(/\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]/g) ?? []).map((piece) => {
    if (piece === '{{' || piece === '}}') return { text: piece.slice(1) };
    if (piece === '{' || piece === '}') {
      throw new NodepoolError(
        'config',
        `the template "${template}" has a single "${piece}"; write "${piece}${piece}" for a brace`,
      );
    }
    return piece.startsWith('{') ? { field: piece.slice(1, -1) } : { text: piece };
  });
}

function unknownField(template: string, field: string, known: readonly string[]): NodepoolError {
  return new NodepoolError(
    'config',
    `the template "${template}" has the unknown field {${field}}; known are ${known.join(', ')}`,
  );
}
