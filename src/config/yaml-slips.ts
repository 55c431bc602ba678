/**
 * Finds the slip behind what the YAML parser complains about. Its codes alone do not tell: one code stands for an
 * open bracket and for a wrong indentation, another for an open quote and for a list entry without its dash, and the
 * place is often where the parser gave up, lines after what has to be mended. The tokens tell.
 */
import type { CST, ErrorCode } from 'yaml';
import { positionAt } from './problems.ts';
import { YAML_SENTENCES, type SlipCode } from './yaml-sentences.ts';

/** One slip often causes several errors in a row; the first ones tell. */
const MAX_ERRORS = 20;

export interface SyntaxProblem {
  readonly offset: number;
  readonly message: string;
}

interface Slip {
  readonly code: SlipCode;
  /** Where it is to be mended. */
  readonly offset: number;
  /** Errors from here on may be its consequences; the same place where not given. */
  readonly from?: number;
}

interface SyntaxError {
  readonly code: ErrorCode;
  readonly pos: readonly [number, number];
}

/** One sentence for each slip, at the line to be mended: of several errors in one line the first one counts. */
export function explainErrors(
  text: string,
  tokens: readonly CST.Token[],
  errors: readonly SyntaxError[],
): readonly SyntaxProblem[] {
  const slip = directiveWithoutDocument(tokens) ?? tokens.flatMap((token) => [...slipsIn(token, text)]).at(0);
  const found: Slip[] = errors
    .filter(({ pos }) => slip === undefined || pos[0] < (slip.from ?? slip.offset))
    .slice(0, MAX_ERRORS)
    .map(({ code, pos }) => ({ code, offset: pos[0] }));
  const lines = new Set<number>();
  const problems: SyntaxProblem[] = [];
  let isLost = false;
  for (const { code, offset } of slip ? [...found, slip] : found) {
    const { line } = positionAt(text, offset);
    // After what it did not expect, the parser expects nothing any more.
    const isFirst = !lines.has(line) && !(isLost && code === 'UNEXPECTED_TOKEN');
    if (isFirst) problems.push({ offset, message: YAML_SENTENCES[refine(code, text, offset)] });
    lines.add(line);
    isLost ||= code === 'UNEXPECTED_TOKEN';
  }
  return problems;
}

/** What the line says about a code that stands for several slips. */
function refine(code: SlipCode, text: string, offset: number): SlipCode {
  if (code === 'BAD_INDENT') return refineIndent(text.slice(startOfLine(text, offset)));
  const isFirst = text.slice(startOfLine(text, offset), offset).trim() === '';
  const rest = text.slice(offset, offset + 2);
  if (code !== 'UNEXPECTED_TOKEN' && code !== 'MULTILINE_IMPLICIT_KEY') return code;
  if (/^-\s/.test(rest)) return isFirst ? 'BAD_INDENT' : 'BLOCK_AS_IMPLICIT_KEY';
  return code === 'UNEXPECTED_TOKEN' && isFirst && !/^[\]},]/.test(rest) ? 'BAD_INDENT' : code;
}

function refineIndent(line: string): SlipCode {
  if (/^ *\t/.test(line)) return 'TAB_AS_INDENT';
  return /^ *-[^\s-]/.test(line) ? 'NO_SPACE_AFTER_DASH' : 'BAD_INDENT';
}

/** Directives end with a line of dashes; without one, the line was hardly meant to be a directive. */
function directiveWithoutDocument(tokens: readonly CST.Token[]): Slip | undefined {
  const directive = tokens.find(({ type }) => type === 'directive');
  const isEnded = tokens.some((token) => token.type === 'document' && token.start.some(isDocumentStart));
  return directive && !isEnded ? { code: 'BAD_DIRECTIVE', offset: directive.offset } : undefined;
}

function isDocumentStart({ type }: CST.SourceToken): boolean {
  return type === 'doc-start';
}

type Item = CST.CollectionItem;

function* slipsIn(token: CST.Token | null | undefined, text: string): Generator<Slip, void> {
  if (!token) return;
  if (token.type === 'document') yield* slipsIn(token.value, text);
  if (token.type === 'single-quoted-scalar' || token.type === 'double-quoted-scalar') yield* slipsOfQuotes(token);
  if (token.type === 'block-map' || token.type === 'block-seq') yield* slipsOfBlock(token, text);
  if (token.type === 'flow-collection') yield* slipsOfBrackets(token, text);
}

