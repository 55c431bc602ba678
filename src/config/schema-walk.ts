/** Questions about the schema: which keys belong where, and which of them are obsolete. */
import * as z from 'zod';
import type { Path } from './problems.ts';
import { obsoleteKeys } from './schema-fields.ts';

/** The keys that the map at `path` may have; empty when there is no map with fixed keys. */
export function keysAt(root: z.ZodType, path: Path): readonly string[] {
  let schema: unknown = root;
  for (const part of path) schema = inside(schema, part);
  const map = bare(schema);
  return map instanceof z.ZodObject ? Object.keys(map.shape).filter((key) => !isUnused(map, key)) : [];
}

function isUnused(map: z.ZodObject, key: string): boolean {
  const field: unknown = map.shape[key];
  return field instanceof z.ZodOptional && field.unwrap() instanceof z.ZodUnknown;
}

export interface ObsoleteKey {
  readonly path: Path;
  readonly advice: string;
}

/** Every obsolete key in `value`, in the order of the file. */
export function* findObsoleteKeys(schema: unknown, value: unknown, path: Path = []): Generator<ObsoleteKey, void> {
  const known = schema instanceof z.ZodType ? obsoleteKeys.get(schema) : undefined;
  if (known) yield { path, advice: known.advice };
  if (known || typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  for (const [key, child] of Object.entries(value)) {
    const part = isList ? Number(key) : key;
    const field = inside(schema, part);
    if (field !== undefined) yield* findObsoleteKeys(field, child, [...path, part]);
  }
}

/** The schema of an entry of a map or list. */
function inside(schema: unknown, part: string | number): unknown {
  const container = bare(schema);
  if (container instanceof z.ZodArray && typeof part === 'number') return container.element;
  if (container instanceof z.ZodObject && Object.hasOwn(container.shape, part)) return container.shape[part] as unknown;
  return undefined;
}

/** Without the wrappers for what may be left out. */
function bare(schema: unknown): unknown {
  let current = schema;
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault) {
    current = current.unwrap();
  }
  return current;
}
