/**
 * Files and directories that a configuration names and this host does not have. They may be on the host of the daemon
 * or of a builder, so these are warnings, for whoever checks a file by hand; the daemon finds out by itself.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadOptions } from './database.ts';
import { checkConfig, type ConfigCheck } from './load.ts';
import { outlineOf, type Outline } from './outline.ts';
import { firstProblems, sortProblems, type Path, type Problem } from './problems.ts';
import type { Config, ProviderConfig, ProviderImageConfig } from './types.ts';
import type { YamlFile } from './yaml-file.ts';

/** The check of the daemon, with warnings of missing files. A rehearsal needs none of them. */
export function checkConfigHere(options: LoadOptions): ConfigCheck {
  const check = checkConfig(options);
  if (!check.config || !check.file || options.fake) return check;
  const missing = firstProblems(findMissing(check.config, check.file));
  return { ...check, warnings: sortProblems([...check.warnings, ...missing]) };
}

/** A file or directory, and the key that names it. */
interface NamedPlace {
  readonly key: Path;
  readonly kind: 'file' | 'directory';
  readonly place: string;
}

function* findMissing(config: Config, file: YamlFile): Generator<Problem, void> {
  for (const { key, kind, place } of placesOf(config, file)) {
    if (isThere(place, kind)) continue;
    const missing = `there is no ${kind} ${place} that can be seen here`;
    yield file.problem(key, `${missing}; correct the name or add the ${kind}, unless it is on another host`);
  }
}

function* placesOf(config: Config, file: YamlFile): Generator<NamedPlace, void> {
  const { scriptDir, elementsDir } = config;
  if (elementsDir !== null) yield { key: ['elements-dir'], kind: 'directory', place: elementsDir };
  if (scriptDir !== null) yield { key: ['script-dir'], kind: 'directory', place: scriptDir };
  // Without the directory, one warning is enough.
  const scripts = scriptDir !== null && isThere(scriptDir, 'directory') ? scriptDir : null;
  const outline = outlineOf(file.value);
  if (scripts !== null) yield* readyScripts(config, outline, scripts);
  for (const { name, images } of outline.providers) {
    const provider = config.providers.get(name);
    if (isFake(provider)) continue;
    for (const image of images) yield* imageFiles(provider?.images.get(image.name), image.path, { scripts, file });
  }
}

/** The fake cloud runs no scripts, and nobody logs in to it with a key. */
function isFake(provider: ProviderConfig | undefined): boolean {
  return provider?.driver === 'fake';
}

function* readyScripts(config: Config, { labels }: Outline, scripts: string): Generator<NamedPlace, void> {
  for (const { name, path } of labels) {
    const { readyScript = null, providers = [] } = config.labels.get(name) ?? {};
    const isReal = !providers.every((provider) => isFake(config.providers.get(provider)));
    if (readyScript === null || !isReal) continue;
    yield { key: [...path, 'ready-script'], kind: 'file', place: join(scripts, readyScript) };
  }
}

function* imageFiles(
  image: ProviderImageConfig | undefined,
  path: Path,
  { scripts, file }: { readonly scripts: string | null; readonly file: YamlFile },
): Generator<NamedPlace, void> {
  if (image?.source.kind === 'snapshot' && scripts !== null) {
    yield { key: [...path, 'setup'], kind: 'file', place: join(scripts, image.source.setup) };
  }
  const key = [...path, 'private-key'];
  // The usual one is not asked for where nobody wrote it: files are checked on many a host that is not the daemon's.
  if (image && file.textAt(key) !== null) yield { key, kind: 'file', place: image.privateKey };
}

function isThere(path: string, kind: 'file' | 'directory'): boolean {
  try {
    const entry = statSync(path);
    return kind === 'file' ? entry.isFile() : entry.isDirectory();
  } catch {
    // Not there, or not to be seen by this user: the warning says both.
    return false;
  }
}
