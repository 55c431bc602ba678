/** Keeps an address that tries ever other wrong tokens from having each of them looked up. */
import type { Clock } from '../lib/clock.ts';
import { dropOldest } from './drop-oldest.ts';

const WINDOW_MS = 60_000;
const MOST_FAILURES = 20;
const MOST_ADDRESSES = 10_000;

export class FailureLimit {
  readonly #clock: Clock;
  readonly #windows = new Map<string, { readonly since: number; failures: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the address has to wait, in milliseconds; 0: it may try. */
  waitMs(address: string): number {
    const window = this.#windowOf(address);
    if (window === null || window.failures < MOST_FAILURES) return 0;
    return window.since + WINDOW_MS - this.#clock.now();
  }

  count(address: string): void {
    const window = this.#windowOf(address);
    if (window !== null) window.failures += 1;
    else this.#open(address);
  }

  #windowOf(address: string): { readonly since: number; failures: number } | null {
    const window = this.#windows.get(address);
    return window !== undefined && Math.abs(this.#clock.now() - window.since) < WINDOW_MS ? window : null;
  }

  #open(address: string): void {
    this.#windows.delete(address);
    this.#windows.set(address, { since: this.#clock.now(), failures: 1 });
    dropOldest(this.#windows, MOST_ADDRESSES);
  }
}
