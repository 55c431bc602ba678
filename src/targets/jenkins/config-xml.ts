/**
 * Reads the `config.xml` of an agent, and changes the label in it. All that Jenkins and its plugins keep in there goes
 * back as it came, so the document is not read into anything and written anew: the place of the label is found, and the
 * rest is copied.
 */

/** Comments, CDATA, instructions, a document type, tags; in attributes there may be a `>`. */
const MARKUP = /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<![^>]*>|<(\/?)([^\s/>]+)(?:"[^"]*"|'[^']*'|[^>"'])*>/g;

interface Place {
  readonly from: number;
  readonly to: number;
}

/** The document with `label` as the label of the agent; null: it is no XML. */
export function relabel(xml: string, label: string): string | null {
  const place = findLabel(xml);
  return place && `${xml.slice(0, place.from)}<label>${escape(label)}</label>${xml.slice(place.to)}`;
}

/** The element `label` right below the root, or, as a place of no length, the end of the root; null: it is no XML. */
function findLabel(xml: string): Place | null {
  const open: Tag[] = [];
  for (const tag of tagsOf(xml)) {
    const start = tag.kind === 'closing' ? open.pop() : tag;
    if (start?.name !== tag.name) return null;
    if (tag.kind === 'opening') {
      open.push(tag);
      continue;
    }
    // An element has ended here, and `open` holds those around it.
    if (open.length === 1 && tag.name === 'label') return { from: start.from, to: tag.to };
    if (open.length === 0) return tag.kind === 'closing' ? { from: tag.from, to: tag.from } : null;
  }
  return null;
}

interface Tag extends Place {
  readonly kind: 'opening' | 'closing' | 'empty';
  readonly name: string;
}

function* tagsOf(xml: string): Generator<Tag, void> {
  for (const { 0: text, 1: slash, 2: name, index } of xml.matchAll(MARKUP)) {
    const kind = slash === '/' ? 'closing' : text.endsWith('/>') ? 'empty' : 'opening';
    if (name !== undefined) yield { kind, name, from: index, to: index + text.length };
  }
}

/** The text of the first element of that name, which has none below it; undefined: there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').trim();
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
