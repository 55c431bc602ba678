import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const GENERATED = new Set(['node_modules', 'dist', 'coverage', '.git']);

/** Paths of all files below a folder of the project, relative to its root, generated ones left out. */
export function filesBelow(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (GENERATED.has(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

export function read(path: string): string {
  return readFileSync(root + path, 'utf8');
}

export interface Import {
  readonly from: string;
  /** Path relative to the root for a file of ours, else the name of a package (`node:fs`, `@scope/name`). */
  readonly to: string;
  readonly isOurs: boolean;
  readonly isTypeOnly: boolean;
}

const STATEMENT =
  /^(?:import|export)\s(?:(type)\s)?([^'"`;]*?)from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;

/** All imports and re-exports of a TypeScript file. */
export function importsOf(path: string): Import[] {
  return [...read(path).matchAll(STATEMENT)].map(([, typeWord, names = '', ...specifiers]) => {
    const specifier = specifiers.find((text) => text !== undefined) ?? '';
    const isOurs = specifier.startsWith('.');
    return {
      from: path,
      to: isOurs ? posix.join(posix.dirname(path), specifier) : packageOf(specifier),
      isOurs,
      isTypeOnly: typeWord !== undefined || areAllTypes(names),
    };
  });
}

function areAllTypes(names: string): boolean {
  const braced = /^\{([^}]*)\}\s*$/.exec(names.trim())?.[1];
  const parts = braced?.split(',').filter((part) => part.trim() !== '') ?? [];
  return parts.length > 0 && parts.every((part) => part.trim().startsWith('type '));
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The part of the program that a file belongs to: a folder of `src`, or `main`, or `migrations`. */
export function partOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'src' ? second.replace(/\.ts$/, '') : top;
}
