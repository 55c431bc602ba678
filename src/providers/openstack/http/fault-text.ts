/** What services write when something is wrong: JSON in several forms, HTML from proxies and Glance, plain text. */
import { isRecord } from '../../../lib/json.ts';
import { sayText } from '../../../lib/say-text.ts';

const MAX_LENGTH = 300;
/** Of a page that is not JSON no more than this is looked at. */
const MAX_PAGE = 10_000;

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'", amp: '&' };

export interface Fault {
  /** One line; empty: nothing was said. */
  readonly text: string;
  /** `NeutronError.type` and its like in other services; null: not given. */
  readonly type: string | null;
}

/** Reads a fault. `secrets` are blotted out, whoever repeats them. */
export function readFault(
  answer: { readonly text: string; readonly body: unknown },
  secrets: readonly string[],
): Fault {
  const { text, type } = isRecord(answer.body) ? readJson(answer.body) : { text: null, type: null };
  return { text: toOneLine(text ?? readPage(answer.text), secrets), type };
}

/**
 * `{"badRequest": {"message": ...}}` (Nova), `{"NeutronError": {"message": ..., "type": ...}}` or with a bare text,
 * `{"error": {"message": ...}}` (Keystone), `{"message": ...}`.
 */
function readJson(body: Readonly<Record<string, unknown>>): { text: string | null; type: string | null } {
  const [fault = body] = [...Object.values(body).filter(isRecord), body].filter(({ message }) => isText(message));
  const bare = body.NeutronError ?? body.error ?? body.faultstring;
  const text = isText(fault.message) ? fault.message : isText(bare) ? bare : null;
  return { text, type: isText(fault.type) ? fault.type : null };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function readPage(text: string): string {
  const page = text.slice(0, MAX_PAGE);
  if (!page.trimStart().startsWith('<')) return page;
  return page
    .replaceAll(/<(title|script|style)\b[^]*?<\/\1>/gi, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/&([a-z]+|#\w+);/gi, (entity, name: string) => ENTITIES[name.toLowerCase()] ?? entity);
}

function toOneLine(text: string, secrets: readonly string[]): string {
  // Secrets go before the cut, which could leave half of one. Glance has line breaks of HTML even in JSON.
  return sayText(blotOut(text, secrets).replaceAll(/<br ?\/?>/g, ' '), MAX_LENGTH);
}

function blotOut(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => {
    if (secret === '') return rest;
    const literal = secret.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    // A short password is part of ordinary words; there only the whole word counts.
    return rest.replaceAll(new RegExp(secret.length < 8 ? `(?<!\\w)${literal}(?!\\w)` : literal, 'g'), '***');
  }, text);
}
