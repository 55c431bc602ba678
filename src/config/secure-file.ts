/** secure.conf: the database's address, and how to log in to the Jenkins of each target. */
import { nearName } from '../lib/near-name.ts';
import { checkJenkinsUrl } from './addresses.ts';
import { parseIni, type IniEntry, type IniSection } from './ini.ts';
import { fileProblem, firstProblems, oneLine, type Position, type Problem } from './problems.ts';
import { readTextFile } from './text-file.ts';

export const DEFAULT_SECURE_PATH = '/etc/nodepool/secure.conf';

export interface JenkinsSecrets {
  readonly url: string;
  readonly user: string;
  readonly apikey: string;
  readonly credentialsId: string | null;
}

export interface SecureFile {
  readonly path: string;
  readonly dburi: IniEntry | null;
  /** By name of the target. */
  readonly jenkins: ReadonlyMap<string, JenkinsSecrets>;
  readonly problems: readonly Problem[];
}

export const NO_SECRETS: SecureFile = { path: '', dburi: null, jenkins: new Map(), problems: [] };

/** `targets` are the names in the YAML file; null: unknown, because that file could not be read. */
export function readSecureFile(path: string, targets: readonly string[] | null): SecureFile {
  const source = readTextFile(path);
  if ('refusal' in source) return { ...NO_SECRETS, path, problems: [fileProblem(path, source.refusal)] };
  return parseSecureFile(path, source.text, targets);
}

export function parseSecureFile(path: string, text: string, targets: readonly string[] | null): SecureFile {
  const { sections, problems } = parseIni(text);
  const jenkins = new Map<string, JenkinsSecrets>();
  for (const section of sections) {
    const target = targetOf(section);
    if (target !== null) jenkins.set(target, secretsOf(section));
  }
  const found = function* (): Generator<Problem, void> {
    for (const problem of problems) yield { file: path, ...problem };
    for (const section of sections) yield* checkSection(section, targets, path);
  };
  const database = sections.find(({ name }) => name === 'database');
  return { path, dburi: database?.entries.get('dburi') ?? null, jenkins, problems: firstProblems(found()) };
}

/** The NAME of a section `jenkins "NAME"`; null for any other section. */
function targetOf({ name }: IniSection): string | null {
  return /^jenkins\s+"(.+)"$/.exec(name)?.[1] ?? null;
}

function secretsOf({ entries }: IniSection): JenkinsSecrets {
  const value = (key: string): string | null => entries.get(key)?.value || null;
  return {
    url: value('url') ?? '',
    user: value('user') ?? '',
    apikey: value('apikey') ?? '',
    credentialsId: value('credentials'),
  };
}

interface SectionKeys {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** What is wrong with the value of a required key. */
  readonly check: (key: string, value: string) => string | null;
}

const DATABASE: SectionKeys = { required: ['dburi'], optional: [], check: () => null };
const JENKINS: SectionKeys = {
  required: ['url', 'user', 'apikey'],
  optional: ['credentials'],
  check: (key, value) => (key === 'url' ? checkJenkinsUrl(value) : null),
};

function* checkSection(section: IniSection, targets: readonly string[] | null, file: string): Generator<Problem, void> {
  const at = ({ line, column }: Position, message: string, key?: string): Problem => {
    const path = oneLine(section.name);
    return { file, line, column, path: key === undefined ? path : `${path}.${oneLine(key)}`, message };
  };
  const target = targetOf(section);
  if (target === null && section.name !== 'database') {
    yield at(section, describeUnknownSection(section.name));
    return;
  }
  if (target !== null && targets && !targets.includes(target)) {
    const near = nearName(target, targets);
    yield at(
      section,
      `there is no target of this name; ${near === null ? 'add it to targets or remove the section' : `did you mean "${oneLine(near)}"?`}`,
    );
  }
  yield* checkKeys(section, target === null ? DATABASE : JENKINS, at);
}

function* checkKeys(
  section: IniSection,
  { required, optional, check }: SectionKeys,
  at: (position: Position, message: string, key: string) => Problem,
): Generator<Problem, void> {
  const known = [...required, ...optional];
  for (const [key, entry] of section.entries) {
    if (known.includes(key)) continue;
    const near = nearName(key, known);
    yield at(
      entry,
      `is not a known key; ${near === null ? `remove it (known keys: ${known.join(', ')})` : `did you mean ${near}?`}`,
      key,
    );
  }
  for (const key of required) {
    const entry = section.entries.get(key);
    if (!entry) {
      yield at(section, 'is missing; add it', key);
      continue;
    }
    const problem = entry.value === '' ? 'is empty; give it a value' : check(key, entry.value);
    if (problem !== null) yield at(entry, problem, key);
  }
}

function describeUnknownSection(name: string): string {
  const near = nearName(name.split(/[\s"]/, 1)[0] ?? '', ['database', 'jenkins']);
  if (near === 'database') return 'is not a known section; did you mean [database]?';
  if (near === 'jenkins') return 'is not a known section; write [jenkins "NAME"] with the name of a target';
  return 'is not a known section; remove it (there are [database] and [jenkins "NAME"])';
}
