/**
 * The names in a file and what they refer to, as far as they can be made out. Read from the unchecked values, so
 * that a wrong number in one place does not hide a dangling reference in another.
 */
import { isRecord } from '../lib/json.ts';
import type { Path } from './problems.ts';

export interface Named {
  readonly name: string;
  /** Of the entry; the name is below it. */
  readonly path: Path;
}

export interface LabelOutline extends Named {
  readonly image: string | null;
  /** Nodes of it are to be kept ready. */
  readonly isKept: boolean;
  readonly providers: readonly Named[];
}

export interface ImageOutline extends Named {
  readonly diskimage: string | null;
  readonly hasBaseImage: boolean;
  readonly hasSetup: boolean;
}

export interface ProviderOutline extends Named {
  readonly images: readonly ImageOutline[];
}

export interface TargetOutline extends Named {
  readonly jenkinsUrl: string | null;
}

export interface Outline {
  readonly labels: readonly LabelOutline[];
  readonly providers: readonly ProviderOutline[];
  readonly targets: readonly TargetOutline[];
  readonly diskimages: readonly Named[];
  readonly hasImagesDir: boolean;
}

type Entry = Readonly<Record<string, unknown>>;

export function outlineOf(file: Entry): Outline {
  return {
    labels: named(file, ['labels'], (entry, path) => ({
      image: textOf(entry.image),
      isKept: !(Number(entry['min-ready'] ?? 1) <= 0),
      providers: named(entry, [...path, 'providers']),
    })),
    providers: named(file, ['providers'], (entry, path) => ({ images: imagesOf(entry, path) })),
    targets: named(file, ['targets'], ({ jenkins }) => ({
      jenkinsUrl: isRecord(jenkins) ? textOf(jenkins.url) : null,
    })),
    diskimages: named(file, ['diskimages']),
    hasImagesDir: isGiven(file['images-dir']),
  };
}

function imagesOf(provider: Entry, path: Path): ImageOutline[] {
  return named(provider, [...path, 'images'], (entry) => ({
    diskimage: textOf(entry.diskimage),
    hasBaseImage: isGiven(entry['base-image']),
    hasSetup: isGiven(entry.setup),
  }));
}

/** The entries of the list at the end of `path` that have a name, with what `more` makes of them. */
function named<T = unknown>(parent: Entry, path: Path, more?: (entry: Entry, path: Path) => T): (Named & T)[] {
  const list = parent[String(path.at(-1))];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown, index) => {
    if (!isRecord(entry)) return [];
    const name = textOf(entry.name);
    const own = [...path, index];
    return name === null ? [] : [{ name, path: own, ...(more?.(entry, own) as T) }];
  });
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
