/** Values of a checked file in the units and shapes of the resolved configuration. */
import type { Path } from './problems.ts';

export function byName<T extends { readonly name: string }>(entries: readonly T[]): ReadonlyMap<string, T> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

export function toMs(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** A scalar as it is written in the file; null when there is none at `path`. */
export type TextAt = (path: Path) => string | null;

type Loose = string | number | boolean;

/** A loose text: what YAML takes for a number or a truth value counts as it is written. */
export function asWritten(value: Loose, path: Path, textAt: TextAt): string {
  return typeof value === 'string' ? value : (textAt(path) ?? String(value));
}

export function textMap(
  map: Readonly<Record<string, Loose>>,
  path: Path,
  textAt: TextAt,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, asWritten(value, [...path, key], textAt)]));
}
