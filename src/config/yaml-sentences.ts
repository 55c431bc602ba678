/**
 * What the codes of the YAML parser mean, in words that say what to do. The parser's own messages are not used:
 * they quote the text, which may hold a password.
 */
import type { ErrorCode } from 'yaml';

/** The parser's codes, and those for which it has none of their own. */
export type SlipCode = ErrorCode | 'NO_SPACE_AFTER_DASH' | 'OPEN_BRACKET' | 'OPEN_QUOTE';

export const YAML_SENTENCES: Readonly<Record<SlipCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) has a tag or anchor of its own; remove that',
  BAD_ALIAS: 'an alias or anchor has no valid name; write *name or &name, or put the text in quotes',
  BAD_COLLECTION_TYPE: 'the tag does not fit the value after it; remove the tag',
  BAD_DIRECTIVE: 'a line that starts with % is not a valid directive; remove it or put the text in quotes',
  BAD_DQ_ESCAPE: 'an escape after \\ in double quotes is not valid; use single quotes or double the \\',
  BAD_INDENT: 'the indentation does not fit the lines around; line it up with the entries it belongs to',
  BAD_PROP_ORDER: 'a tag or anchor stands in the wrong place; put it directly before its value',
  BAD_SCALAR_START: 'a text starts with a character that has a meaning in YAML; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a map or list starts in the line of its key; put it on a line of its own, indented, or put the text in quotes',
  BLOCK_IN_FLOW: 'an indented map or list stands inside [] or {}; use one way of writing for both',
  DUPLICATE_KEY: 'the key is given twice; remove one',
  IMPOSSIBLE: 'the text cannot be read as YAML; check the line and the one before',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters; a colon or quote is probably missing before',
  MISSING_CHAR: 'a comma or colon, or a space beside one, is missing; add it',
  MULTILINE_IMPLICIT_KEY: 'a key runs over several lines; a colon, or the space after it, is probably missing',
  MULTIPLE_ANCHORS: 'a value has two anchors; remove one',
  MULTIPLE_DOCS: 'the file holds more than one YAML document; keep one and remove the --- lines',
  MULTIPLE_TAGS: 'a value has two tags; remove one',
  NON_STRING_KEY: 'a key is not a text; put it in quotes',
  NO_SPACE_AFTER_DASH: 'a space is missing after the - of a list entry; add it',
  OPEN_BRACKET: 'a [ or { is opened here but not closed; add the ] or }, and indent all lines up to it',
  OPEN_QUOTE: 'a quote is opened here but not closed; add the closing one',
  RESOURCE_EXHAUSTION: 'lists or maps are nested too deeply; remove levels',
  TAB_AS_INDENT: 'a line is indented with a tab; use spaces',
  TAG_RESOLVE_FAILED: 'the value has a tag (!name) that is not known; remove the tag',
  UNEXPECTED_TOKEN: 'something stands here that does not belong; check quotes, brackets and colons around it',
};
