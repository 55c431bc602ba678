/**
 * What is logged, in which form, and where to: the file given with `-l`. It is YAML; `config/logging.example.yaml`
 * explains its keys.
 */
import { dirname, resolve } from 'node:path';
import { configError, fileProblem, sortProblems, type Path, type Problem } from '../config/problems.ts';
import { readTextFile } from '../config/text-file.ts';
import { parseYamlFile, type YamlFile } from '../config/yaml-file.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'off'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `auto`: pretty on a terminal, JSON anywhere else. */
const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Absolute path; null: standard output. */
  readonly file: string | null;
  /** Levels of single loggers and everything below them: `nodepool.engine`. */
  readonly levels: Readonly<Record<string, LogLevel>>;
}

export const DEFAULT_LOG_SETTINGS: LogSettings = { level: 'info', format: 'auto', file: null, levels: {} };

/** Reads and checks the file. Errors: `config`, with one sentence per problem, each on its own line. */
export function readLogSettings(path: string): LogSettings {
  const source = readTextFile(path);
  if ('refusal' in source) throw configError([fileProblem(path, source.refusal)]);
  return parseLogSettings(source.text, path);
}

/** `path` is named in problems, and a relative log file is taken from its directory. Errors: `config`. */
export function parseLogSettings(text: string, path: string): LogSettings {
  if (isPythonLogging(text)) {
    const advice = 'write level, format, file and levels as YAML, as in config/logging.example.yaml';
    throw configError([fileProblem(path, `is a Python logging configuration, which is no longer read; ${advice}`)]);
  }
  if (isBlank(text)) return DEFAULT_LOG_SETTINGS;
  const reading = parseYamlFile(path, text);
  if ('problems' in reading) throw configError(reading.problems);
  const reader = new SettingsReader(reading.file);
  const settings = reader.read();
  if (reader.problems.length > 0) throw configError(sortProblems(reader.problems));
  return settings;
}

/** Those are INI files, whose sections stand in brackets. */
function isPythonLogging(text: string): boolean {
  return /^\s*\[\s*(loggers|handlers|formatters)\s*\]/m.test(text);
}

function isBlank(text: string): boolean {
  return text.replaceAll(/^\s*#.*$/gm, '').trim() === '';
}

/** Takes the values out of the file and collects what is wrong with them. */
class SettingsReader {
  readonly problems: Problem[] = [];
  readonly #file: YamlFile;

  constructor(file: YamlFile) {
    this.#file = file;
  }

  read(): LogSettings {
    const { level, format, file, levels, ...unknown } = this.#file.value;
    for (const key of Object.keys(unknown)) {
      this.problems.push(
        this.#file.problem([key], 'is not a logging setting; there are level, format, file and levels', 'key'),
      );
    }
    return {
      level: this.#choice(['level'], level, LOG_LEVELS) ?? DEFAULT_LOG_SETTINGS.level,
      format: this.#choice(['format'], format, LOG_FORMATS) ?? DEFAULT_LOG_SETTINGS.format,
      file: this.#path(['file'], file),
      levels: this.#levels(levels),
    };
  }

  #choice<T extends string>(path: Path, value: unknown, choices: readonly T[]): T | null {
    if (value === undefined || value === null) return null;
    // As written: YAML 1.1 takes `off` for the opposite of `on`.
    const text = this.#file.textAt(path);
    const choice = choices.find((candidate) => candidate === text) ?? null;
    if (choice === null) this.#problem(path, `is not one of ${choices.join(', ')}; write one of them`);
    return choice;
  }

  #path(path: Path, value: unknown): string | null {
    if (value === undefined || value === null) return null;
    if (typeof value === 'string' && value !== '') return resolve(dirname(this.#file.path), value);
    this.#problem(path, 'is not a path; write the path of the log file');
    return null;
  }

  #levels(value: unknown): Readonly<Record<string, LogLevel>> {
    if (value === undefined || value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.#problem(['levels'], 'is not a map of loggers to levels; write one logger per line');
      return {};
    }
    const levels: Record<string, LogLevel> = {};
    for (const [logger, level] of Object.entries(value)) {
      const path = ['levels', logger];
      if (!/^nodepool(\.[\w-]+)*$/.test(logger)) {
        this.problems.push(this.#file.problem(path, 'is not a logger; their names start with nodepool', 'key'));
      }
      levels[logger] = this.#choice(path, level, LOG_LEVELS) ?? DEFAULT_LOG_SETTINGS.level;
    }
    return levels;
  }

  #problem(path: Path, message: string): void {
    this.problems.push(this.#file.problem(path, message));
  }
}
