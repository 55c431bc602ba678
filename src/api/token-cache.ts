/** Looks up tokens by the digests of their secrets: a good one once in a few seconds, any other once a minute. */
import type { Clock } from '../lib/clock.ts';
import { REVOKED_WORKS_MS } from '../requests/tokens.ts';
import type { Store, TokenRecord } from '../store/store.ts';
import { dropOldest } from './drop-oldest.ts';

/** Secrets are random: one that nobody has now will be nobody's later. */
const KEEP_UNKNOWN_MS = 60_000;
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
    const entry = this.#fresh(hash) ?? this.#lookUp(hash);
    const token = await entry.token;
    return token !== null && this.#isGood(token) ? token : null;
  }

  /** Whether the database is not asked for this one now. */
  remembers(hash: string): boolean {
    return this.#fresh(hash) !== null;
  }

  /** Whether it was good the last time that it was looked at, however long ago. */
  wasGood(hash: string): boolean {
    return this.#entries.get(hash)?.wasGood ?? false;
  }

  #isGood({ expiresAt }: TokenRecord): boolean {
    return expiresAt === null || expiresAt > this.#clock.now();
  }

  #fresh(hash: string): Entry | null {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return null;
    const keepMs = entry.wasGood ? REVOKED_WORKS_MS : KEEP_UNKNOWN_MS;
    return Math.abs(this.#clock.now() - entry.at) < keepMs ? entry : null;
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
      const wasGood = token !== null && this.#isGood(token);
      if (entry !== undefined) this.#entries.set(hash, { ...entry, wasGood });
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
    dropOldest(this.#entries, MOST_ENTRIES);
  }
}
