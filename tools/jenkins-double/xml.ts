/** Reads XML as strictly as it has to be read to find mistakes: well-formed, known entities only, one root. */

export interface Element {
  readonly name: string;
  /** Its own, with entities replaced. */
  readonly text: string;
  readonly children: readonly Element[];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The root; null: it is not well-formed. */
export function parseXml(source: string): Element | null {
  const reader = new Reader(source);
  try {
    reader.take(/\s*(?:<\?xml [^?]*\?>)?/y);
    reader.skip();
    const root = reader.element();
    reader.skip();
    return reader.isAtEnd ? root : null;
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

class Malformed extends Error {}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#source.length;
  }

  /** What a sticky pattern finds here; null: nothing, and nothing is read. */
  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }

  /** Whatever may be between elements of a document. */
  skip(): void {
    this.take(/(?:\s|<!--(?:(?!--)[^])*-->)*/y);
  }

  element(): Element {
    const [, name = '', , slash] = this.#need(/<([A-Za-z_][\w.$:-]*)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>/y);
    if (slash === '/') return { name, text: '', children: [] };
    const children: Element[] = [];
    let text = '';
    for (;;) {
      if (this.take(/<!--(?:(?!--)[^])*-->/y)) continue;
      const raw = this.take(/<!\[CDATA\[([^]*?)\]\]>/y);
      const plain = this.take(/[^<]+/y);
      if (raw) text += raw[1] ?? '';
      if (plain) text += decode(plain[0]);
      if (raw || plain) continue;
      if (this.take(/<\//y)) break;
      children.push(this.element());
    }
    const [, closed] = this.#need(/([\w.$:-]+)\s*>/y);
    if (closed !== name) throw new Malformed();
    return { name, text, children };
  }

  #need(pattern: RegExp): RegExpExecArray {
    const found = this.take(pattern);
    if (!found) throw new Malformed();
    return found;
  }
}

function decode(text: string): string {
  return text.replaceAll(/&([^;]*;?)/g, (_, name: string) => {
    const found = ENTITIES[name.slice(0, -1)];
    if (found === undefined || !name.endsWith(';')) throw new Malformed();
    return found;
  });
}

export function encode(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
