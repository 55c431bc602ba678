/**
 * The database of a configuration and nothing else, for commands that only look at rows. It takes a hundredth of
 * the time of a complete check, and a mistake elsewhere in the file does not keep anybody from looking.
 */
import { resolveDatabase, secureDburi, securePathOf, type GivenDburi, type LoadOptions } from './database.ts';
import { configError, fileProblem, positionAt } from './problems.ts';
import { NO_SECRETS, readSecureFile } from './secure-file.ts';
import { readTextFile } from './text-file.ts';
import type { DatabaseConfig } from './types.ts';

/** Error: `config`, when a file cannot be read or its `dburi` is wrong. */
export async function loadDatabase(options: LoadOptions): Promise<DatabaseConfig> {
  const securePath = securePathOf(options);
  const secure = securePath === null ? NO_SECRETS : readSecureFile(securePath, null);
  const fromSecure = secureDburi(secure);
  // A problem with the file may be the reason why it has none.
  if (!fromSecure && secure.problems.length > 0) throw configError(secure.problems);
  const result = resolveDatabase(options, fromSecure ?? (await findDburi(options.path)));
  if ('problem' in result) throw configError([result.problem]);
  return result.database;
}

/** `dburi: ADDRESS` at the start of a line, in quotes or not, without anything that YAML would read differently. */
const PLAIN_DBURI = /^(dburi:[ \t]+)(['"]?)([a-z][^\s'"\\#]*)\2[ \t]*\r?$/gim;

async function findDburi(path: string): Promise<GivenDburi | null> {
  const source = readTextFile(path);
  if ('refusal' in source) throw configError([fileProblem(path, source.refusal)]);
  const { text } = source;
  const mentions = text.split('dburi').length - 1;
  if (mentions === 0) return null;
  const [match, ...others] = text.matchAll(PLAIN_DBURI);
  if (mentions > 1 || !match || others.length > 0) return parseForDburi(path, text);
  const [, before = '', , value = ''] = match;
  const place = positionAt(text, match.index + before.length);
  return { value, problem: (message) => ({ file: path, ...place, path: 'dburi', message }) };
}

/** The slow way, for a file that writes it in an unusual way or mentions it elsewhere too. */
async function parseForDburi(path: string, text: string): Promise<GivenDburi | null> {
  const { parseYamlFile } = await import('./yaml-file.ts');
  const reading = parseYamlFile(path, text);
  if ('problems' in reading) throw configError(reading.problems);
  const { file } = reading;
  const value = file.value.dburi;
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string')
    throw configError([file.problem(['dburi'], 'is not a text; write a database address')]);
  return { value, problem: (message) => file.problem(['dburi'], message) };
}
