/**
 * Loads a configuration: the YAML file, secure.conf, and what follows from both. Daemon, command line and
 * `config-validate` use the same check. Everything is read synchronously: it is a matter of milliseconds.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { checkShape } from './check-shape.ts';
import { findBadUrls, findSuspicious } from './check-targets.ts';
import { resolveDatabase, secureDburi, securePathOf, type GivenDburi, type LoadOptions } from './database.ts';
import { configError, sortProblems, type Problem } from './problems.ts';
import { checkReferences } from './references.ts';
import { resolveConfig } from './resolve.ts';
import { NO_SECRETS, readSecureFile, type SecureFile } from './secure-file.ts';
import { rehearsalImages, stateDirectory } from './state-directory.ts';
import type { Config } from './types.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

export type { LoadOptions } from './database.ts';

export interface LoadedConfig {
  /** Deeply frozen. */
  readonly config: Config;
  readonly warnings: readonly Problem[];
}

export interface ConfigCheck {
  /** null when there are problems. */
  readonly config: Config | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** What was checked, as it was read; null when it is no YAML. */
  readonly file: YamlFile | null;
}

/** Error: `config`; its message has one line per problem. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { config, problems, warnings } = checkConfig(options);
  if (!config) throw configError(problems);
  return { config, warnings };
}

/** The same as data. Never throws because of what the files hold. */
export function checkConfig(options: LoadOptions): ConfigCheck {
  const reading = readYamlFile(options.path);
  if ('problems' in reading) {
    const problems = sortProblems([...reading.problems, ...readSecure(options, null).problems]);
    return { config: null, problems, warnings: [], file: null };
  }
  const { file } = reading;
  const shape = checkShape(file);
  const references = checkReferences(file, options);
  const secure = readSecure(
    options,
    references.targets.map(({ name }) => name),
  );
  const database = resolveDatabase(options, secureDburi(secure) ?? yamlDburi(file));
  const problems = sortProblems([
    ...shape.problems,
    ...references.problems,
    ...(options.fake ? [] : findBadUrls(references.targets, secure, file)),
    ...('problem' in database ? [database.problem] : []),
    ...secure.problems,
  ]);
  const missing = findMissingScripts(options, file, shape.entries?.['script-dir']);
  const warned = [...shape.warnings, ...references.warnings, ...missing];
  if (problems.length > 0 || !shape.entries || 'problem' in database) {
    return { config: null, problems, warnings: sortProblems(warned), file };
  }
  const config = resolveConfig({
    ...database,
    entries: shape.entries,
    hasScripts: missing.length === 0,
    path: resolve(options.path),
    secure,
    rehearsal: options.fake ? { imagesDir: rehearsalImages(options.path, stateDirectory(options)) } : null,
    textAt: file.textAt,
  });
  const suspicious = findSuspicious(config, references.targets, file);
  return { config, problems, warnings: sortProblems([...warned, ...suspicious]), file };
}

/** A rehearsal may run on a machine without the scripts; the fake cloud does not run them. */
function findMissingScripts({ fake }: LoadOptions, file: YamlFile, directory: string | undefined): readonly Problem[] {
  if (!fake || directory === undefined || existsSync(resolve(dirname(file.path), directory))) return [];
  const message = `the directory ${directory} does not exist; the rehearsal goes on without scripts`;
  return [file.problem(['script-dir'], message)];
}

function readSecure(options: LoadOptions, targets: readonly string[] | null): SecureFile {
  const path = securePathOf(options);
  return path === null ? NO_SECRETS : readSecureFile(path, targets);
}

function yamlDburi(file: YamlFile): GivenDburi | null {
  const value = file.value.dburi;
  // Anything but a text is reported with the other types.
  if (typeof value !== 'string' || value === '') return null;
  return { value, problem: (message) => file.problem(['dburi'], message) };
}
