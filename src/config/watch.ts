/**
 * Holds the configuration in force and replaces it when the files change. A broken or missing file is reported
 * once and changes nothing: the last good configuration stays.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../lib/log.ts';
import { securePathOf, type LoadOptions } from './database.ts';
import { fileStamp } from './file-stamp.ts';
import { checkConfig, loadConfig } from './load.ts';
import { formatProblem, type Problem } from './problems.ts';
import type { Config } from './types.ts';

export interface ConfigSourceOptions extends LoadOptions {
  readonly log: Log;
}

/** What a look at the files found. `broken`: they have problems, and have had since they were reported. */
export type ConfigState = 'unchanged' | 'changed' | 'broken';

export interface ConfigSource {
  /** The same object until a change of content. */
  current(): Config;
  /**
   * Looks whether the files have changed, and reads them if so: how often, its caller says. With `force` it reads them
   * in any case, and reports problems again. Never throws because of what the files hold.
   */
  check(options?: { readonly force?: boolean }): Promise<ConfigState>;
}

/** Loads the configuration. Error: `config`, when that fails the first time. */
export function createConfigSource(options: ConfigSourceOptions): ConfigSource {
  const { log } = options;
  let seen = fingerprint(options);
  const first = loadConfig(options);
  let current = first.config;
  let state: ConfigState = 'unchanged';
  const warn = createWarner(log);
  warn(first.warnings);

  function reload(): ConfigState {
    const { config, problems, warnings } = checkConfig(options);
    if (!config) {
      const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
      const message = `the configuration ${options.path} has ${count}; the last good one stays in force`;
      log.error({ problems: problems.map(formatProblem) }, message);
      return 'broken';
    }
    warn(warnings);
    if (isDeepStrictEqual(config, current)) {
      if (state === 'broken') log.info({}, `the configuration ${options.path} is as it was before`);
      return 'unchanged';
    }
    current = config;
    return 'changed';
  }

  return {
    current: () => current,
    check: async ({ force = false } = {}) => {
      const latest = fingerprint(options);
      if (!force && latest === seen) return state;
      // Taken before reading: a change while we read shows at the next look.
      seen = latest;
      const result = reload();
      state = result === 'broken' ? 'broken' : 'unchanged';
      return result;
    },
  };
}

/** Logs each warning once, for as long as it holds. */
function createWarner(log: Log): (warnings: readonly Problem[]) => void {
  let warned: readonly string[] = [];
  return (warnings) => {
    const sentences = warnings.map(formatProblem);
    for (const sentence of sentences) if (!warned.includes(sentence)) log.warn({}, sentence);
    warned = sentences;
  };
}

/** Changes whenever one of the files is written, replaced, removed or made. */
function fingerprint(options: LoadOptions): string {
  return [options.path, securePathOf(options)].map((path) => (path === null ? '' : fileStamp(path))).join(' ');
}
