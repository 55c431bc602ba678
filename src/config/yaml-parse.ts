/**
 * YAML text to a document, within limits: the parser recurses over nesting and allocates for every token and
 * error, so a small hostile file could take all memory. Version 1.1 is read, as the original did: `yes`, `on` and
 * merge keys (<<) mean what they meant. Dates and sexagesimal numbers stay texts, which is what a release or a
 * time in an env-var is meant to be.
 */
import { Composer, Lexer, Parser, type CST, type Document, type Tags } from 'yaml';
import { YAML_SENTENCES } from './yaml-sentences.ts';
import { explainErrors, type SyntaxProblem } from './yaml-slips.ts';

/** Real configurations nest six levels deep; each takes the parser one or two. */
const MAX_DEPTH = 100;
/** A real file of a thousand lines has eight thousand. */
const MAX_TOKENS = 250_000;

export type ParsedYaml = { readonly document: Document } | { readonly problems: readonly SyntaxProblem[] };

export function parseYaml(text: string): ParsedYaml {
  const tokens = tokenize(text);
  if ('problem' in tokens) return { problems: [tokens.problem] };
  const [document, second] = new Composer({
    version: '1.1',
    customTags: plainTags,
    // The parser compares every key with every other; `yaml-inspect.ts` looks for doubles instead.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
  }).compose(tokens.tokens, true, text.length);
  if (!document) return { problems: [{ offset: 0, message: YAML_SENTENCES.IMPOSSIBLE }] };
  const errors = [...document.errors, ...document.warnings];
  const problems = errors.length > 0 ? [...explainErrors(text, tokens.tokens, errors)] : [];
  if (second) problems.push({ offset: second.range[0], message: YAML_SENTENCES.MULTIPLE_DOCS });
  return problems.length > 0 ? { problems } : { document };
}

function tokenize(text: string): { tokens: CST.Token[] } | { problem: SyntaxProblem } {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    count += 1;
    if (parser.stack.length > MAX_DEPTH) {
      return { problem: { offset: parser.offset, message: YAML_SENTENCES.RESOURCE_EXHAUSTION } };
    }
    if (count > MAX_TOKENS) {
      return {
        problem: { offset: parser.offset, message: 'the file has more entries than any pool needs; name another file' },
      };
    }
  }
  tokens.push(...parser.end());
  return { tokens };
}

const UNWANTED = new Set(['binary', 'omap', 'pairs', 'set', 'timestamp'].map((name) => `tag:yaml.org,2002:${name}`));
const BOOL = 'tag:yaml.org,2002:bool';
const TRUE = /^(?:[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/;
const FALSE = /^(?:[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/;

function plainTags(tags: Tags): Tags {
  return tags.flatMap((tag): Tags => {
    if (typeof tag === 'string') return [tag];
    if (UNWANTED.has(tag.tag) || tag.format === 'TIME') return [];
    // The letters y and n were texts to the original, whatever the standard says.
    if (tag.tag === BOOL && !tag.collection) return [{ ...tag, test: tag.test?.test('y') ? TRUE : FALSE }];
    return [tag];
  });
}
