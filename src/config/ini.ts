/**
 * INI files as Python's ConfigParser reads them: `[section]`, `key = value` or `key: value`, keys without regard
 * to case, comments from `#` or `;` at the start of a line and from ` ;` in it. Values of several lines are not
 * read: no key here has any. There is no interpolation, so that a `%` in a password is one.
 */
import { oneLine, type Position } from './problems.ts';

export interface IniEntry extends Position {
  readonly value: string;
}

export interface IniSection extends Position {
  readonly name: string;
  readonly entries: ReadonlyMap<string, IniEntry>;
}

export interface IniProblem extends Position {
  /** The section, and the key if there is one; empty before the first section. */
  readonly path: string;
  readonly message: string;
}

export interface IniFile {
  /** A section that occurs again goes on. */
  readonly sections: readonly IniSection[];
  readonly problems: readonly IniProblem[];
}

interface OpenSection extends IniSection {
  readonly entries: Map<string, IniEntry>;
}

interface Reading {
  readonly sections: Map<string, OpenSection>;
  readonly problems: IniProblem[];
  section: OpenSection | null;
}

export function parseIni(text: string): IniFile {
  const reading: Reading = { sections: new Map(), problems: [], section: null };
  text.split(/\r?\n/).forEach((line, index) => readLine(line, index + 1, reading));
  return { sections: [...reading.sections.values()], problems: reading.problems };
}

function readLine(line: string, number: number, reading: Reading): void {
  if (/^\s*(?:$|[#;])|^rem\s/i.test(line)) return;
  const position = { line: number, column: line.search(/\S/) + 1 };
  const header = /^\s*\[([^\]]*)\]\s*(?:[;#].*)?$/.exec(line);
  if (header) openSection(header[1]?.trim() ?? '', position, reading);
  else readEntry(line, position, reading);
}

function openSection(name: string, position: Position, reading: Reading): void {
  const section = reading.sections.get(name) ?? { name, entries: new Map<string, IniEntry>(), ...position };
  reading.sections.set(name, section);
  reading.section = section;
}

function readEntry(line: string, position: Position, { section, problems }: Reading): void {
  const path = oneLine(section?.name ?? '');
  const separator = line.search(/[:=]/);
  const key = line.slice(0, separator).trim().toLowerCase();
  if (!section) {
    problems.push({
      ...position,
      path,
      message: 'stands before the first section; write [database] or [jenkins "NAME"] above it',
    });
  } else if (separator < 0 || key === '') {
    problems.push({ ...position, path, message: 'is neither a [section] nor KEY = VALUE; correct the line' });
  } else {
    if (section.entries.has(key)) {
      problems.push({ ...position, path: `${path}.${oneLine(key)}`, message: 'is given twice; remove one' });
    }
    section.entries.set(key, { value: withoutComment(line.slice(separator + 1)), ...position });
  }
}

function withoutComment(value: string): string {
  return value.replace(/\s;.*$/, '').trim();
}
