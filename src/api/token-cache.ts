/** Looks up tokens by the digests of their secrets, each at most once in a few seconds. */
import type { Clock } from '../lib/clock.ts';
import type { Store, TokenRecord } from '../store/store.ts';

/** A token that was removed works for so long at most. */
const KEEP_MS = 5000;
const MOST_ENTRIES = 1000;

interface Entry {
  readonly at: number;
  readonly token: Promise<TokenRecord | null>;
  /** It was known when it was last looked up. */
  readonly wasGood: boolean;
}

export class TokenCache {
  readonly #tokens: Store['tokens'];
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor({ tokens, clock }: { tokens: Store['tokens']; clock: Clock }) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** The token with this digest; null: there is none, or it has expired. */
  async find(hash: string): Promise<TokenRecord | null> {
    const now = this.#clock.now();
    const known = this.#entries.get(hash);
    const entry = known !== undefined && Math.abs(now - known.at) < KEEP_MS ? known : this.#lookUp(hash);
    const token = await entry.token;
    return token === null || (token.expiresAt !== null && token.expiresAt <= now) ? null : token;
  }

  /** Whether it was good the last time that it was looked at, however long ago. */
  wasGood(hash: string): boolean {
    return this.#entries.get(hash)?.wasGood ?? false;
  }

  #lookUp(hash: string): Entry {
    const entry = { at: this.#clock.now(), token: this.#read(hash), wasGood: this.wasGood(hash) };
    this.#remember(hash, entry);
    return entry;
  }

  async #read(hash: string): Promise<TokenRecord | null> {
    try {
      const token = await this.#tokens.findByHash(hash);
      const entry = this.#entries.get(hash);
      if (entry !== undefined) this.#entries.set(hash, { ...entry, wasGood: token !== null });
      return token;
    } catch (error) {
      // The next one is to ask the database again.
      this.#entries.delete(hash);
      throw error;
    }
  }

  /** The oldest goes when there are too many: strangers choose what is asked for. */
  #remember(hash: string, entry: Entry): void {
    this.#entries.delete(hash);
    this.#entries.set(hash, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MOST_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
  }
}
