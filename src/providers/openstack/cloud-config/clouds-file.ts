/** Reads the files of openstacksdk: clouds.yaml, secure.yaml and clouds-public.yaml. */
import { existsSync } from 'node:fs';
import { configError, fileProblem, type Path, type Problem } from '../../../config/problems.ts';
import { readTextFile, type TextFile } from '../../../config/text-file.ts';
import { parseYamlFile, type YamlFile } from '../../../config/yaml-file.ts';
import { isMap, type Setting, type Settings } from './settings.ts';

export interface CloudsFile {
  readonly path: string;
  /** Keys are written with underscores, but for names of clouds and the keys of the file itself. */
  readonly settings: Settings;
}

/** null: there is no such file, or nobody lets us know of it. */
export type ReadText = (path: string) => TextFile | null;

export const readTextIfThere: ReadText = (path) => (existsSync(path) ? readTextFile(path) : null);

/**
 * The first of `paths` that exists; null when none does. Error: `config`, when it cannot be read or is not of the right
 * form. openstacksdk would go on to the next file, and log in to another cloud or to none.
 */
export function readFirst(paths: readonly string[], readText: ReadText): CloudsFile | null {
  for (const path of paths) {
    const source = readText(path);
    if (source) return { path, settings: settingsOf(path, source) };
  }
  return null;
}

function settingsOf(path: string, source: TextFile): Settings {
  if ('refusal' in source) throw configError([fileProblem(path, source.refusal)]);
  if (isBlank(source.text)) return {};
  // JSON too: its own parser says no line, and quotes the text, which may hold a password.
  const reading = parseYamlFile(path, source.text);
  if ('problems' in reading) throw firstError(reading.problems);
  return checkedSettings(reading.file);
}

function isBlank(text: string): boolean {
  return text.split('\n').every((line) => /^\s*(#.*|---\s*|\.\.\.\s*)?$/.test(line));
}

function firstError(problems: readonly Problem[]): Error {
  return configError(problems.slice(0, 1));
}

/** Under these keys the file has names that are not ours to change, each with a map of settings. */
const NAMED = ['clouds', 'public-clouds'];

function checkedSettings(file: YamlFile): Settings {
  const sections = Object.entries(file.value).map(([key, value]): [string, Setting] => [
    key,
    NAMED.includes(key) ? namedMaps(file, key, value ?? {}) : plain(file, [key], value),
  ]);
  return Object.fromEntries(sections);
}

function namedMaps(file: YamlFile, section: string, value: unknown): Settings {
  if (!isMap(value)) throw noMap(file, [section]);
  const entries = Object.entries(value).map(([name, entry]): [string, Setting] => {
    const settings = plain(file, [section, name], entry ?? {});
    if (!isMap(settings)) throw noMap(file, [section, name]);
    if (!isMap(settings['auth'] ?? {})) throw noMap(file, [section, name, 'auth']);
    return [name, settings];
  });
  return Object.fromEntries(entries);
}

function noMap(file: YamlFile, path: Path): Error {
  return firstError([file.problem(path, 'must be a map of keys to values; change it')]);
}

function plain(file: YamlFile, path: Path, value: unknown): Setting {
  if (Array.isArray(value)) return value.map((entry, index) => plain(file, [...path, index], entry));
  if (isMap(value)) {
    const entries = Object.entries(value).map(([key, entry]) => [underscored(key), plain(file, [...path, key], entry)]);
    return Object.fromEntries(entries) as Settings;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return file.textAt(path) ?? String(value);
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

function underscored(key: string): string {
  return key.replaceAll('-', '_');
}