function* slipsOfQuotes({ source, offset }: CST.FlowScalar): Generator<Slip, void> {
  if (source.length < 2 || source.at(-1) !== source[0]) yield { code: 'OPEN_QUOTE', offset };
}

function* slipsOfBlock(block: CST.BlockMap | CST.BlockSequence, text: string): Generator<Slip, void> {
  for (const item of block.items as readonly Item[]) {
    yield* block.type === 'block-seq' ? slipsOfListItem(item) : slipsOfKey(item.key, text);
    yield* slipsOfNesting(item);
    yield* slipsIn(item.key, text);
    yield* slipsIn(item.value, text);
  }
}

function* slipsOfListItem({ start, value }: Item): Generator<Slip, void> {
  const isEntry = start.some(({ type }) => type === 'seq-item-ind');
  if (value && !isEntry) yield { code: 'BAD_INDENT', offset: value.offset, from: start[0]?.offset ?? value.offset };
}

function* slipsOfKey(key: Item['key'], text: string): Generator<Slip, void> {
  if (key?.type === 'block-seq') {
    yield { code: 'BAD_INDENT', offset: key.offset, from: startOfLine(text, key.offset) };
  }
  const lastLine = lastLineOf(key);
  if (key && lastLine !== null && columnOf(text, lastLine) < columnOf(text, key.offset)) {
    yield { code: 'BAD_INDENT', offset: lastLine, from: key.offset };
  }
}

/** A value, and below it a line with a key: that is indented further than the key of the value. */
function* slipsOfNesting({ key, sep, value }: Item): Generator<Slip, void> {
  if (!isRunOn(value) || !sep || sep.some(({ type }) => type === 'newline')) return;
  const deeper = lastLineOf(value.items[0]?.key) ?? value.offset;
  if (key?.type === 'scalar' && /^-[^\s-]/.test(key.source)) yield { code: 'NO_SPACE_AFTER_DASH', offset: key.offset };
  else yield { code: 'BAD_INDENT', offset: deeper, from: value.offset };
}

/** Inner ones first: what stays open inside takes the closing bracket away from what is around it. */
function* slipsOfBrackets({ offset, start, items, end }: CST.FlowCollection, text: string): Generator<Slip, void> {
  const inner = items.flatMap(({ key, value }) => [key, value]);
  for (const token of inner) {
    if (token?.type === 'flow-collection') yield* slipsAfter(token);
    // Indentation means nothing here.
    if (token?.type !== 'block-map') yield* slipsIn(token, text);
  }
  if (end.at(0)?.source !== closing(start)) yield { code: 'OPEN_BRACKET', offset };
  for (const token of inner) if (isRunOn(token)) yield { code: 'MISSING_CHAR', offset: token.offset };
}

function closing({ source }: CST.SourceToken): string {
  return source === '{' ? '}' : ']';
}

/** What stands between one that is closed and the next comma. */
function* slipsAfter({ end }: CST.FlowCollection): Generator<Slip, void> {
  const extra = end.slice(1).find(({ type }) => type !== 'space' && type !== 'comment' && type !== 'newline');
  if (extra) yield { code: /^[\]}]/.test(extra.source) ? 'UNEXPECTED_TOKEN' : 'MISSING_CHAR', offset: extra.offset };
}

/** A value goes on into a line with the next key. */
function isRunOn(token: CST.Token | null | undefined): token is CST.BlockMap {
  return token?.type === 'block-map' && lastLineOf(token.items[0]?.key) !== null;
}

/** Where the text of the last line of a text of several lines starts; null for anything else. */
function lastLineOf(token: CST.Token | null | undefined): number | null {
  if (token?.type !== 'scalar') return null;
  const lineEnd = token.source.lastIndexOf('\n');
  return lineEnd < 0 ? null : token.offset + lineEnd + token.source.slice(lineEnd).search(/\S/);
}

function startOfLine(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

function columnOf(text: string, offset: number): number {
  return offset - startOfLine(text, offset);
}
